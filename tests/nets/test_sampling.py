import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_cmr.nets.sampling import clip, sample, shrink, square_points, standardise


def test_sampling_equals_scipys_bilinear_interpolation():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(40, 60)).astype(np.float32)
    pixel_mm = (1.5, 1.2)
    points = square_points((31.0, 35.0), 20, 1.1)
    got = sample(torch.from_numpy(image)[None, None], pixel_mm, points)[0, 0].numpy()
    index = [points[0, ..., i].numpy() / pixel_mm[i] - 0.5 for i in (0, 1)]
    expected = ndimage.map_coordinates(image, index, order=1)
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_a_crop_at_the_pictures_own_step_is_the_picture():
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    crop = sample(image, (2.0, 2.0), square_points((4.0, 4.0), 4, 2.0))
    torch.testing.assert_close(crop, image)


def test_outside_the_picture_is_zero():
    crop = sample(torch.ones(1, 1, 4, 4), (1.0, 1.0), square_points((2.0, 100.0), 4, 1.0))
    assert not crop.any()


def test_shrinking_keeps_a_point_where_it_was_in_millimetres():
    image = torch.zeros(1, 1, 90, 90)
    image[0, 0, 60:66, 30:36] = 1  # centre at (63, 33) mm
    small, mm = shrink(image, (1.0, 1.0), 3.0)
    assert small.shape[2:] == (30, 30)
    assert mm == (3.0, 3.0)
    rows, columns = torch.nonzero(small[0, 0] > 0.5, as_tuple=True)
    assert (rows.float().mean() + 0.5) * 3 == pytest.approx(63)
    assert (columns.float().mean() + 0.5) * 3 == pytest.approx(33)


def test_a_fine_grid_is_left_as_it_is():
    image = torch.rand(1, 1, 8, 8)
    same, mm = shrink(image, (1.6, 1.6), 1.4)
    assert same is image
    assert mm == (1.6, 1.6)


def test_clipping_takes_outliers_off_and_scales_to_one():
    image = torch.rand(2, 1, 50, 50)
    image[0, 0, 0, 0] = 1e6
    clipped = clip(image)
    assert clipped.min() == 0
    assert clipped.max() == 1
    assert clipped[0].mean() == pytest.approx(0.5, abs=0.05)


def test_a_black_picture_stays_finite():
    black = standardise(clip(torch.zeros(1, 1, 8, 8)))
    assert torch.isfinite(black).all()
