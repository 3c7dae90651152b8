from dataclasses import replace

import numpy as np
import pytest

from napari_cmr import measure, phantom
from napari_cmr.core import Geometry, InputError, Segmentation, Structure, View


def half_ellipse(length_mm, radius_mm, *, atrium=False, turn=0.0, pixel=(1.5, 1.2)):
    """A four-chamber cavity: flat at the annulus, pointed at the apex; (y, x)."""
    y, x = np.mgrid[:110, :130].astype(float)
    dy, dx = (y - 35) * pixel[0], (x - 65) * pixel[1]
    along = dy * np.cos(turn) + dx * np.sin(turn)
    across = dx * np.cos(turn) - dy * np.sin(turn)
    ellipse = (along / length_mm) ** 2 + (across / radius_mm) ** 2 < 1
    labels = np.zeros(y.shape, np.uint8)
    labels[ellipse & (along >= 0)] = Structure.LV
    if atrium:
        labels[(along < 0) & (along > -25) & (np.abs(across) < radius_mm)] = Structure.LA
    return labels


def cine(*frames, **more):
    geometry = Geometry.regular(1, (8, 1.5, 1.2), thickness_mm=8)
    return Segmentation(np.array(frames)[:, None], geometry, **more)


@pytest.mark.parametrize("atrium", [False, True])
@pytest.mark.parametrize("turn", [0.0, 0.5, -0.8])
def test_the_length_is_from_annulus_to_apex_however_the_heart_lies(atrium, turn):
    frames = [half_ellipse(n, r, atrium=atrium, turn=turn) for n, r in ((86, 24), (70, 18))]
    found = measure.long_axis(cine(*frames))
    assert (found.ed_phase, found.es_phase) == (0, 1)
    assert found.ed_mm == pytest.approx(86, abs=1.8)  # about a pixel
    assert found.shortening_mm == pytest.approx(16, abs=1.8)
    assert found.shortening_percent == pytest.approx(100 * 16 / 86, abs=2)
    assert ("atrium" in found.annulus_by) == atrium


def test_the_phantom_shortens_as_its_base_descends():
    config = phantom.PhantomConfig(n_phases=6, n_slices=3, long_axes=True, rows=140, columns=140)
    found = measure.long_axis(phantom.make(config).segmentations[View.CH4])
    s = phantom.heart.contraction(config).max()
    assert found.ed_mm == pytest.approx(config.lv_length_mm, abs=2.5)
    assert found.shortening_mm == pytest.approx(config.shortening_mm * s, abs=2.0)


def test_without_millimetres_only_the_ratio_is_known():
    segmentation = cine(half_ellipse(86, 24), half_ellipse(70, 18))
    unknown = replace(segmentation.geometry, spacing_known=False)
    found = measure.long_axis(replace(segmentation, geometry=unknown))
    assert found.ed_mm is found.shortening_mm is None
    assert found.shortening_percent == pytest.approx(18.6, abs=2)


def test_area_length_is_exact_of_a_ventricle_that_is_round():
    """Half an ellipsoid has 2/3 pi r^2 L, and half an ellipse pi r L / 2."""
    found = measure.long_axis_measurement(cine(half_ellipse(86, 24), half_ellipse(70, 18)))
    edv, esv = (2 / 3 * np.pi * r**2 * n / 1000 for r, n in ((24, 86), (18, 70)))
    assert found["lv_area_ed_cm2"].value == pytest.approx(np.pi * 24 * 86 / 200, rel=0.02)
    change = 100 * (1 - 18 * 70 / (24 * 86))
    assert found["fractional_area_change_percent"].value == pytest.approx(change, abs=1)
    assert found["single_plane_edv_ml"].value == pytest.approx(edv, rel=0.03)
    assert found["single_plane_esv_ml"].value == pytest.approx(esv, rel=0.03)
    assert found["single_plane_ef_percent"].value == pytest.approx(100 * (1 - esv / edv), abs=1.5)
    for name in ("edv_ml", "esv_ml", "ef_percent"):
        number = found[f"single_plane_{name}"]
        assert "single-plane area-length" in number.title
        assert "four-chamber view alone" in number.method
    assert [f.code for f in found.findings] == ["single-plane"]


def test_without_millimetres_ef_and_area_change_are_the_same():
    known = cine(half_ellipse(86, 24), half_ellipse(70, 18))
    unknown = replace(known, geometry=replace(known.geometry, spacing_known=False))
    with_mm, without = (measure.long_axis_measurement(c) for c in (known, unknown))
    for name in ("single_plane_ef_percent", "fractional_area_change_percent"):
        assert without[name].value == pytest.approx(with_mm[name].value)
    assert without["single_plane_edv_ml"].value is None
    assert without["lv_area_ed_cm2"].value is None


def test_views_without_a_labelled_ventricle_are_refused():
    empty = cine(np.zeros((110, 130), np.uint8))
    with pytest.raises(InputError, match="not labelled"):
        measure.long_axis(empty)
    with pytest.raises(InputError, match="phase 5"):
        measure.long_axis(cine(half_ellipse(86, 24)), es=5)
