"""The healthy wall that a reader draws on late enhancement: scar follows it, and it is kept."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest

from napari_cmr import io
from napari_cmr.cli.reporting import Kind as ReportKind
from napari_cmr.cli.reporting import report as verb
from napari_cmr.core import InputError, Segmentation, Stack, Structure
from napari_cmr.measure import Outline
from napari_cmr.review import Extent, Project, enhancement_of, review_records
from napari_cmr.review.acted import Acted
from napari_cmr.review.record import Kind
from tests.measure.shells import CENTRE, ellipsoid_shell, oriented
from tests.report.test_report import html_text
from tests.review.conftest import dab, opened

ON_THE_LEFT = tuple(  # 24 pixels wide enough for the wall at 140 to 220 degrees
    Outline(z, ((40.0, 14.0), (40.0, 26.0), (60.0, 26.0), (60.0, 14.0))) for z in (1, 2)
)


@pytest.fixture(scope="module")
def lge(tmp_path_factory):
    """A wall of 50 on the right and 120 on the left of the picture, a sixth of it scar of 400."""
    labels = ellipsoid_shell((24.0, 400.0), 10.0, np.arange(5) * 8.0)[None]
    rows, columns = np.mgrid[:96, :96]
    angle = np.rad2deg(np.arctan2(CENTRE[0] - rows, columns - CENTRE[1])) % 360
    wall = labels == Structure.MYO
    noise = np.random.default_rng(0).normal(0, 2, labels.shape)
    scar, left = wall & (angle >= 240) & (angle < 300), wall & (columns < CENTRE[1])
    pixels = np.select([scar, left, wall], [400.0, 120.0, 50.0], 200.0) + noise
    folder = tmp_path_factory.mktemp("lge")
    stack = Stack(pixels.round().astype(np.uint16), oriented(5))
    io.write_dicom(stack, folder, description="LGE PSIR sax")
    return SimpleNamespace(folder=folder, labels=labels, scar=scar, left=left, wall=wall)


@pytest.fixture
def session(lge, project):
    session = opened(lge.folder, project)
    session.apply_prediction(Segmentation.on(session.stack, lge.labels, "shells 1"))
    return session


def percent(session, method="5sd"):
    return enhancement_of(session.reading)[f"scar_{method}_percent"].value


def test_scar_follows_the_region_and_says_that_it_was_drawn_by_hand(session, lge):
    share = 100 * lge.scar.sum() / lge.wall.sum()
    bright = 100 * (lge.scar | lge.left).sum() / lge.wall.sum()
    assert percent(session) == pytest.approx(bright, abs=0.2)  # compared with the right side's 50
    told = enhancement_of(session.reading)
    assert "remote-automatic" in {f.code for f in told.findings}
    session.set_remote(ON_THE_LEFT)
    assert percent(session) == pytest.approx(share, abs=0.2)  # compared with the left side's 120
    told = enhancement_of(session.reading)
    assert "drawn by hand in slices 1, 2" in told["scar_5sd_percent"].method
    assert "mean 120" in told["scar_5sd_percent"].method
    assert "remote-automatic" not in {f.code for f in told.findings}
    session.set_remote(())
    assert percent(session) == pytest.approx(bright, abs=0.2)


def test_a_region_is_kept_with_the_work(session, project, lge):
    session.set_remote(ON_THE_LEFT)
    expected = percent(session)
    assert project.flush()
    again = opened(lge.folder, project)
    assert percent(again) == expected
    assert again.reading.history.remote == ON_THE_LEFT


def test_a_region_is_undone_and_done_again_as_one_step_and_so_reopens(session, project, lge):
    first, then = ON_THE_LEFT[:1], ON_THE_LEFT[1:]
    alone = session.reading.history.n_steps
    for outlines in (first, then, then, ()):  # the same region twice is one step
        session.set_remote(outlines)
    history = session.reading.history
    assert history.n_steps == alone + 3
    for expected in (then, first, ()):
        step = session.undo()
        assert history.remote == expected
    assert Acted(step, (96, 96)).frames == ((0, 1),)
    region = Acted(step, (96, 96)).mask((0, 1))
    assert region.sum() == pytest.approx(np.pi * 10 * 6, rel=0.05)  # an ellipse's area
    assert region[40:61, 14:27].sum() == region.sum()
    session.redo()
    share = percent(session)
    assert history.remote == first
    assert project.flush()
    again = opened(lge.folder, project)
    assert again.reading.history.remote == first
    assert percent(again) == share
    again.undo()
    assert again.reading.history.remote == ()
    assert again.redo().kind is Kind.REMOTE
    assert review_records(project, again.reading.key)[-1].action == "drew the remote wall"


def test_a_log_from_when_undo_left_the_remote_wall_replays_as_it_was(session, project, lge):
    reading = session.reading
    said = [[one.index, one.corners, one.is_round] for one in ON_THE_LEFT]
    dab(session, phase=0)
    session._note(reading, Kind.REMOTE, outlines=said)  # as it was written then
    assert session.undo().kind is Kind.STROKE
    assert reading.history.remote == ON_THE_LEFT
    assert project.flush()
    again = opened(lge.folder, project)
    assert again.reading.history.remote == ON_THE_LEFT
    again.set_remote(())
    again.undo()
    told = [one.action for one in review_records(project, again.reading.key)]
    assert told == ["segmented", "drew the remote wall"]


def test_a_region_that_holds_no_wall_is_refused_and_changes_nothing(session):
    session.set_remote(ON_THE_LEFT)
    expected = percent(session)
    blood = Outline(2, ((45.0, 40.0), (45.0, 48.0), (55.0, 48.0), (55.0, 40.0)))
    with pytest.raises(InputError, match="holds 0 pixels of the wall"):
        session.set_remote([blood])
    with pytest.raises(InputError, match="no slice 9"):
        session.set_remote([Outline(9, blood.corners)])
    assert percent(session) == expected


def test_a_region_whose_wall_was_erased_gives_no_numbers_but_a_sentence(session):
    session.set_remote(ON_THE_LEFT)
    for z in (1, 2):
        dab(session, phase=0, index=z, row=30, column=4, size=40, label=0)
    with pytest.raises(InputError, match="draw it on healthy wall"):
        enhancement_of(session.reading)


def test_slices_out_of_the_volumes_hold_no_scar(session, lge):
    session.mark_slices(Extent(base=1))
    inside = lge.scar[:, 1:].sum() + lge.left[:, 1:].sum() - (lge.scar & lge.left)[:, 1:].sum()
    assert percent(session) == pytest.approx(100 * inside / lge.wall[:, 1:].sum(), abs=0.2)


def test_a_cine_has_no_remote_wall(tmp_path):
    stack = Stack(np.zeros((4, 5, 20, 20), np.uint16), oriented(5))
    io.write_dicom(stack, tmp_path)
    session = opened(tmp_path)
    assert enhancement_of(session.reading) is None
    with pytest.raises(InputError, match="this stack is none"):
        session.set_remote(ON_THE_LEFT)


def test_what_is_saved_and_the_report_hold_the_drawn_region(session, project, lge, tmp_path):
    session.set_remote(ON_THE_LEFT)
    expected = percent(session)
    names = {f.name for f in session.export(tmp_path / "saved")}
    assert {"enhancement.json", "enhancement.csv"} < names
    with (tmp_path / "saved" / "enhancement.csv").open(encoding="utf-8") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert float(rows["scar_5sd_percent"]["value"]) == pytest.approx(expected, abs=0.01)
    assert "drawn by hand in slices 1, 2" in rows["scar_5sd_percent"]["method"]
    folder = project.folder
    project.close()
    verb(lge.folder, tmp_path / "out", ReportKind.LGE, project=folder)
    told = json.loads((tmp_path / "out" / "numbers.json").read_text())["numbers"]
    value = next(n["value"] for n in told if n["name"] == "scar_5sd_percent")
    assert value == pytest.approx(expected, abs=0.01)
    text = " ".join(html_text(tmp_path / "out" / "report.html").split())
    assert "Remote wall drawn by hand in slices 1, 2" in text.replace("Remote wall:", "Remote wall")
    assert "ada drew the remote wall" in text
    assert "chosen automatically" not in text


def test_reader_and_labels_of_two_sources_are_refused(lge, tmp_path):
    with pytest.raises(InputError, match="needs --labels or --project"):
        verb(lge.folder, tmp_path / "out", ReportKind.LGE)
    with pytest.raises(InputError, match="not two"):
        verb(lge.folder, tmp_path / "out", ReportKind.LGE, labels=tmp_path, project=tmp_path)
    Project.open(tmp_path / "empty").close()
    with pytest.raises(InputError, match="holds nothing of"):
        verb(lge.folder, tmp_path / "out", ReportKind.LGE, project=tmp_path / "empty")
