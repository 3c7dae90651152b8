"""Six real videos of EchoNet-Dynamic: tracings against the hospital's ejection fraction."""

from pathlib import Path

import numpy as np
import pytest

from napari_cmr.io import load_image, load_label, read_echonet, read_manifest
from napari_cmr.io.layouts import detect, make_manifest
from napari_cmr.learn.echo import evaluate_echo
from napari_cmr.measure import disc_volume, disc_volume_of_mask
from napari_cmr.nets import load_model
from napari_cmr.nets.echo import ECHO_TASK, segment_echo

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def folder():
    if not (DATA / "echonet" / "FileList.csv").is_file():
        pytest.skip(f"EchoNet-Dynamic's videos are not beside the repository ({DATA})")
    return DATA / "echonet"


def test_discs_of_the_tracings_give_the_hospital_s_ejection_fraction(folder):
    """Published EF comes from these very tracings; the software's discs differ a little."""
    errors = []
    for video in read_echonet(folder):
        ed, es = (disc_volume(t.length, t.diameters) for t in (video.ed, video.es))
        errors.append(abs(100 * (1 - es / ed) - video.ef_percent))
        # a pixel's size is unknown, but the same in both: both volumes scale alike
        assert video.edv_ml / ed == pytest.approx(video.esv_ml / es, rel=0.04)
    assert len(errors) == 6
    assert max(errors) < 1.6
    assert np.mean(errors) < 0.7


def test_the_mask_s_own_discs_come_within_two_points(folder):
    for video in read_echonet(folder):
        ed, es = (disc_volume_of_mask(t.mask(video.shape)) for t in (video.ed, video.es))
        assert abs(100 * (1 - es / ed) - video.ef_percent) < 2


def test_the_area_of_a_mask_is_its_polygon_s_and_half_its_border(folder):
    for video in read_echonet(folder):
        for tracing in (video.ed, video.es):
            corners = tracing.polygon
            around = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1).sum()
            pixels = int(tracing.mask(video.shape).sum())
            assert tracing.area < pixels < tracing.area + 0.75 * around


def test_the_manifest_has_two_labelled_frames_a_person_and_the_video(folder, tmp_path):
    assert detect(folder) == ["echonet"]
    written = make_manifest(folder, tmp_path / "m.csv", validation=2)
    assert (written.n_rows, written.n_subjects, written.n_labelled) == (18, 6, 12)
    rows = read_manifest(written.path, need_labels=True)
    assert [r.split for r in rows] == ["train"] * 12 + ["validation"] * 6
    for row in rows:
        stack = load_image(row)
        assert stack.shape[1:] == (1, 112, 112)
        if row.label:
            _, truth = load_label(row, stack)
            assert set(np.unique(truth.labels)) == {0, 1}
            # blood is dark: the cavity is darker than what surrounds the heart
            inside = truth.labels == 1
            assert stack.pixels[inside].mean() < stack.pixels[~inside & (stack.pixels > 0)].mean()
        else:
            assert stack.shape[0] > 20


def test_the_shipped_model_finds_the_cavity_of_the_two_people_that_it_never_saw(folder, tmp_path):
    written = make_manifest(folder, tmp_path / "m.csv", validation=2)
    model = load_model(task=ECHO_TASK)
    rows = [r for r in read_manifest(written.path, need_labels=True) if r.split == "validation"]
    found = evaluate_echo(
        [r for r in rows if r.label], lambda stack: segment_echo(stack, model), ("LV",)
    )
    assert len(found.subjects) == 2
    assert found.mean["dice_LV_pooled"].value > 0.85


def test_camus_frames_are_found_as_pictures(tmp_path):
    folder = DATA / "unlabelled" / "camus"
    if not folder.is_dir():
        pytest.skip(f"CAMUS's frames are not beside the repository ({folder})")
    written = make_manifest(folder, tmp_path / "m.csv")
    assert (written.layout, written.n_rows, written.n_subjects) == ("camus", 200, 50)
    assert load_image(read_manifest(written.path)[0]).shape[2] == 320
