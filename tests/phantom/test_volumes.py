"""The phantom's closed forms against counting: on a fine grid, and as a reader would."""

import numpy as np
import pytest

from napari_cmr import measure, phantom
from napari_cmr.core import Structure
from napari_cmr.phantom.heart import HeartShape, Tissue, truth

STRUCTURES = ((Structure.LV, "lv_ml"), (Structure.MYO, "myo_ml"), (Structure.RV, "rv_ml"))


def covering(seed, step, **more):
    """A random heart, wholly within the pictures: nothing is cut off at a border."""
    return phantom.PhantomConfig.random(
        seed,
        slice_step_mm=step,
        n_slices=int(np.ceil(120 / step)),
        n_phases=3,
        rows=128,
        columns=128,
        pixel_mm=(1.4, 1.4),
        heart_offset_mm=(0.0, 20.0),
        **more,
    )


@pytest.mark.parametrize("phase", [0, 2])
@pytest.mark.parametrize("seed", [1, 2])
def test_closed_forms_agree_with_counting_cubes_of_a_millimetre(seed, phase):
    config = phantom.PhantomConfig.random(seed, n_phases=5)
    shape = HeartShape.at(config, phase)
    expected = truth(config)
    counts = np.zeros(len(Tissue))
    u, v = np.meshgrid(np.arange(-60, 121), np.arange(-75, 76), indexing="ij")
    for w in np.arange(-2, 112):
        plane = np.full(u.shape, float(w), np.float32)
        found = shape.tissue(u.astype(np.float32), v.astype(np.float32), plane)
        counts += np.bincount(found.ravel(), minlength=len(Tissue))
    counts /= 1000  # mm3 to mL
    lv = counts[Tissue.LV_BLOOD] + counts[Tissue.PAPILLARY]
    assert lv == pytest.approx(expected.lv_ml[phase], rel=0.005)
    assert counts[Tissue.MYOCARDIUM] == pytest.approx(expected.myo_ml[phase], rel=0.005)
    assert counts[Tissue.RV_BLOOD] == pytest.approx(expected.rv_ml[phase], rel=0.005)


@pytest.mark.parametrize("step", [5.0, 6.0, 8.0])
@pytest.mark.parametrize("seed", range(4))
def test_volumes_measured_from_the_masks_are_within_two_percent(seed, step):
    study = phantom.make(covering(seed, step))
    for structure, name in STRUCTURES:
        measured = measure.volumes_ml(study.segmentation, [structure])
        assert measured == pytest.approx(getattr(study.truth, name), rel=0.02), structure


def test_volumes_from_unevenly_spaced_slices_are_within_three_percent():
    positions = np.cumsum([0, 4, 6, 8, 5, 9, 7, 6, 8, 5, 7, 9, 6, 8, 4, 6]) - 4.0
    study = phantom.make(covering(3, 8.0, slice_positions_mm=tuple(positions)))
    for structure, name in STRUCTURES:
        measured = measure.volumes_ml(study.segmentation, [structure])
        assert measured == pytest.approx(getattr(study.truth, name), rel=0.03), structure


def test_function_of_the_phantom_is_what_it_was_made_with():
    config = phantom.PhantomConfig(
        lv_edv_ml=150, lv_ef_percent=55, lv_mass_g=120, rr_ms=800, n_phases=20
    )
    study = phantom.make(config)
    m = measure.function(study.segmentation)
    assert (m.ed_phase, m.es_phase) == (0, 7)  # end systole at 0.35 of 20 phases
    assert study.truth.es_phase == 7
    assert study.truth.ef_percent == pytest.approx(55)
    assert m.edv_ml == pytest.approx(150, rel=0.02)
    assert m.ef_percent == pytest.approx(55, abs=1)
    assert m.mass_g == pytest.approx(120, rel=0.02)
    assert m.heart_rate_bpm == pytest.approx(75)


def test_the_wall_keeps_its_volume_over_the_cycle():
    study = phantom.make(covering(4, 5.0))
    wall = measure.volumes_ml(study.segmentation, [Structure.MYO])
    assert np.ptp(wall) < 0.02 * wall.mean()


@pytest.mark.parametrize("change", [{"twist_deg": 0.0}, {"ellipticity": 1.2}, {"tilt_deg": 10.0}])
def test_twist_stretch_and_tilt_change_the_picture_but_not_the_volume(change):
    plain = covering(0, 5.0)
    changed = plain.model_copy(update=change)
    one, other = (phantom.make(c).segmentation for c in (plain, changed))
    assert (one.labels != other.labels).any()
    for structure, _ in STRUCTURES:
        a, b = (measure.volumes_ml(s, [structure]) for s in (one, other))
        assert a == pytest.approx(b, rel=0.02), structure
