"""Who corrected and accepted what and when, in words."""

from datetime import UTC, datetime

import pytest

from napari_cmr import report
from napari_cmr.report.reviewing import TAKEN_BACK, ReviewRecord, accepted_by, review_lines
from tests.report.test_report import content, html_text, pdf_text, study  # noqa: F401  a fixture


def at(hour, minute=0, day=1):
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


CORRECTED = ReviewRecord(
    "Reader A",
    "corrected by hand",
    ("LV cavity", "LV myocardium"),
    ((0, 2), (0, 3), (0, 4), (9, 2)),
    at(9, 5),
    at(9, 20),
    "cine-sax-unet 1.1.0",
    12,
)
ACCEPTED = ReviewRecord("Reader B", "accepted", (), ((0, 2), (9, 2)), at(10), at(10))


def test_a_correction_says_who_what_where_when_and_on_which_model():
    assert CORRECTED.line == (
        "Reader A corrected by hand LV cavity, LV myocardium; 4 frames (phases 0, 9, slices 2-4); "
        "12 steps; 2026-03-01 09:05 to 09:20 UTC; on cine-sax-unet 1.1.0"
    )


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ((), "not reviewed"),
        ((CORRECTED,), "not reviewed"),
        ((CORRECTED, ACCEPTED), "Reader B, 2 of 105 frames on 2026-03-01 10:00 UTC"),
        ((ACCEPTED, ReviewRecord("Reader B", "rejected", (), ((0, 2), (9, 2)))), "not reviewed"),
        (
            (ACCEPTED, ReviewRecord("Reader B", TAKEN_BACK, (), ((9, 2),))),
            "Reader B, 1 of 105 frames on 2026-03-01 10:00 UTC",
        ),
        (
            (ACCEPTED, ReviewRecord("Reader C", "rejected", (), ((0, 2), (9, 2)))),
            "Reader B, 2 of 105 frames on 2026-03-01 10:00 UTC",
        ),
    ],
)
def test_only_what_still_stands_is_accepted(records, said):
    assert accepted_by(records, 105) == said


def test_the_newest_records_are_written_and_the_rest_counted():
    many = tuple(ReviewRecord(f"R{i}", "flagged") for i in range(6))
    lines = [text for heading, text in review_lines(many, 10, 2) if heading == "Review"]
    assert lines == ["R5 flagged", "R4 flagged", "4 more in the HTML report"]
    assert len(review_lines(many, 10)) == 7


def test_paper_and_screen_tell_the_review(study, tmp_path):  # noqa: F811
    nasty = ReviewRecord("<b>Eve</b>", "flagged", began=at(8))
    made = content(study, review=(nasty, CORRECTED, ACCEPTED))
    report.write_pdf(made, tmp_path / "r.pdf")
    report.write_html(made, tmp_path / "r.html")
    raw = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<b>Eve" not in raw
    screen = " ".join(html_text(tmp_path / "r.html").split())
    assert CORRECTED.line in screen
    assert "Reader B, 2 of 105 frames on 2026-03-01 10:00 UTC" in screen
    paper = " ".join(pdf_text(tmp_path / "r.pdf").split())
    assert "Reader A corrected by hand LV cavity" in paper
    assert "on 2026-03-01 10:00 UTC" in paper
    assert "not reviewed" not in paper + screen
