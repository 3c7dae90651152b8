import pytest
import torch

from napari_cmr.core import Geometry
from napari_cmr.nets.neighbours import slice_distance, stride, with_neighbours


@pytest.mark.parametrize(
    ("step_mm", "expected"), [(10.0, 1), (8.0, 1), (5.0, 2), (17.7, 1), (2.5, 4), (None, 1)]
)
def test_neighbours_lie_about_as_far_off_as_in_training(step_mm, expected):
    assert stride(step_mm, 10.0) == expected


def test_a_slice_stands_between_those_beside_it():
    slices = torch.arange(1.0, 6.0)[:, None, None].expand(5, 2, 2)
    assert with_neighbours(slices, 2, 1, 1)[:, 0, 0].tolist() == [2, 3, 4]
    assert with_neighbours(slices, 2, 1, 2)[:, 0, 0].tolist() == [1, 3, 5]


def test_beyond_the_stack_there_is_nothing():
    slices = torch.ones(3, 2, 2)
    assert with_neighbours(slices, 0, 1, 1)[:, 0, 0].tolist() == [0, 1, 1]
    assert with_neighbours(slices[:1], 0, 1, 1)[:, 0, 0].tolist() == [0, 1, 0]


def test_without_reach_a_slice_is_alone():
    assert with_neighbours(torch.ones(3, 2, 2), 1, 0, 1).shape == (1, 2, 2)


def test_a_distance_is_known_only_between_slices_and_in_millimetres():
    assert slice_distance(Geometry.regular(3, (8.0, 1.0, 1.0))) == 8.0
    assert slice_distance(Geometry.regular(1, (8.0, 1.0, 1.0))) is None
    assert slice_distance(Geometry.regular(3, (1.0, 1.0, 1.0), spacing_known=False)) is None
