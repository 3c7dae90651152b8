"""EchoNet-Dynamic's and CAMUS's folders, as phantoms in exactly those layouts."""

import numpy as np
import pytest

from napari_cmr.core import InputError
from napari_cmr.io import load_image, load_label, read_manifest
from napari_cmr.io.camus import read_camus
from napari_cmr.io.layouts import detect, make_manifest
from napari_cmr.phantom.ultrasound import image_heart
from napari_cmr.phantom.write_ultrasound import ultrasound_configs, write_camus, write_echonet


@pytest.fixture(scope="module")
def hearts():
    return ultrasound_configs(3, n_frames=4, frames_a_beat=4, rows=56, columns=64)


@pytest.fixture(scope="module")
def echonet(hearts, tmp_path_factory):
    return write_echonet(hearts, tmp_path_factory.mktemp("echonet"), split="VAL")


@pytest.fixture(scope="module", params=[".nii.gz", ".mhd"])
def camus(hearts, tmp_path_factory, request):
    patients = [{"2CH": hearts[0], "4CH": hearts[1]}, {"4CH": hearts[2]}]
    return write_camus(patients, tmp_path_factory.mktemp("camus"), suffix=request.param)


def test_echonet_s_traced_frames_are_labelled_and_its_videos_are_there_for_pretraining(
    echonet, hearts, tmp_path
):
    assert detect(echonet) == ["echonet"]
    written = make_manifest(echonet, tmp_path / "m.csv")
    assert (written.n_rows, written.n_subjects, written.n_labelled) == (9, 3, 6)
    rows = read_manifest(written.path, need_labels=True)
    assert {row.split for row in rows} == {"validation"}
    study = image_heart(hearts[0])
    ed, es, video = rows[:3]
    assert (ed.frame, es.frame, video.label) == ("ED", "ES", None)
    for row, frame in ((ed, study.ed), (es, study.es)):
        stack = load_image(row)
        _, truth = load_label(row, stack)
        assert np.abs(stack.pixels[0, 0].astype(int) - study.frames[frame]).max() < 30  # JPEG
        assert row.columns["video_frame"] == str(frame)
        # rounding the corners to pixels moves the border by half a pixel at most
        truly = study.labels[frame] == 1
        assert np.count_nonzero(truth.labels[0, 0] != truly) < 0.15 * truly.sum()
    assert load_image(video).shape == (1, 1, 56, 64)  # every eighth of four frames
    assert ed.number("expert_ef_percent") == pytest.approx(study.ef_percent)


def test_the_last_subjects_validate_where_that_is_asked_for(echonet, tmp_path):
    written = make_manifest(echonet, tmp_path / "m.csv", validation=1)
    splits = [row.split for row in read_manifest(written.path)]
    assert splits == ["train"] * 6 + ["validation"] * 3
    for n in (3, -1):
        with pytest.raises(InputError, match="cannot validate"):
            make_manifest(echonet, tmp_path / "n.csv", validation=n)


def test_a_missing_video_leaves_its_person_out_and_says_so(echonet, tmp_path):
    names = sorted(p.name for p in (echonet / "Videos").iterdir())
    (tmp_path / "copy" / "Videos").mkdir(parents=True)
    for name in ("FileList.csv", "VolumeTracings.csv", *(f"Videos/{n}" for n in names[1:])):
        (tmp_path / "copy" / name).write_bytes((echonet / name).read_bytes())
    written = make_manifest(tmp_path / "copy", tmp_path / "m.csv")
    assert list(written.left_out) == [names[0].removesuffix(".avi")]
    assert "There is no file" in next(iter(written.left_out.values()))


def test_camus_gives_its_views_and_phases_with_its_own_label_map(camus, hearts, tmp_path):
    assert detect(camus) == ["camus"]
    written = make_manifest(camus, tmp_path / "m.csv")
    rows = read_manifest(written.path, need_labels=True)
    assert [(r.subject, r.view, r.frame) for r in rows] == [
        ("patient0001", "2CH", "ED"),
        ("patient0001", "2CH", "ES"),
        ("patient0001", "4CH", "ED"),
        ("patient0001", "4CH", "ES"),
        ("patient0002", "4CH", "ED"),
        ("patient0002", "4CH", "ES"),
    ]
    study = image_heart(hearts[1])
    stack = load_image(rows[2])
    _, truth = load_label(rows[2], stack)
    np.testing.assert_array_equal(stack.pixels[0, 0], study.frames[study.ed])
    np.testing.assert_array_equal(truth.labels[0, 0], study.labels[study.ed])
    mm = study.config.pixel_mm
    assert stack.geometry.pixel_spacing == pytest.approx((mm, mm), rel=1e-4)
    assert rows[2].number("expert_ef_percent") == pytest.approx(study.ef_percent, abs=0.05)
    assert rows[2].columns["quality"] == "Good"


def test_camus_own_split_is_taken_where_its_lists_are_there(tmp_path):
    for patient in ("patient0001", "patient0002"):
        (tmp_path / "db" / patient).mkdir(parents=True)
        (tmp_path / "db" / patient / f"{patient}_4CH_ED.png").touch()
    (tmp_path / "database_split").mkdir()
    (tmp_path / "database_split" / "subgroup_testing.txt").write_text("patient0002\n")
    assert [f.split for f in read_camus(tmp_path / "db")] == ["", "test"]


def test_a_frame_in_two_formats_is_refused(tmp_path):
    for suffix in ("nii.gz", "mhd"):
        (tmp_path / f"patient0001_4CH_ED.{suffix}").touch()
    with pytest.raises(InputError, match="4CH ED is there twice"):
        read_camus(tmp_path)
    with pytest.raises(InputError, match="no CAMUS folder"):
        read_camus(tmp_path / "none")
