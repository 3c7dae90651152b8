"""ACDC, M&Ms, M&Ms-2, EMIDEC and MyoPS: the phantom in their folders is read back equal."""

import csv
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from napari_cmr.core import InputError, label_map
from napari_cmr.io import load_image, load_label, read_manifest, write_labels
from napari_cmr.io.layouts import detect, make_manifest
from tests.io.layouts.data_sets import ED, ES, acdc, emidec, mnms, mnms2, myops
from tests.io.layouts.folders import heart


@pytest.fixture(scope="module")
def study():
    return heart()


def rows_of(folder, out, **given):
    written = make_manifest(folder, out / "m.csv", **given)
    return written, read_manifest(out / "m.csv")


def assert_reads_back(row, study, t):
    """The image of a whole cine or of one phase, and the labels of phase ``t``."""
    stack = load_image(row)
    phases, truth = load_label(row, stack)
    assert np.array_equal(stack.pixels[phases[0]], study.sax.pixels[t])
    assert np.array_equal(truth.labels, study.segmentation.labels[[t]])
    assert stack.geometry.spacing == pytest.approx(study.sax.geometry.spacing, rel=1e-5)


def test_acdc(tmp_path, study):
    acdc(tmp_path / "acdc", study)
    assert detect(tmp_path / "acdc") == ["acdc"]
    _, rows = rows_of(tmp_path / "acdc", tmp_path)
    assert [(r.subject, r.frame, r.group, r.split) for r in rows] == [
        ("patient007", "ED", "HCM", "train"),
        ("patient007", "ES", "HCM", "train"),
    ]
    assert rows[0].number("weight_kg") == 71.5
    for row, t in zip(rows, (ED, ES), strict=True):
        assert_reads_back(row, study, t)


def test_a_subject_that_cannot_be_read_is_left_out_and_named(tmp_path, study):
    broken = acdc(tmp_path / "acdc", study).with_name("patient008")
    broken.mkdir()
    (broken / "Info.cfg").write_text("ED: 1\nES: 2\n")
    written, rows = rows_of(tmp_path / "acdc", tmp_path)
    assert {r.subject for r in rows} == {"patient007"}
    assert "neither the ED nor the ES frame" in written.left_out["patient008"]
    (broken / "Info.cfg").write_text("nothing\n")
    written, _ = rows_of(tmp_path / "acdc", tmp_path)
    assert "does not say ED and ES" in written.left_out["patient008"]


def test_mnms_takes_the_two_labelled_phases_of_each_cine(tmp_path, study):
    mnms(tmp_path / "set", study)
    assert detect(tmp_path / "set") == ["mnms"]
    written, rows = rows_of(tmp_path / "set", tmp_path)
    labelled = [r for r in rows if r.label]
    assert [(r.subject, r.frame, r.columns["phase_name"]) for r in labelled] == [
        ("A0S9V9", str(ED), "ED"),
        ("A0S9V9", str(ES), "ES"),
    ]
    assert (labelled[0].group, labelled[0].split) == ("DCM", "train")
    assert labelled[0].number("height_cm") == 181
    assert written.n_labelled == 2
    for row, t in zip(labelled, (ED, ES), strict=True):
        assert_reads_back(row, study, t)
    unlabelled = next(r for r in rows if not r.label)
    assert (unlabelled.subject, unlabelled.group) == ("B1C2D3", "NOR")
    assert unlabelled.number("height_cm") is None


def test_a_frame_beyond_the_cine_is_refused_with_one_sentence(tmp_path, study):
    mnms(tmp_path / "set", study)
    _, rows = rows_of(tmp_path / "set", tmp_path)
    row = replace(next(r for r in rows if r.label), frame="4")
    with pytest.raises(InputError, match="the frame 4 is beyond the image's 4 phases"):
        load_label(row, load_image(row))


def test_mnms_without_its_table_still_knows_which_phases_are_drawn(tmp_path, study):
    mnms(tmp_path / "set", study, table=False)
    _, rows = rows_of(tmp_path / "set", tmp_path)
    assert [r.frame for r in rows if r.label] == [str(ED), str(ES)]


def test_mnms_with_another_table_is_refused_with_one_sentence(tmp_path, study):
    mnms(tmp_path / "set", study, table=False)
    (tmp_path / "set" / "information.csv").write_text("name\nA0S9V9\n")
    with pytest.raises(InputError, match="lacks the column 'external code'"):
        rows_of(tmp_path / "set", tmp_path)


def test_an_empty_label_is_told(tmp_path, study):
    mnms(tmp_path / "set", study)
    label = tmp_path / "set" / "Training" / "Labeled" / "A0S9V9" / "A0S9V9_sa_gt.nii.gz"
    empty = study.segmentation.with_labels(np.zeros_like(study.segmentation.labels))
    write_labels(empty, label)
    written, _ = rows_of(tmp_path / "set", tmp_path)
    assert "is empty" in written.left_out["A0S9V9"]


