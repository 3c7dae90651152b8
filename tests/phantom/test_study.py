import numpy as np
import pytest
from pydantic import ValidationError

from napari_cmr import phantom
from napari_cmr.core import Structure, View
from napari_cmr.phantom.planes import HeartFrame
from napari_cmr.phantom.torso import BLOOD

SMALL = {"n_phases": 6, "rows": 96, "columns": 96, "pixel_mm": (2.8, 2.8)}


@pytest.fixture(scope="module")
def study():
    return phantom.make(phantom.PhantomConfig(**SMALL, n_slices=11, long_axes=True))


def centre(mask):
    return np.argwhere(mask).mean(0)


def test_a_configuration_gives_the_same_pixels_every_time(study):
    again = phantom.make(study.config)
    np.testing.assert_array_equal(study.sax.pixels, again.sax.pixels)


def test_another_seed_gives_other_noise_on_the_same_heart(study):
    other = phantom.make(study.config.model_copy(update={"seed": 7}))
    assert (study.sax.pixels != other.sax.pixels).any()
    np.testing.assert_array_equal(study.segmentation.labels, other.segmentation.labels)


def test_the_picture_has_the_rv_on_the_left_and_the_lungs_above(study):
    labels = study.segmentation.labels[0, 5]
    lv, rv = centre(labels == Structure.LV), centre(labels == Structure.RV)
    assert rv[1] < lv[1] - 8
    row, column = study.sax.geometry.axes[5]
    assert row[2] < 0  # down the picture is towards the feet
    assert column[0] > 0  # to the right of it, the patient's left


def test_slices_run_from_base_to_apex_or_back(study):
    turned = phantom.make(study.config.model_copy(update={"slices_from": "apex"}))
    np.testing.assert_allclose(turned.sax.geometry.origins, study.sax.geometry.origins[::-1])
    np.testing.assert_array_equal(turned.segmentation.labels, study.segmentation.labels[:, ::-1])
    base, apex = study.sax.geometry.origins[[0, -1]]
    assert (apex - base) @ np.array(study.config.long_axis_lps) > 0


def test_the_base_moves_towards_the_apex_in_systole(study):
    basal = study.segmentation.labels[:, 0] == Structure.LV
    es = study.truth.es_phase
    assert basal[0].sum() > 0
    assert basal[es].sum() == 0


def test_the_apex_twists_against_the_base():
    config = phantom.PhantomConfig(twist_deg=25.0, ellipticity=1.0, shortening_mm=0.0, **SMALL)
    study = phantom.make(config)

    def septum(t, z):
        labels = study.segmentation.labels[t, z]
        down, right = centre(labels == Structure.RV) - centre(labels == Structure.LV)
        return np.rad2deg(np.arctan2(down, -right))

    es = study.truth.es_phase
    base, apex = (septum(es, z) - septum(0, z) for z in (2, 8))
    # Slices 2 and 8 are six of 8 mm apart, of a cavity 88 mm long: 25 x 48 / 88 = 13.6 degrees.
    # The sample nearest to end systole is all but fully contracted.
    assert abs(apex - base) == pytest.approx(13.6, abs=2.5)


def test_long_axes_hold_the_long_axis_and_cut_the_same_heart(study):
    frame = HeartFrame.of(study.config)
    for view in (View.CH2, View.CH3, View.CH4):
        stack, labels = study.stacks[view], study.segmentations[view].labels
        assert stack.shape == (6, 1, 96, 96)
        assert abs(stack.geometry.normal @ frame.axes[2]) < 1e-9
        assert (labels[0] == Structure.LV).any()
        tops = centre(labels[0, 0] == Structure.LV)
        point = stack.geometry.affine @ [0, *tops, 1]
        u, v, _ = frame.from_lps(point[:3])
        assert np.hypot(u, v) < 3  # mm from the long axis
    four_chamber = study.segmentations[View.CH4].labels[0]
    assert (four_chamber == Structure.RV).any()


def test_labels_cover_what_is_bright_and_dark(study):
    labels, pixels = study.segmentation.labels[:, 3:8], study.sax.pixels[:, 3:8]
    blood = pixels[labels == Structure.LV].mean()
    assert blood > 2 * pixels[labels == Structure.MYO].mean()
    assert pixels[labels == Structure.RV].mean() > 1.6 * pixels[labels == Structure.MYO].mean()


def test_noise_in_air_is_rayleigh():
    """Gudbjartsson and Patz 1995: without signal the mean is sigma sqrt(pi / 2)."""
    config = phantom.PhantomConfig(
        n_phases=4, n_slices=1, rows=64, columns=64, pixel_mm=(12.0, 12.0), signal_to_noise=3
    )
    corner = phantom.make(config).sax.pixels[:, :, :8, :8].astype(float)
    sigma = BLOOD / 3
    assert corner.mean() == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=0.05)


def test_times_are_fractions_of_each_slices_own_cycle():
    config = phantom.PhantomConfig(
        **SMALL, n_slices=3, rr_ms=900, rr_spread_ms=60, trigger_delay_ms=10
    )
    times = phantom.make(config).sax.times_ms
    # RR 870, 900 and 930 ms over six phases.
    np.testing.assert_allclose(times[0], 10)
    np.testing.assert_allclose(times[3], [445, 460, 475])


def test_given_positions_are_the_slices_positions():
    config = phantom.PhantomConfig(**SMALL, slice_positions_mm=(10.0, 18.0, 30.0))
    np.testing.assert_allclose(
        np.abs(phantom.make(config).sax.geometry.positions), [0, 8, 20], atol=1e-9
    )


def test_atria_are_labelled_when_asked():
    config = phantom.PhantomConfig(**SMALL, long_axes=True, label_atria=True)
    labels = phantom.make(config).segmentations[View.CH4].labels
    assert (labels == Structure.LA).any()


@pytest.mark.parametrize(
    "wrong",
    [{"lv_edv_ml": -1}, {"n_slices": 0}, {"lv_ef_percent": float("nan")}, {"edv": 120}],
)
def test_an_impossible_heart_is_refused(wrong):
    with pytest.raises(ValidationError):
        phantom.PhantomConfig(**wrong)


def test_random_hearts_differ_and_keep_what_is_given():
    one, other = (phantom.PhantomConfig.random(s, n_phases=3) for s in (1, 2))
    assert one.lv_edv_ml != other.lv_edv_ml
    assert one.n_phases == other.n_phases == 3
    assert one == phantom.PhantomConfig.random(1, n_phases=3)
