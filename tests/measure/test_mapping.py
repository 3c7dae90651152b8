import numpy as np
import pytest

from napari_cmr import measure
from napari_cmr.core import GeometryError, InputError, Segmentation, Stack, Structure
from tests.measure.shells import ellipsoid_shell, oriented

ALONG = np.arange(6) * 8.0


def test_ecv_by_hand():
    # wall 1000 -> 400 ms, blood 1600 -> 250 ms, haematocrit 0.4:
    # 0.6 x (1/400 - 1/1000) / (1/250 - 1/1600) = 0.6 x 0.0015 / 0.003375 = 0.26667
    assert measure.ecv_percent(1000, 400, 1600, 250, 0.4) == pytest.approx(26.6667, abs=1e-3)


@pytest.mark.parametrize(
    ("times", "haematocrit", "words"),
    [
        ((1000, 400, 1600, 0), 0.4, "positive"),
        ((1000, 400, 1600, 250), 42, "fraction"),
        ((400, 1000, 250, 1600), 0.4, "swapped"),
    ],
)
def test_impossible_maps_are_refused(times, haematocrit, words):
    with pytest.raises(InputError, match=words):
        measure.ecv_percent(*times, haematocrit)


def t1_map(values_by_segment, wall_ms, blood_ms):
    """A map whose segments hold given values, with a rim of mixed tissue and some failed fits."""
    labels = ellipsoid_shell((24.0, 90.0), 10.0, ALONG)[None]
    stack = Stack(np.zeros(labels.shape), oriented(len(ALONG)))
    segmentation = Segmentation.on(stack, labels)
    model = measure.segment_model(segmentation, 0)
    segments = measure.segment_map(segmentation, 0, model)
    pixels = np.where(labels == Structure.LV, float(blood_ms), 300.0)
    pixels[0][segments > 0] = wall_ms
    for segment, value in values_by_segment.items():
        pixels[0][segments == segment] = value
    pixels[0, 2, 49, 44 - 24] = 0.0  # a failed fit in the septum
    return Stack(pixels, stack.geometry), segmentation


def test_segments_and_blood_have_their_own_values():
    stack, segmentation = t1_map({8: 1300.0}, 1000.0, 1600.0)
    found = measure.map_values(stack, segmentation)
    assert found.blood.mean == pytest.approx(1600)
    assert found.segments[8].mean == pytest.approx(1300)
    assert found.segments[10].mean == pytest.approx(1000)
    assert found.segments[10].sd == pytest.approx(0, abs=1e-6)
    assert sorted(found.segments) == list(range(1, 17))


def test_pixels_at_the_border_are_left_out():
    stack, segmentation = t1_map({}, 1000.0, 1600.0)
    labels = segmentation.labels
    from scipy import ndimage

    wall = labels == Structure.MYO
    core = np.stack([ndimage.binary_erosion(plane) for plane in wall[0]])[None]
    stack.pixels[wall & ~core] = 1500.0  # mixed with blood
    assert measure.map_values(stack, segmentation).wall.mean == pytest.approx(1000, abs=1)
    assert measure.map_values(stack, segmentation, margin_pixels=0).wall.mean > 1100


def test_ecv_by_segment_joins_two_maps():
    before = measure.map_values(*t1_map({}, 1000.0, 1600.0))
    after = measure.map_values(*t1_map({3: 350.0}, 400.0, 250.0))
    ecv = measure.ecv_by_segment(before, after, 0.4)
    assert ecv[10] == pytest.approx(26.667, abs=0.01)
    # 0.6 x (1/350 - 1/1000) / 0.003375
    assert ecv[3] == pytest.approx(33.016, abs=0.01)


def test_maps_of_another_shape_are_refused():
    stack, segmentation = t1_map({}, 1000.0, 1600.0)
    with pytest.raises(GeometryError, match="shape"):
        measure.map_values(Stack(stack.pixels[..., 1:], stack.geometry), segmentation)