def test_mnms2(tmp_path):
    study = heart(long_axes=True)
    four = study.segmentations["4CH"]
    mnms2(tmp_path / "MnM2", study)
    assert detect(tmp_path / "MnM2") == ["mnms2"]
    _, rows = rows_of(tmp_path / "MnM2", tmp_path)
    first = [r for r in rows if r.subject == "007"]
    assert [(r.view, r.frame) for r in first] == [
        ("SAX", "ED"),
        ("SAX", "ES"),
        ("4CH", "ED"),
        ("4CH", "ES"),
    ]
    assert (first[0].group, first[0].columns["scanner"]) == ("TRI", "Avanto")
    assert [r.split for r in rows[::4]] == ["train", "validation", "test"]
    for row, t in zip(first[:2], (ED, ES), strict=True):
        assert_reads_back(row, study, t)
    long_axis = load_label(first[2], load_image(first[2]))[1]
    assert np.array_equal(long_axis.labels, four.labels)
    _, only = rows_of(tmp_path / "MnM2", tmp_path, view="4CH")
    assert {r.view for r in only} == {"4CH"}


def test_emidec(tmp_path, study):
    labels = emidec(tmp_path / "emidec", study)
    assert detect(tmp_path / "emidec") == ["emidec"]
    _, rows = rows_of(tmp_path / "emidec", tmp_path)
    assert [(r.subject, r.group, r.split, r.sequence, bool(r.label)) for r in rows] == [
        ("Case_E101", "", "test", "LGE", False),
        ("Case_N006", "normal", "train", "LGE", True),
        ("Case_P012", "pathological", "train", "LGE", True),
    ]
    image = load_image(rows[2])
    assert np.array_equal(load_label(rows[2], image)[1].labels, labels)


def test_myops(tmp_path, study):
    name, folder = "myops_training_101", tmp_path / "MyoPS2020"
    labels = myops(folder, study)
    label = folder / "train25_myops_gd" / f"{name}_gd.nii.gz"
    stored = np.asanyarray(nib.load(label).dataobj)
    assert set(np.unique(stored)) == {0, 200, 500, 600, 2221}
    assert detect(folder) == ["myops"]
    _, rows = rows_of(folder, tmp_path)
    train = [r for r in rows if r.subject == name]
    assert [(r.sequence, r.columns["contrast"]) for r in train] == [
        ("cine", ""),
        ("LGE", ""),
        ("other", "T2w"),
    ]
    for row in train:
        assert np.array_equal(load_label(row, load_image(row))[1].labels, labels)
    assert {(r.split, r.label) for r in rows if r not in train} == {("test", None)}
    _, scar = rows_of(folder, tmp_path, sequence="LGE")
    assert len(scar) == 2


def test_oedema_counts_as_wall_and_what_myops_does_not_name_is_refused():
    values = np.array([[0, 200, 1220, 2221, 500, 600]])
    assert label_map("myops").to_cmr(values).tolist() == [[0, 2, 2, 6, 1, 3]]
    with pytest.raises(InputError, match="myops"):
        label_map("myops").to_cmr(np.array([[1]]))


def test_a_folder_of_no_known_shape_says_so(tmp_path):
    with pytest.raises(InputError, match="no folder"):
        detect(tmp_path / "none")
    with pytest.raises(InputError, match="is empty"):
        detect(tmp_path)
    (tmp_path / "x.txt").write_text("x")
    assert detect(tmp_path) == []
    with pytest.raises(InputError, match="no known data set"):
        make_manifest(tmp_path, tmp_path / "m.csv")
    with pytest.raises(InputError, match="no layout 'x'"):
        make_manifest(tmp_path, tmp_path / "m.csv", layout="x")
    with pytest.raises(InputError, match="does not have the shape of EMIDEC"):
        make_manifest(tmp_path, tmp_path / "m.csv", layout="emidec")


def test_a_folder_of_two_shapes_asks_which(tmp_path, study):
    acdc(tmp_path / "acdc", study)
    mnms(tmp_path / "mnms", study)
    with pytest.raises(InputError, match=r"several layouts \(acdc, mnms\).*--layout"):
        make_manifest(tmp_path, tmp_path / "m.csv")
    _, rows = rows_of(tmp_path, tmp_path, layout="acdc")
    assert {r.subject for r in rows} == {"patient007"}


def test_nothing_is_written_where_nothing_can_be_read(tmp_path):
    case = tmp_path / "set" / "patient001"
    case.mkdir(parents=True)
    (case / "Info.cfg").write_text("x")
    with pytest.raises(InputError, match="ACDC"):
        make_manifest(tmp_path / "set", tmp_path / "m.csv")
    assert not (tmp_path / "m.csv").exists()


def test_paths_below_the_manifest_are_relative_and_move_with_it(tmp_path, study):
    acdc(tmp_path / "all" / "acdc", study)
    make_manifest(tmp_path / "all" / "acdc", tmp_path / "all" / "m.csv")
    with (tmp_path / "all" / "m.csv").open() as file:
        images = [r["image"] for r in csv.DictReader(file)]
    assert images[0] == "acdc/training/patient007/patient007_frame01.nii.gz"
    (tmp_path / "all").rename(tmp_path / "moved")
    assert len(read_manifest(tmp_path / "moved" / "m.csv", need_labels=True)) == 2
