import numpy as np
import pytest

from napari_cmr.core import Geometry, Segmentation, Stack, Structure
from napari_cmr.report import layout


def labels_of_cone(n_slices=6, rows=80, columns=60):
    """A heart that is largest in slice 0 and shrinks towards the last."""
    labels = np.zeros((1, n_slices, rows, columns), np.uint8)
    for z in range(n_slices):
        half = 12 - 2 * z
        labels[0, z, 40 - half : 40 + half, 25 - half : 25 + half] = Structure.LV
    return labels


def oriented(normal_sign, n_slices=6):
    """Slices that step along left, forwards and down (or back)."""
    step = normal_sign * 8 * np.array([1.0, -1.0, -1.0]) / np.sqrt(3)
    down = np.array([0.0, 1.0, -1.0]) / np.sqrt(2)
    right = np.cross(down, step / 8)
    origins = np.arange(n_slices)[:, None] * step
    return Geometry(origins, np.tile([down, right], (n_slices, 1, 1)), (1.5, 1.5))


@pytest.mark.parametrize(("sign", "expected"), [(1, [0, 1, 2, 3, 4, 5]), (-1, [5, 4, 3, 2, 1, 0])])
def test_where_the_patients_sides_are_known_they_tell_base_from_apex(sign, expected):
    segmentation = Segmentation(labels_of_cone(), oriented(sign))
    assert layout.base_to_apex(segmentation, 0) == expected


def test_elsewhere_the_larger_end_is_the_base():
    labels = labels_of_cone()
    geometry = Geometry.regular(6, (8, 1.5, 1.5))
    assert layout.base_to_apex(Segmentation(labels, geometry), 0) == [0, 1, 2, 3, 4, 5]
    assert layout.base_to_apex(Segmentation(labels[:, ::-1], geometry), 0) == [5, 4, 3, 2, 1, 0]


def test_slices_are_put_in_order_of_place_not_of_index():
    geometry = Geometry.regular(6, (8, 1.5, 1.5))
    order = [3, 0, 5, 1, 4, 2]
    labels = labels_of_cone()[:, order]
    shuffled = Segmentation(labels, geometry.take(order))
    assert [order[z] for z in layout.base_to_apex(shuffled, 0)] == [0, 1, 2, 3, 4, 5]


def test_the_box_is_a_square_of_millimetres_that_holds_the_heart():
    geometry = Geometry.regular(6, (8, 1.0, 2.0))
    segmentation = Segmentation(labels_of_cone(200, 200, 200)[:, :6], geometry)
    rows, columns = layout.heart_box(segmentation, [0])
    # The cavity spans 24 pixels: 24 mm down, 48 mm across; 48 + 2 x 14 mm = 76 mm a side.
    assert rows.stop - rows.start == 76
    assert columns.stop - columns.start == 38
    assert rows.start < 28 < 52 < rows.stop
    assert columns.start < 13 < 37 < columns.stop


def test_the_box_stays_inside_the_picture():
    geometry = Geometry.regular(6, (8, 1.5, 1.5))
    labels = np.zeros((1, 6, 50, 50), np.uint8)
    labels[0, 2, 45:, 45:] = Structure.LV
    rows, columns = layout.heart_box(Segmentation(labels, geometry), [0])
    assert (rows.stop, columns.stop) == (50, 50)
    assert rows.start >= 0


def test_without_a_heart_the_box_is_the_picture():
    empty = Segmentation(np.zeros((1, 6, 50, 40), np.uint8), Geometry.regular(6, (8, 1, 1)))
    assert layout.heart_box(empty, [0]) == (slice(0, 50), slice(0, 40))


def test_a_flat_picture_still_has_a_grey_window():
    stack = Stack(np.full((1, 1, 4, 4), 7.0), Geometry.regular(1, (8, 1, 1)))
    ((low, high),) = layout.grey_windows(stack, (slice(0, 4), slice(0, 4)), [0])
    assert low == 7
    assert high > low


def test_each_slice_has_its_own_grey_values_but_noise_is_not_stretched():
    pixels = np.zeros((2, 3, 10, 10))
    pixels[:, 0, 5:], pixels[:, 1, 5:], pixels[:, 2, 5:] = 1000, 300, 2
    pixels[1, :, :, 5:] *= 0.5  # the other phase shares the window
    stack = Stack(pixels, Geometry.regular(3, (8, 1, 1)))
    windows = layout.grey_windows(stack, (slice(0, 10), slice(0, 10)), [0, 1])
    np.testing.assert_allclose(windows, [[0, 1000], [0, 300], [0, 150]])


def test_an_outline_runs_half_a_pixel_outside_the_masks_pixels():
    mask = np.zeros((6, 6), bool)
    mask[2:4, 0:3] = True  # touches the picture's border
    (line,) = layout.outline(mask)
    assert line.min(0).tolist() == [1.5, -0.5]
    assert line.max(0).tolist() == [3.5, 2.5]
    np.testing.assert_array_equal(line[0], line[-1])


@pytest.mark.parametrize(
    ("vector", "letters"),
    [((1, 0, 0), "L"), ((-0.9, -0.43, 0), "RA"), ((0, 0.6, 0.8), "HP"), ((0, 0.1, -1), "F")],
)
def test_directions_are_told_in_letters(vector, letters):
    assert layout.direction(np.array(vector, float)) == letters


def test_sides_are_only_named_where_they_are_known():
    assert layout.side_letters(Geometry.regular(1, (8, 1, 1)), 0) is None
    axes = np.array([[[0.0, 0.0, -1.0], [1.0, 0.0, 0.0]]])
    coronal = Geometry(np.zeros((1, 3)), axes, (1.0, 1.0))
    assert layout.side_letters(coronal, 0) == ("R", "H")
