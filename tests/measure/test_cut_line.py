"""Where one slice cuts another's picture, against points known in space."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cmr.core import Geometry
from napari_cmr.measure.cut_line import cut_line


def plane(origin, down, right, spacing=(1.0, 1.0), **more):
    axes = np.array([[down, right]], float)
    return Geometry(np.array([origin], float), axes, spacing, 8.0, **more)


AXIAL = plane((0, 0, 0), (0, 1, 0), (1, 0, 0), (2.0, 1.0))


def test_a_plane_across_the_columns_cuts_in_one_column_over_all_rows():
    sagittal = plane((7, 0, 0), (0, 0, 1), (0, 1, 0))
    (r0, c0), (r1, c1) = cut_line(AXIAL, 0, (20, 30), sagittal, 0)
    assert c0 == pytest.approx(7)
    assert c1 == pytest.approx(7)
    assert sorted((r0, r1)) == pytest.approx([-0.5, 19.5])


def test_steps_of_rows_and_columns_count_by_themselves():
    # x + y = 10 mm: with rows 2 mm apart, 2 * row + column = 10.
    across = np.array([1.0, -1.0, 0.0]) / np.sqrt(2)
    oblique = plane((10, 0, 0), (0, 0, 1), across)
    ends = cut_line(AXIAL, 0, (20, 30), oblique, 0)
    for row, column in ends:
        assert 2 * row + column == pytest.approx(10)


@pytest.mark.parametrize(
    "other",
    [
        plane((0, 0, 5), (0, 1, 0), (1, 0, 0)),
        plane((0, 0, 5), (0, np.cos(0.03), np.sin(0.03)), (1, 0, 0)),
        plane((99, 0, 0), (0, 0, 1), (0, 1, 0)),
        plane((7, 0, 0), (0, 0, 1), (0, 1, 0), oriented=False),
        plane((7, 0, 0), (0, 0, 1), (0, 1, 0), spacing_known=False),
    ],
    ids=["parallel", "nearly parallel", "outside", "not oriented", "no millimetres"],
)
def test_where_there_is_no_line_worth_drawing_there_is_none(other):
    assert cut_line(AXIAL, 0, (20, 30), other, 0) is None


@given(st.integers(0, 10_000))
def test_both_ends_lie_in_both_planes_and_on_the_border(seed):
    rng = np.random.default_rng(seed)
    one, two = (_turned(rng) for _ in range(2))
    ends = cut_line(one, 0, (40, 50), two, 0)
    if ends is None:
        return
    normal = np.cross(two.axes[0, 1], two.axes[0, 0])
    for row, column in ends:
        steps = np.array([row, column]) * one.pixel_spacing
        point = one.origins[0] + steps @ one.axes[0]
        assert abs(normal @ (point - two.origins[0])) < 1e-6
        on_border = min(abs(row + 0.5), abs(row - 39.5), abs(column + 0.5), abs(column - 49.5))
        assert on_border < 1e-6
        assert -0.5 - 1e-6 <= row <= 39.5 + 1e-6
        assert -0.5 - 1e-6 <= column <= 49.5 + 1e-6


def _turned(rng):
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    spacing = tuple(rng.uniform(0.5, 3, 2))
    return plane(rng.uniform(-20, 20, 3), turn[0], turn[1], spacing)
