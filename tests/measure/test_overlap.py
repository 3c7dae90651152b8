import numpy as np
import pytest

from napari_cmr import measure
from napari_cmr.core import InputError


def box(*sides, shape=(6, 12, 12)):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*s) for s in sides)] = True
    return mask


def test_dice_of_boxes_is_their_arithmetic():
    a = box((1, 3), (2, 6), (2, 6))  # 2 x 4 x 4 = 32
    b = box((2, 4), (2, 6), (4, 8))  # 32, of which 1 x 4 x 2 = 8 in both
    assert measure.dice(a, b) == pytest.approx(2 * 8 / 64)
    assert measure.dice(a, a) == 1.0


def test_dice_of_nothing_with_nothing_is_one_and_with_something_nought():
    nothing, something = np.zeros((2, 3, 4)), np.ones((2, 3, 4))
    assert measure.dice(nothing, nothing) == 1.0
    assert measure.dice(nothing, something) == 0.0
    assert measure.dice(something, nothing) == 0.0


def test_masks_of_other_shapes_are_refused():
    with pytest.raises(InputError, match="shapes"):
        measure.dice(np.zeros((2, 2)), np.zeros((2, 3)))


def test_a_box_moved_by_two_slices_is_two_slice_steps_away():
    a, b = box((1, 2), (2, 10), (2, 10)), box((3, 4), (2, 10), (2, 10))
    assert measure.hausdorff95_mm(a, b, (8.0, 1.0, 1.0)) == pytest.approx(16.0)


def test_surface_distance_of_nothing():
    nothing, something = np.zeros((2, 3, 4)), np.ones((2, 3, 4))
    assert measure.hausdorff95_mm(nothing, nothing, (1, 1, 1)) == 0.0
    assert np.isnan(measure.hausdorff95_mm(nothing, something, (1, 1, 1)))


def test_surface_distance_needs_a_spacing_for_each_axis():
    with pytest.raises(InputError, match="3 positive spacings"):
        measure.hausdorff95_mm(np.ones((2, 2, 2)), np.ones((2, 2, 2)), (1.0, 1.0))


@pytest.mark.parametrize("seed", range(4))
def test_surface_distance_agrees_with_brute_force(seed):
    rng = np.random.default_rng(seed)
    spacing = (5.0, 1.4, 1.7)
    grid = np.stack(np.meshgrid(*map(np.arange, (5, 14, 14)), indexing="ij"), -1)
    blobs = [
        (((grid - rng.uniform([1, 4, 4], [3, 9, 9])) / rng.uniform(2, 4)) ** 2).sum(-1) < 1
        for _ in range(2)
    ]

    def surface(mask):
        points = []
        for p in np.argwhere(mask):
            neighbours = [p + s * np.eye(3, dtype=int)[i] for i in range(3) for s in (-1, 1)]
            if not all(
                (n >= 0).all() and (n < mask.shape).all() and mask[tuple(n)] for n in neighbours
            ):
                points.append(p)
        return np.array(points) * spacing

    a, b = map(surface, blobs)
    distances = np.linalg.norm(a[:, None] - b[None], axis=-1)
    slow = max(np.percentile(distances.min(1), 95), np.percentile(distances.min(0), 95))
    assert measure.hausdorff95_mm(*blobs, spacing) == pytest.approx(slow)
