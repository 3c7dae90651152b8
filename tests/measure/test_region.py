"""Rulers and regions, against closed forms."""

import numpy as np
import pytest

from napari_cmr.core import Geometry
from napari_cmr.measure.region import length, pixels_in, region

KNOWN = Geometry.regular(1, (8.0, 2.0, 0.5))
UNKNOWN = Geometry.regular(1, (1.0, 1.0, 1.0), spacing_known=False)


def test_a_ruler_measures_millimetres_with_the_steps_of_rows_and_columns():
    assert str(length(np.array([[0, 0], [3, 16]]), KNOWN)) == "10.0 mm"  # 6 and 8 mm
    assert length(np.array([[0, 0], [3, 0], [3, 16]]), KNOWN).value == pytest.approx(14)


def test_without_a_spacing_a_ruler_measures_pixels_and_says_so():
    assert str(length(np.array([[0, 0], [3, 4]]), UNKNOWN)) == "5.0 pixels"


def test_a_region_has_the_mean_and_sample_spread_of_its_pixels():
    picture = np.arange(30.0).reshape(5, 6)
    corners = np.array([[1, 1], [1, 3], [2, 3], [2, 1]])
    inside = pixels_in(corners, (5, 6), round_shape=False)
    assert picture[inside].tolist() == [7, 8, 9, 13, 14, 15]
    found = region(picture, inside, KNOWN)
    assert found.mean == 11
    assert found.spread == pytest.approx(np.sqrt((16 + 9 + 4 + 4 + 9 + 16) / 5))
    assert found.area_mm2 == pytest.approx(6)
    assert str(found) == "11.0 ± 3.4, 6 mm²"
    assert str(region(picture, inside, UNKNOWN)) == "11.0 ± 3.4, 6 pixels"


@pytest.mark.parametrize("turn", [0.0, 0.4, 1.2])
def test_an_ellipse_covers_pi_a_b_however_it_is_turned(turn):
    a, b = 30.0, 18.0
    way = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    corners = np.array([[-a, -b], [-a, b], [a, b], [a, -b]]) @ way + 50
    inside = pixels_in(corners, (100, 100), round_shape=True)
    assert inside.sum() == pytest.approx(np.pi * a * b, rel=0.02)
    square = pixels_in(corners, (100, 100), round_shape=False)
    assert square.sum() == pytest.approx(4 * a * b, rel=0.05)
    assert (inside <= square).all()


def test_a_region_without_a_pixel_or_of_one_has_no_mean_or_no_spread():
    flat = pixels_in(np.array([[1, 1], [1, 1], [1, 1], [1, 1]]), (5, 5), round_shape=True)
    assert region(np.zeros((5, 5)), flat, KNOWN) is None
    one = np.zeros((5, 5), bool)
    one[2, 2] = True
    assert region(np.full((5, 5), 4.0), one, KNOWN).spread is None
