import numpy as np
import pytest

from napari_cmr import measure
from napari_cmr.core import GeometryError, InputError, Segmentation, Stack, Structure
from napari_cmr.measure import ScarMethod
from tests.measure.shells import ellipsoid_shell, grid, heart, oriented

ENDO, WALL_MM = (24.0, 70.0), 9.0
ALONG = np.arange(8) * 8.0
NULLED, SD, BRIGHT = 50.0, 5.0, 300.0
BY_THRESHOLD = [ScarMethod.SD2, ScarMethod.SD5, ScarMethod.SD6, ScarMethod.FWHM]


def angles():
    dy, dx = grid()
    return np.rad2deg(np.arctan2(-dy, dx)) % 360


def late_enhancement(first, last, *, seed=0, slices=slice(None)):
    """Images of a heart whose wall is bright from one angle to another, labels, and the truth."""
    labels = ellipsoid_shell(ENDO, WALL_MM, ALONG)
    wall = labels == Structure.MYO
    scar = np.zeros_like(wall)
    scar[slices] = wall[slices] & ((angles() >= first) & (angles() < last))
    signal = np.where(wall, NULLED, 200.0)
    signal[scar] = BRIGHT
    noise = np.random.default_rng(seed).normal(0, SD, labels.shape)
    stack = Stack((signal + noise)[None], oriented(len(ALONG)))
    return stack, Segmentation.on(stack, labels[None]), scar, wall


def remote(wall):
    return wall & (angles() > 150) & (angles() < 220)


@pytest.mark.parametrize("method", BY_THRESHOLD)
@pytest.mark.parametrize("extent", [45, 108])
def test_the_known_fraction_of_the_wall_is_found(method, extent):
    stack, segmentation, truth, wall = late_enhancement(240, 240 + extent)
    found = measure.scar(stack, segmentation, method, remote(wall))
    # a Gaussian's upper tail beyond 2 SD, 2.3 %, is taken for scar by that method
    false = 2.3 * (1 - extent / 360) if method is ScarMethod.SD2 else 0.0
    expected = 100 * truth.sum() / wall.sum()
    assert expected == pytest.approx(100 * extent / 360, abs=0.6)
    assert found.percent == pytest.approx(expected + false, abs=0.9)
    volume_ml = truth.sum() * 1.2 * 1.2 * 8 / 1000
    if method is not ScarMethod.SD2:
        assert found.mass_g == pytest.approx(volume_ml * 1.05, rel=0.02)
    assert found.wall_g == pytest.approx(wall.sum() * 1.2 * 1.2 * 8 / 1000 * 1.05)


def test_thresholds_are_those_of_their_definitions():
    stack, segmentation, _, wall = late_enhancement(240, 300)
    region = remote(wall)
    values = stack.pixels[0][region]
    for n, method in ((2, ScarMethod.SD2), (5, ScarMethod.SD5), (6, ScarMethod.SD6)):
        found = measure.scar(stack, segmentation, method, region)
        assert found.threshold == pytest.approx(values.mean() + n * values.std(ddof=1))
    found = measure.scar(stack, segmentation, ScarMethod.FWHM, region)
    assert found.threshold == pytest.approx(stack.pixels[0][wall].max() / 2)


def test_a_healthy_wall_has_no_scar_by_five_deviations_or_half_maximum():
    stack, segmentation, _, wall = late_enhancement(0, 0, seed=3)
    stack.pixels[0][wall] = np.clip(stack.pixels[0][wall], NULLED - 3 * SD, NULLED + 3 * SD)
    for method in (ScarMethod.SD5, ScarMethod.SD6, ScarMethod.FWHM):
        assert measure.scar(stack, segmentation, method, remote(wall)).percent == 0


