"""Sunnybrook's contour text and cvi42's workspaces: the phantom, outlined, is read back equal."""

import numpy as np
import pytest

from napari_cmr.core import InputError, Structure
from napari_cmr.io import load_image, load_label, read_manifest, write_dicom
from napari_cmr.io.layouts import detect, make_manifest
from napari_cmr.io.layouts.cvi42 import kind_of_contour
from napari_cmr.io.layouts.cvi42_workspace import read_workspace
from tests.io.layouts.data_sets import ED, ES, contours, cvi42, sunnybrook
from tests.io.layouts.folders import (
    LV,
    MYO,
    RV,
    cvi42_contours,
    heart,
    workspace,
    write_numbered,
)


@pytest.fixture(scope="module")
def study():
    return heart()


def rows_of(folder, out):
    written = make_manifest(folder, out / "m.csv")
    return written, read_manifest(out / "m.csv", need_labels=True)


def assert_reads_back(row, study, t, without=()):
    """The drawn slices of one phase; ``without`` names structures that were not drawn."""
    expected = study.segmentation.labels[t].copy()
    expected[np.isin(expected, without)] = 0
    drawn = [z for z in range(len(expected)) if expected[z].any()]
    stack = load_image(row)
    _, truth = load_label(row, stack)
    assert np.array_equal(truth.labels[0], expected[drawn])
    assert np.array_equal(stack.pixels[0], study.sax.pixels[t, drawn])
    assert stack.geometry.spacing == pytest.approx(study.sax.geometry.spacing, rel=1e-4)


def test_sunnybrook_with_images_and_contours_in_one_folder(tmp_path, study):
    folder = tmp_path / "case"
    sunnybrook(folder, study)
    assert detect(folder) == ["sunnybrook"]
    _, rows = rows_of(folder, tmp_path)
    assert [(r.subject, r.frame) for r in rows] == [("case", "ED"), ("case", "ES")]
    for row, t in zip(rows, (ED, ES), strict=True):
        assert_reads_back(row, study, t, without=[RV])


@pytest.mark.parametrize("images", ["SC-HF-I-4", "SCD0000401/CINESAX_300"])
def test_sunnybrook_with_images_and_contours_apart(tmp_path, study, images):
    """By the case's name without its zeros, or by the table of patients."""
    folder = tmp_path / "set"
    paths = write_numbered(study.sax, folder / "images" / images, "IM-0300")
    into = folder / "ContoursPart3" / "SC-HF-I-04" / "contours-manual" / "IRCCI-expert"
    contours(paths, study, into)
    if images.startswith("SCD"):
        (folder / "scd_patientdata.csv").write_text(
            "PatientID,OriginalID,Gender\nSCD0000401,SC-HF-I-04,Male\n"
        )
        write_numbered(study.sax, folder / "images" / "SCD0000401" / "CINELAX_301", "IM-0301")
    _, rows = rows_of(folder, tmp_path)
    assert [(r.subject, r.group) for r in rows] == [("SC-HF-I-4", "HF-I")] * 2
    assert_reads_back(rows[0], study, ED, without=[RV])


def test_sunnybrook_inner_contours_alone_give_the_cavity_alone(tmp_path, study):
    folder = tmp_path / "case"
    paths = write_numbered(study.sax, folder, "IM-0009")
    contours(paths, study, folder, phases=(ED,), kinds=(LV,))
    _, rows = rows_of(folder, tmp_path)
    assert [r.frame for r in rows] == [""]  # of one phase nobody knows whether it is ED
    assert_reads_back(rows[0], study, ED, without=[RV, MYO])


def test_an_outer_contour_without_an_inner_one_is_left_out_and_told(tmp_path, study):
    folder = tmp_path / "case"
    paths = write_numbered(study.sax, folder, "IM-0009")
    contours(paths, study, folder)
    inner = sorted(folder.glob("*icontour*"))[0]
    inner.unlink()
    _, rows = rows_of(folder, tmp_path)
    assert "1 outer contour(s) without an inner one left out" in rows[0].columns["note"]


def test_a_slice_that_was_not_drawn_between_others_is_told(tmp_path, study):
    folder = tmp_path / "case"
    paths = write_numbered(study.sax, folder, "IM-0009")
    contours(paths, study, folder, phases=(ED,))
    middle = sorted(folder.glob("*icontour*"))[1].name.split("-")[2]
    for path in folder.glob(f"IM-0001-{middle}-*"):
        path.unlink()
    _, rows = rows_of(folder, tmp_path)
    assert "14.0 to 28.0 mm apart" in rows[0].columns["note"]


