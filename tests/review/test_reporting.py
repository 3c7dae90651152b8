"""The report of what is under review, without a window."""

import json
from dataclasses import replace

import pytest

from napari_cmr.core import InputError, View
from napari_cmr.review import Extent, Verdict
from napari_cmr.review.reporting import reporting
from tests.report.test_report import html_text
from tests.review.conftest import dab, square


def test_the_report_is_of_the_labels_phases_and_review_as_they_stand(session, tmp_path):
    session.apply_prediction(square(session.stack))
    dab(session, phase=1, index=2)
    session.judge([(1, 2)], Verdict.ACCEPTED)
    session.set_phases(1, 3)
    session.mark_slices(Extent(base=1))
    measures = session.measures
    wrote = []
    task = reporting(session, tmp_path / "out" / "page.pdf", wrote.append)
    dab(session, phase=1, index=3, size=9, label=0)  # drawn since: not in it
    task()
    (files,) = wrote
    assert [file.name for file in files] == ["page.pdf", "page.html", "page.json"]
    assert files[0].read_bytes().startswith(b"%PDF")
    told = json.loads(files[2].read_text())["numbers"]
    values = {number["name"]: number["value"] for number in told}
    assert values["lv_edv_ml"] == pytest.approx(measures.edv_ml, abs=0.01)
    text = " ".join(html_text(files[1]).split())
    assert "End diastole: phase 1" in text
    assert "ada accepted" in text
    assert "corrected by hand" in text
    assert not [p for p in (tmp_path / "out").iterdir() if p not in files]


def test_what_cannot_be_reported_is_said_in_one_sentence(session, tmp_path):
    page = tmp_path / "page.pdf"
    with pytest.raises(InputError, match="nothing to report yet"):
        reporting(session, page, print)
    session.apply_prediction(square(session.stack))
    with pytest.raises(InputError, match=r"name it page\.pdf"):
        reporting(session, tmp_path / "page.txt", print)
    session.reading.stack = replace(session.stack, view=View.CH2)
    with pytest.raises(InputError, match="short-axis cine or of late enhancement"):
        reporting(session, page, print)
    assert not page.exists()