def test_obstruction_counts_to_the_scar_where_labelled_or_enclosed():
    stack, segmentation, truth, wall = late_enhancement(240, 330)
    dy, dx = grid()
    rho = np.hypot(dy, dx)
    enclosed = truth[2] & (np.abs(rho - 27.5) < 2.5) & (np.abs(angles() - 285) < 15)
    touching = truth[4] & (rho < 25) & (np.abs(angles() - 285) < 15)
    stack.pixels[0, 2][enclosed] = NULLED
    stack.pixels[0, 4][touching] = NULLED
    region = remote(wall)
    dark = measure.scar(stack, segmentation, ScarMethod.SD5, region)
    assert dark.mask[2][enclosed].all()  # dark, but wholly within enhanced wall
    assert not dark.mask[4][touching].any()
    labels = segmentation.labels.copy()
    labels[0, 4][touching] = Structure.MVO
    told = measure.scar(stack, segmentation.with_labels(labels), ScarMethod.SD5, region)
    assert told.percent == pytest.approx(100 * truth.sum() / wall.sum(), abs=0.3)
    both = enclosed.sum() + touching.sum()
    assert told.mvo_percent == pytest.approx(100 * both / wall.sum(), rel=0.02)
    assert told.mvo_g == pytest.approx(both * 1.2 * 1.2 * 8 / 1000 * 1.05, rel=0.02)


def test_labelled_scar_is_counted_by_hand():
    labels = np.zeros((1, 3, 20, 20), np.uint8)
    labels[0, :, 5:15, 5:15] = Structure.MYO  # 100 pixels a slice
    labels[0, 1, 5:7, 5:15] = Structure.INFARCT  # 20
    labels[0, 1, 7, 5:10] = Structure.MVO  # 5
    stack = Stack(np.zeros(labels.shape), oriented(3))
    found = measure.scar(stack, Segmentation.on(stack, labels), ScarMethod.LABELS)
    # 25 of 300 pixels; 25 x 1.2 x 1.2 mm2 x 8 mm = 288 mm3, x 1.05 g/mL = 0.3024 g
    assert found.percent == pytest.approx(100 * 25 / 300)
    assert found.mvo_percent == pytest.approx(100 * 5 / 300)
    assert found.mass_g == pytest.approx(0.3024)


def test_the_remote_wall_is_found_away_from_the_scar_and_told():
    stack, segmentation, truth, _ = late_enhancement(240, 330)
    region = measure.automatic_remote(stack, segmentation)
    assert not region.by_hand
    assert not (region.mask & truth).any()
    found = measure.scar(stack, segmentation, ScarMethod.SD5)
    assert [f.code for f in found.findings] == ["remote-automatic"]
    assert found.percent == pytest.approx(25, abs=1)


def test_transmurality_is_the_inner_part_of_the_wall_that_is_scar():
    """Scar in the inner half of the wall, all through the inferior segments of the base."""
    labels = ellipsoid_shell((24.0, 400.0), WALL_MM, ALONG)  # nearly a cylinder
    wall = labels == Structure.MYO
    dy, dx = grid()
    inner = wall & (np.hypot(dy, dx) < 24 + WALL_MM / 2) & (angles() >= 230) & (angles() < 290)
    segmentation = heart(labels)
    model = measure.segment_model(segmentation, 0)
    found = measure.scar_by_segment(segmentation, inner, model)
    # by area the inner half of a ring is ((r + t/2)^2 - r^2) / ((r + t)^2 - r^2)
    share = ((24 + 4.5) ** 2 - 24**2) / (33.0**2 - 24**2)
    for segment in (4, 10):
        assert found[segment].area_percent == pytest.approx(100 * share, abs=6)
        assert found[segment].transmurality_percent == pytest.approx(50, abs=7)
    assert found[1].area_percent == found[1].transmurality_percent == 0


def test_what_cannot_be_measured_is_refused_in_a_sentence():
    stack, segmentation, _, wall = late_enhancement(240, 300)
    with pytest.raises(InputError, match="remote region holds 0 pixels"):
        measure.scar(stack, segmentation, ScarMethod.SD5, ~wall)
    empty = segmentation.with_labels(np.zeros_like(segmentation.labels))
    with pytest.raises(InputError, match="no myocardium"):
        measure.scar(stack, empty, ScarMethod.FWHM)
    short = Stack(stack.pixels[:, :4], stack.geometry.take(range(4)))
    with pytest.raises(GeometryError, match="shape"):
        measure.scar(short, segmentation, ScarMethod.SD5)
