import numpy as np
import pytest
import torch

from napari_cmr.learn.pretraining.views import ViewConfig, make_views

STILL = ViewConfig(
    size=32, area=(1.0, 1.0), aspect=0, rotation_deg=0, flip=0, gamma=0, bias=0, noise=0, blur=0
)
KEYS = torch.tensor([11, 12, 13])


@pytest.fixture
def images():
    torch.manual_seed(0)
    coarse = torch.rand(3, 1, 6, 6)
    return torch.nn.functional.interpolate(coarse, (32, 32), mode="bilinear")


def standardised(x):
    return (x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True)


def test_without_changes_a_view_is_the_standardised_picture(images):
    assert torch.allclose(make_views(images, KEYS, 0, STILL), standardised(images), atol=1e-3)


def test_a_view_depends_on_its_own_seed_and_number_only(images):
    config = ViewConfig(size=32)
    together = make_views(images, KEYS, 0, config)
    alone = torch.cat([make_views(images[i : i + 1], KEYS[i : i + 1], 0, config) for i in range(3)])
    assert torch.allclose(together, alone, atol=1e-5)
    assert not torch.allclose(together, make_views(images, KEYS, 1, config), atol=0.1)


def test_flips_turn_rows_and_columns(images):
    flipped = make_views(images, KEYS, 0, STILL.model_copy(update={"flip": 1.0}))
    assert torch.allclose(flipped, standardised(images).flip(2, 3), atol=1e-3)


def test_a_view_of_a_quarter_shows_a_quarter():
    ramp = torch.linspace(0, 1, 64).expand(1, 1, 64, 64)
    config = STILL.model_copy(update={"size": 64, "area": (0.25, 0.25), "gamma": 0.0})
    # The ramp's slope within the view is half the picture's; undo the standardisation by corners.
    for number in range(5):
        view = make_views(ramp, KEYS[:1], number, config)[0, 0]
        assert view.diff(dim=1).std() < 1e-3
        assert view.diff(dim=0).abs().max() < 1e-3


def test_noise_is_rician_of_the_promised_size():
    flat = torch.full((200, 1, 16, 16), 0.5)
    flat[:, :, :, 8:] = 0.0  # background, where magnitude noise has mean sigma * sqrt(pi / 2)
    config = STILL.model_copy(update={"size": 16, "noise": 1.0})
    views = make_views(flat, torch.arange(200), 0, config)
    inside, outside = views[..., :7].mean((1, 2, 3)), views[..., 9:].mean((1, 2, 3))
    spread = views[..., 9:].std((1, 2, 3)) / (inside - outside) * 0.5
    # sigma is uniform in 0.01 to 0.1; the spread of Rayleigh noise is 0.655 sigma
    assert float(spread.median()) == pytest.approx(0.055 * 0.655, rel=0.25)


def test_no_view_holds_anything_but_numbers():
    dark = torch.zeros(2, 1, 32, 32)
    assert torch.isfinite(make_views(dark, KEYS[:2], 0, ViewConfig(size=32))).all()


def test_rotation_stays_within_what_is_allowed():
    rows, columns = np.mgrid[:64, :64] - 31.5
    bar = torch.from_numpy((np.abs(rows) < 3).astype(np.float32))[None, None]
    config = STILL.model_copy(update={"size": 64, "rotation_deg": 20.0})
    angles = []
    for number in range(40):
        view = make_views(bar, KEYS[:1], number, config)[0, 0].numpy() > 1
        y, x = rows[view], columns[view]
        angles.append(np.degrees(np.arctan2((x * y).mean(), (x * x).mean())))
    assert 12 < max(np.abs(angles)) <= 21
