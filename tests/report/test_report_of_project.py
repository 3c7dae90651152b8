"""A report of corrected contours, from the project that holds the corrections."""

import json

import numpy as np
import pytest

from napari_cmr import phantom
from napari_cmr.cli.reporting import report as verb
from napari_cmr.core import InputError
from napari_cmr.measure import segment_thickness_mm
from napari_cmr.measure.landmarks import SAX_LANDMARKS
from napari_cmr.review import Extent, Project, Verdict
from napari_cmr.review.landmarks import insertions_of, landmarks_of
from tests.report.test_report import html_text, pdf_text
from tests.review.conftest import TINY, dab, opened, square, tiny_folder  # noqa: F401  a fixture


def test_the_page_shows_what_stands_in_the_log(tiny_folder, tmp_path):  # noqa: F811
    project = Project.open(tmp_path / "project")
    session = opened(tiny_folder, project, "ada")
    session.predict(square)
    dab(session, phase=2, index=1, size=4, label=0)  # 16 pixels of the cavity are taken out
    dab(session, phase=3, index=3)
    session.undo()
    session.set_phases(0, 2)
    session.judge([(2, 1)], Verdict.ACCEPTED)
    expected = session.measures
    project.close()
    verb(tiny_folder, tmp_path / "out", project=tmp_path / "project")
    told = {
        n["name"]: n for n in json.loads((tmp_path / "out" / "numbers.json").read_text())["numbers"]
    }
    assert told["lv_esv_ml"]["value"] == pytest.approx(expected.esv_ml, rel=1e-4)
    assert told["lv_esv_ml"]["value"] < told["lv_edv_ml"]["value"]
    assert "ES phase 2" in told["lv_esv_ml"]["phases"]
    text = " ".join(html_text(tmp_path / "out" / "report.html").split())
    assert "squares 1" in text
    assert "ada corrected by hand LV cavity; 1 frame (phase 2, slice 1)" in text
    assert "ada, 1 of 20 frames on 20" in text
    assert "LV myocardium" not in text  # that stroke was undone


def test_slices_out_of_the_volumes_are_out_and_told(tiny_folder, tmp_path):  # noqa: F811
    project = Project.open(tmp_path / "project")
    session = opened(tiny_folder, project, "ada")
    session.predict(square)
    session.mark_slices(Extent(base=1))
    expected = session.measures.edv_ml
    project.close()
    verb(tiny_folder, tmp_path / "out", project=tmp_path / "project")
    told = {
        n["name"]: n for n in json.loads((tmp_path / "out" / "numbers.json").read_text())["numbers"]
    }
    assert told["lv_edv_ml"]["value"] == pytest.approx(expected, rel=1e-4)
    text = " ".join(html_text(tmp_path / "out" / "report.html").split())
    assert "Slice 0 is out of the volumes, as the reader marked it." in text


def test_segments_follow_dragged_landmarks_and_the_page_says_where(tmp_path):
    study = phantom.make(
        TINY.model_copy(update={"rows": 56, "columns": 60, "pixel_mm": (2.6, 2.6)})
    )
    phantom.write_dicom_study(study, tmp_path / "heart")
    project = Project.open(tmp_path / "project")
    session = opened(tmp_path / "heart", project, "ada")
    session.apply_prediction(study.segmentation)
    assert project.flush()
    verb(tmp_path / "heart", tmp_path / "found", project=tmp_path / "project")
    ed = session.measures.ed_phase
    slices = [z for z in range(5) if landmarks_of(session.reading, (ed, z)) is not None]
    for z in slices[:2]:
        middle, first, _ = landmarks_of(session.reading, (ed, z)).points
        angle = np.deg2rad(25)
        way = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        row, column = middle + way @ (first - middle)
        session.place_landmark((ed, z), SAX_LANDMARKS[1], (float(row), float(column)))
    placed, _ = segment_thickness_mm(session.segmentation, ed, insertions_of(session.reading, ed))
    project.close()
    verb(tmp_path / "heart", tmp_path / "placed", project=tmp_path / "project")
    before, after = (
        json.loads((tmp_path / name / "numbers.json").read_text())["aha_segments"]
        for name in ("found", "placed")
    )
    assert after["thickness_ed_mm"] == {str(s): round(mm, 3) for s, mm in placed.items()}
    assert after["thickness_ed_mm"] != before["thickness_ed_mm"]
    assert after["thickness_es_mm"] == before["thickness_es_mm"]
    told = f"placed the RV insertion points in slices {slices[0]}, {slices[1]} of phase {ed}."
    for text in (
        pdf_text(tmp_path / "placed" / "report.pdf"),
        html_text(tmp_path / "placed" / "report.html"),
    ):
        assert told in " ".join(text.split())
    assert "placed the RV" not in html_text(tmp_path / "found" / "report.html")


def test_several_readers_are_told_apart(tiny_folder, tmp_path):  # noqa: F811
    for reader in ("ada", "ben"):
        project = Project.open(tmp_path / "project")
        session = opened(tiny_folder, project, reader)
        session.predict(square)
        dab(session, size=2 if reader == "ada" else 5, label=0)
        project.close()
    with pytest.raises(InputError, match="ada, ben; choose by --reader"):
        verb(tiny_folder, tmp_path / "out", project=tmp_path / "project")
    verb(tiny_folder, tmp_path / "out", project=tmp_path / "project", reader="ben")
    text = html_text(tmp_path / "out" / "report.html")
    assert "ben corrected by hand" in text
    assert "ada" not in text


def test_two_sources_of_labels_are_refused(tiny_folder, tmp_path):  # noqa: F811
    with pytest.raises(InputError, match="not two"):
        verb(tiny_folder, tmp_path / "out", project=tmp_path, labels=tmp_path)
    with pytest.raises(InputError, match="--project; give it too"):
        verb(tiny_folder, tmp_path / "out", reader="ada")