def test_sunnybrook_says_what_is_wrong_or_missing(tmp_path, study):
    folder = tmp_path / "case"
    paths = write_numbered(study.sax, folder, "IM-0009")
    contours(paths, study, folder)
    text = sorted(folder.glob("*icontour*"))[0]
    good = text.read_text()
    for bad in ("1 2 3\n", "one two\n", "\xff", "1 nan\n2 3\n4 5\n", "1 2\n3 4\n"):
        text.write_text(bad, encoding="latin-1")
        with pytest.raises(InputError, match="contour"):
            rows_of(folder, tmp_path)
    text.write_text(good)
    other = folder / "IM-0008"
    for path in paths.values():
        other.with_name(path.name.replace("IM-0009", "IM-0008")).write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="2 series fit"):
        rows_of(folder, tmp_path)
    for path in folder.glob("IM-0008*"):
        path.unlink()
    number = text.name.split("-")[2]
    damaged = folder / f"IM-0009-{number}.dcm"
    damaged.write_bytes(damaged.read_bytes()[:400])
    with pytest.raises(InputError, match="no readable MR image"):
        rows_of(folder, tmp_path)
    damaged.unlink()
    with pytest.raises(InputError, match="no series of DICOM files"):
        rows_of(folder, tmp_path)


def test_cvi42_of_a_short_axis(tmp_path, study):
    folder = tmp_path / "case"
    cvi42(folder, study)
    assert detect(folder) == ["cvi42"]
    written, rows = rows_of(folder, tmp_path)
    assert [(r.subject, r.view, r.frame, r.columns["phase"]) for r in rows] == [
        ("case", "SAX", "ED", "0"),
        ("case", "SAX", "ES", "1"),
    ]
    assert written.left_out == {}
    for row, t in zip(rows, (ED, ES), strict=True):
        assert_reads_back(row, study, t)


def test_cvi42_long_axes_hold_the_atria(tmp_path):
    study = heart(long_axes=True, label_atria=True)
    folder = tmp_path / "case"
    four, labels = study.stacks["4CH"], study.segmentations["4CH"].labels
    write_numbered(study.sax, folder, "IM-1")
    files = write_dicom(four, folder / "lax", description="cine", series_number=7)
    drawn = cvi42_contours({(t, 0): f for t, f in enumerate(files)}, labels, "la", (ED,))
    assert "lalaContour" in next(iter(drawn.values()))
    (folder / "w.cvi42wsx").write_text(workspace(drawn, subpixel=2))
    _, rows = rows_of(folder, tmp_path)
    assert len(rows) == 1
    assert rows[0].view == "4CH"
    truth = load_label(rows[0], load_image(rows[0]))[1]
    assert set(np.unique(truth.labels)) >= {0, LV, MYO, Structure.LA}
    assert np.array_equal(truth.labels[0], labels[ED])


def test_cvi42_names_what_it_does_not_read(tmp_path, study):
    folder = tmp_path / "case"
    paths = write_numbered(study.sax, folder, "IM-1")
    drawn = cvi42_contours(paths, study.segmentation.labels, "sa", (ED,))
    first = next(iter(drawn.values()))
    first["sapapilMuscContour"] = np.array([[1, 1], [2, 1], [2, 2]])
    drawn["1.2.3"] = {"saendocardialContour": np.array([[1, 1], [9, 1], [9, 9]])}
    (folder / "w.cvi42wsx").write_text(workspace(drawn))
    _, rows = rows_of(folder, tmp_path)
    note = rows[0].columns["note"]
    assert note == "not read: sapapilMuscContour; 1 contoured image(s) not used"
    assert_reads_back(rows[0], study, ED)


def test_open_and_numbered_contours_are_of_the_same_kind():
    assert kind_of_contour("saendocardialContour") == "saendocardial"
    assert kind_of_contour("saepicardialOpenContour") == "saepicardial"
    assert kind_of_contour("sarvendocardialContour0001") == "sarvendocardial"
    assert kind_of_contour("lalaContour") == "lala"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not xml", "no cvi42 workspace in XML"),
        ("<a>", "no cvi42 workspace in XML"),
        (workspace({}), "holds no contour"),
        (workspace({"1.2": {"x": np.zeros((3, 2))}}).replace(">4<", ">zero<"), "no cvi42"),
        (workspace({"1.2": {"x": np.zeros((3, 2))}}).replace(">4<", ">0<"), "no cvi42"),
        ("<a>" * 200, "nested too deeply"),
        ('<?xml version="1.0" encoding="UTF-z"?><a/>', "no cvi42 workspace in XML"),
    ],
)
def test_a_damaged_workspace_is_refused_with_one_sentence(tmp_path, text, says):
    (tmp_path / "w.cvi42wsx").write_text(text)
    with pytest.raises(InputError, match=says):
        read_workspace(tmp_path / "w.cvi42wsx")


def test_entities_in_a_workspace_do_not_grow(tmp_path):
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    text = f'<!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]><a>&l9;</a>'
    (tmp_path / "w.cvi42wsx").write_text(text)
    with pytest.raises(InputError, match="no cvi42 workspace"):
        read_workspace(tmp_path / "w.cvi42wsx")


def test_a_workspace_far_from_its_images_says_so(tmp_path, study):
    folder = tmp_path / "case"
    write_numbered(study.sax, folder, "IM-1")
    square = np.array([[1, 1], [9, 1], [9, 9], [1, 9]])
    (folder / "w.cvi42wsx").write_text(workspace({"1.2.3": {"saendocardialContour": square}}))
    with pytest.raises(InputError, match="none of the images its contours were drawn on"):
        rows_of(folder, tmp_path)
