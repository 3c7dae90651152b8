"""Contours as masks: areas against closed forms and the shoelace formula, and another program."""

import numpy as np
import pytest
from skimage.draw import polygon2mask

from napari_cmr.core import InputError
from napari_cmr.io.polygon import polygon_mask, shoelace_area


def circle(x, y, radius, n=400):
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def test_the_shoelace_area_of_a_triangle_and_a_circle_is_theirs():
    triangle = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]])
    assert shoelace_area(triangle) == 6.0
    assert shoelace_area(triangle[::-1] + 1000) == 6.0
    assert shoelace_area(circle(50, 60, 20)) == pytest.approx(np.pi * 400, rel=1e-3)


def test_a_whole_number_is_the_centre_of_a_pixel():
    square = np.array([[1.5, 2.5], [4.5, 2.5], [4.5, 5.5], [1.5, 5.5]])  # x 2..4, y 3..5
    mask = polygon_mask(square, (8, 9))
    assert mask.sum() == 9
    assert mask[3:6, 2:5].all()


def test_masks_are_as_large_as_their_polygons():
    rng = np.random.default_rng(1)
    errors = []
    for _ in range(200):
        points = circle(*rng.uniform(30, 34, 2), rng.uniform(5, 25))
        area = shoelace_area(points)
        errors.append((polygon_mask(points, (64, 64)).sum() - area) / area)
    assert abs(np.mean(errors)) < 0.002  # neither grown nor shrunk
    assert np.max(np.abs(errors)) < 0.06


def test_contours_on_the_pixels_grid_are_neither_grown_nor_shrunk():
    """Corners on pixel centres, as in data sets that store halves of pixels."""
    square = np.array([[2.0, 2.0], [6.0, 2.0], [6.0, 6.0], [2.0, 6.0]])
    right = square + np.array([4.0, 0.0])
    masks = [polygon_mask(p, (10, 12)) for p in (square, right)]
    assert [m.sum() for m in masks] == [16, 16]
    assert not (masks[0] & masks[1]).any()


def test_another_program_finds_the_same_pixels_inside():
    rng = np.random.default_rng(2)
    for _ in range(50):
        angle = np.sort(rng.uniform(0, 2 * np.pi, 12))
        radius = rng.uniform(3, 14, 12)
        points = np.stack([16 + radius * np.cos(angle), 15 + radius * np.sin(angle)], axis=1)
        expected = polygon2mask((32, 33), points[:, ::-1])
        assert np.array_equal(polygon_mask(points, (32, 33)), expected)


def test_the_direction_of_drawing_does_not_matter():
    points = circle(10.3, 9.8, 6)
    assert np.array_equal(polygon_mask(points, (20, 20)), polygon_mask(points[::-1], (20, 20)))


def test_a_line_drawn_twice_round_leaves_no_hole():
    once = circle(10, 10, 6)
    twice = np.concatenate([once, circle(10, 10, 5)])
    assert np.array_equal(polygon_mask(once, (20, 20)), polygon_mask(twice, (20, 20)))


def test_what_lies_outside_the_picture_is_cut_off():
    huge = np.array([[-1e9, -1e9], [1e9, -1e9], [1e9, 1e9], [-1e9, 1e9]])
    assert polygon_mask(huge, (5, 6)).all()
    assert not polygon_mask(huge / 1e8 + 100, (5, 6)).any()
    half = np.array([[-5.0, -5.0], [2.5, -5.0], [2.5, 20.0], [-5.0, 20.0]])
    assert polygon_mask(half, (5, 6)).sum() == 15


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((2, 2)),
        np.zeros((0, 2)),
        np.array([[0, 0], [1, np.nan], [2, 2]]),
        np.array([[0, 0], [1, -1e308], [2, 1e308]]),
    ],
)
def test_what_is_no_contour_is_refused(points):
    with pytest.raises(InputError, match="contour"):
        polygon_mask(points, (4, 4))
