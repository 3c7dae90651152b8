"""A study whose every text is a sentinel goes all the way; nothing that is written has it."""

from __future__ import annotations

import csv
import os
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY
from tests.privacy.calling import IDENTIFIED
from tests.privacy.marked import leaks, sentinels_in, sentinels_in_file, write_marked_study

pytestmark = pytest.mark.timeout(900)  # the journey is a minute's work on an idle core
_FOLDERS = {
    "HOME": "home",
    "XDG_CONFIG_HOME": "home/config",
    "XDG_CACHE_HOME": "home/cache",
    "XDG_DATA_HOME": "home/data",
    "XDG_STATE_HOME": "home/state",
    "TMPDIR": "tmp",
}


@pytest.fixture(scope="module")
def gone(tmp_path_factory):
    """The folder in which one process did everything, and what it said on the terminal."""
    base = tmp_path_factory.mktemp("journey")
    write_marked_study(base / "given" / "study")
    for name in (*_FOLDERS.values(), "run"):
        (base / name).mkdir(parents=True, exist_ok=True)
    environment = os.environ | {k: str(base / v) for k, v in _FOLDERS.items()}
    environment |= {"PYTHONPATH": str(REPOSITORY), "QT_QPA_PLATFORM": "xcb"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.privacy.journey", base / "given" / "study", base / "out"],
        cwd=base / "run",
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return base, done


def test_the_search_finds_what_was_asked_to_be_written_with_identity(gone):
    base, _ = gone
    for name in ("report.dcm", "seg-001.dcm"):
        assert "Zqxwort" in sentinels_in_file(base / "out" / IDENTIFIED / name)


def test_no_file_or_name_anywhere_holds_a_sentinel_but_the_identified_export(gone):
    base, _ = gone
    found = leaks(*(base / name for name in ("out", "home", "tmp", "run")))
    assert [
        leak for leak in found if not leak.removeprefix("name of ").startswith(f"{IDENTIFIED}/")
    ] == []


def test_every_kind_of_output_was_there_to_be_searched(gone):
    base, _ = gone
    written = {p.relative_to(base / "out").parts[0] for p in (base / "out").rglob("*")}
    assert written == {
        "batch", "corrected", "damaged.json", "deidentified", "demo", "evaluate.json", "explain",
        "export", "fetched.json", IDENTIFIED, "manifest.csv", "measure.json", "predict", "project",
        "project-compare.json", "project-list.json", "project-log.json", "project-replay.json",
        "report", "report-of-project", "scan.json", "segment", "start", "titles.txt", "v0002.zip",
        "version", "versions.json", "window", "window.txt",
    }  # fmt: skip
    assert len(list((base / "tmp").glob("napari-cmr-report-*.txt"))) == 2
    assert list((base / "home").rglob("settings.yaml"))
    assert list((base / "home").rglob("project.sqlite"))


def test_a_cohorts_bad_studies_are_in_its_table_by_reasons_that_name_no_file(gone):
    base, _ = gone
    with (base / "out" / "batch" / "measures.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["id"]: (row["state"], row["reason"]) for row in csv.DictReader(file)}
    assert rows.pop("study") == ("ok", "")
    assert set(rows) == {"bad", "packed"}
    for state, reason in rows.values():
        assert state == "failed"
        assert reason.startswith("File 1 of 10 in order of name cannot be decoded")


def test_logs_and_caches_are_for_their_owner_only(gone):
    base, _ = gone
    folders = [base / "out" / "project", *(base / "home").rglob("napari-cmr")]
    kept = [p for folder in folders for p in folder.rglob("*") if p.is_file()]
    assert {p.name for p in kept} >= {"project.sqlite", "version.json"}
    assert any("cache" in p.parts for p in kept)
    assert [str(p) for p in kept if _can_be_read_by_others(p, base)] == []


def _can_be_read_by_others(file, base):
    """Whether the file's mode and those of all its folders let somebody else in."""
    inside = [p for p in file.parents if p.is_relative_to(base)]
    return bool(file.stat().st_mode & 0o044 and all(p.stat().st_mode & 0o011 for p in inside[:-1]))


def test_nothing_on_the_terminal_holds_a_sentinel(gone):
    _, done = gone
    assert sentinels_in(done.stdout) == []
    assert sentinels_in(done.stderr) == []


def test_reports_of_crashes_are_for_their_owner_only(gone):
    base, _ = gone
    modes = {p.stat().st_mode & 0o777 for p in (base / "tmp").glob("napari-cmr-report-*.txt")}
    assert modes == {0o600}
