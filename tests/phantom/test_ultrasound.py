import numpy as np
import pytest
from pydantic import ValidationError
from scipy import integrate

from napari_cmr.core import InputError, Structure
from napari_cmr.io.echonet import read_echonet
from napari_cmr.measure import disc_volume
from napari_cmr.phantom.apical import ApicalShape, UltrasoundConfig, trace
from napari_cmr.phantom.ultrasound import image_heart
from napari_cmr.phantom.write_ultrasound import ultrasound_configs, write_echonet

SIX = {"n_frames": 6, "frames_a_beat": 6}


@pytest.fixture(scope="module")
def study():
    return image_heart(UltrasoundConfig(**SIX, rows=224, columns=224))


@pytest.mark.parametrize("seed", range(5))
def test_closed_forms_are_the_integrals_of_the_cavity_s_width(seed):
    shape = ApicalShape.at(UltrasoundConfig.random(seed), 0)
    area = integrate.quad(lambda s: 2 * shape.half_width(np.array(s)), 0, shape.length)[0]
    volume = integrate.quad(lambda s: np.pi * shape.half_width(np.array(s)) ** 2, 0, shape.length)
    assert shape.area_mm2 == pytest.approx(area, rel=1e-6)
    assert shape.volume_ml == pytest.approx(volume[0] / 1000, rel=1e-6)


def test_labels_have_the_closed_form_s_area_in_every_frame(study):
    pixels = np.count_nonzero(study.labels == Structure.LV, axis=(1, 2))
    np.testing.assert_allclose(pixels * study.config.pixel_mm**2, study.area_mm2, rtol=0.01)


def test_an_expert_s_tracing_has_its_area_and_its_discs_its_ejection_fraction(study):
    ed, es = (trace(study.config, frame) for frame in (study.ed, study.es))
    mm2 = study.config.pixel_mm**2
    assert ed.area * mm2 == pytest.approx(study.area_mm2[study.ed], rel=0.01)
    volumes = [disc_volume(t.length, t.diameters) for t in (ed, es)]
    assert 100 * (1 - volumes[1] / volumes[0]) == pytest.approx(study.ef_percent, abs=0.01)
    mask = ed.mask(study.labels.shape[1:])
    truth = study.labels[study.ed] == Structure.LV
    assert np.count_nonzero(mask & ~truth) + np.count_nonzero(truth & (mask == 0)) < 0.06 * sum(
        truth.ravel()
    )


def test_the_beat_begins_at_end_diastole_and_returns():
    config = UltrasoundConfig(n_frames=41, frames_a_beat=40, systole_fraction=0.35)
    volumes = [ApicalShape.at(config, t).volume_ml for t in range(41)]
    assert np.argmin(volumes) == 14
    assert volumes[0] == volumes[40] == max(volumes)


def test_nothing_shows_outside_the_sector(study):
    config = study.config
    down, right = np.mgrid[: config.rows, : config.columns] + 0.5
    angle = np.degrees(np.arctan2(np.abs(right - config.columns / 2), down))
    outside = angle > config.sector_deg / 2
    assert study.frames[:, outside].max() == 0
    assert study.labels[:, outside].max() == 0
    assert study.frames[:, ~outside].mean() > 20


def test_blood_is_darker_than_the_wall(study):
    means = [study.frames[study.labels == s].mean() for s in (Structure.LV, Structure.MYO)]
    assert means[0] + 30 < means[1]


def correlation_along_a_beam(length_mm):
    """How alike grey values a millimetre apart are, below the probe in even tissue."""
    config = UltrasoundConfig(
        n_frames=2, frames_a_beat=2, rows=300, columns=60, dropout=0, haze=0,
        blood=1.0, speckle_depth_mm=length_mm, gain_db=-12,
    )  # fmt: skip
    beam = image_heart(config).frames[0, 100:280, 24:36].astype(float)
    beam = beam - beam.mean(axis=0)
    return (beam[2:] * beam[:-2]).mean() / (beam**2).mean()


def test_speckle_is_longer_along_the_beam_where_that_is_asked_for():
    assert correlation_along_a_beam(2.5) > correlation_along_a_beam(0.5) + 0.2


def test_dropout_takes_echoes_away():
    kept, lost = (
        image_heart(UltrasoundConfig(n_frames=2, frames_a_beat=2, dropout=d)) for d in (0.0, 1.0)
    )
    assert lost.frames.mean() < 0.95 * kept.frames.mean()
    np.testing.assert_array_equal(kept.labels, lost.labels)


def test_one_seed_gives_one_study_and_another_seed_another():
    same = [image_heart(UltrasoundConfig.random(s, **SIX)).frames for s in (3, 3, 4)]
    np.testing.assert_array_equal(same[0], same[1])
    assert (same[0] != same[2]).any()


def test_a_two_chamber_view_shows_no_right_heart():
    four, two = (
        image_heart(UltrasoundConfig(view=v, n_frames=2, frames_a_beat=2, blood=0.01, haze=0))
        for v in ("4CH", "2CH")
    )
    assert (two.frames[0] < 20).sum() < (four.frames[0] < 20).sum()
    np.testing.assert_array_equal(four.labels, two.labels)


def test_what_is_written_reads_back_with_the_closed_form_s_numbers(tmp_path):
    configs = ultrasound_configs(2, seed=5, **SIX, rows=64, columns=64)
    videos = read_echonet(write_echonet(configs, tmp_path))
    for config, video in zip(configs, videos, strict=True):
        truth = image_heart(config)
        assert video.ef_percent == pytest.approx(truth.ef_percent)
        assert (video.ed.frame, video.es.frame) == (truth.ed, truth.es)
        volumes = [disc_volume(t.length, t.diameters) for t in (video.ed, video.es)]
        assert 100 * (1 - volumes[1] / volumes[0]) == pytest.approx(video.ef_percent, abs=0.01)
        assert video.path.is_file()


def test_impossible_hearts_and_unknown_splits_are_refused(tmp_path):
    with pytest.raises(ValidationError):
        UltrasoundConfig(base_cut=1.0)
    with pytest.raises(InputError, match="splits are TRAIN, VAL, TEST"):
        write_echonet([], tmp_path, split="train")
