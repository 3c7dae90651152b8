import math

import numpy as np
import pytest

from napari_cmr.core import InputError
from napari_cmr.measure import disc_volume, disc_volume_of_mask


def test_three_discs_by_hand():
    # pi / 4 * (4 + 16 + 9) * 12 / 3
    assert disc_volume(12.0, np.array([2.0, 4.0, 3.0])) == pytest.approx(math.pi * 29)


def test_many_discs_approach_a_sphere_s_volume():
    s = (np.arange(400) + 0.5) / 400 * 20 - 10
    assert disc_volume(20.0, 2 * np.sqrt(100 - s**2)) == pytest.approx(
        4 / 3 * math.pi * 1000, rel=1e-5
    )


@pytest.mark.parametrize("angle", [0, 17, 45, 90, 160])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.7, 1.3)])
def test_an_ellipse_s_mask_has_the_volume_of_its_ellipsoid_however_it_lies(angle, spacing):
    a, b, turn = 34.0, 17.0, math.radians(angle)
    y, x = (np.mgrid[:160, :160] - 79.3) * np.array(spacing)[:, None, None]
    along, across = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    mask = (along / a) ** 2 + (across / b) ** 2 < 1
    volume = disc_volume_of_mask(mask, spacing)
    assert volume == pytest.approx(4 / 3 * math.pi * a * b**2, rel=0.03)


def test_an_empty_mask_has_no_volume_and_one_pixel_some():
    mask = np.zeros((9, 9))
    assert disc_volume_of_mask(mask) == 0
    mask[4, 4] = 1
    assert disc_volume_of_mask(mask, n_discs=1) == pytest.approx(math.pi / 4, rel=0.5)


@pytest.mark.parametrize(
    ("length", "diameters"), [(1.0, []), (-1.0, [1.0]), (1.0, [-1.0]), (math.nan, [1.0])]
)
def test_what_is_no_stack_of_discs_is_refused(length, diameters):
    with pytest.raises(InputError, match="Discs need"):
        disc_volume(length, np.array(diameters))


def test_a_volume_needs_one_plane():
    with pytest.raises(InputError, match="two axes"):
        disc_volume_of_mask(np.ones((2, 3, 3)))
