"""What is done already survives any end, and one process at a time may add to it."""

import subprocess
import sys

import pytest

from napari_cmr.batch import Row, State
from napari_cmr.batch.journal import JOURNAL, opened_journal
from napari_cmr.core import InputError

HOW = {"model": "m 1", "labels": True}


def row(name):
    return Row(name, f"{name}.nii", State.OK, "", {"edv_ml": 128.0, "n_phases": 2})


def write(folder, *names):
    with opened_journal(folder, HOW) as journal:
        for name in names:
            journal.append(row(name))


def test_rows_come_back_as_they_were_written(tmp_path):
    write(tmp_path, "a", "b")
    with opened_journal(tmp_path, HOW) as journal:
        assert journal.rows == {"a.nii": row("a"), "b.nii": row("b")}


def test_a_line_cut_short_at_any_byte_costs_only_its_own_row(tmp_path):
    write(tmp_path, "a", "b")
    path = tmp_path / JOURNAL
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        with opened_journal(tmp_path, HOW) as journal:
            kept = whole[:length].count(b"\n")
            assert len(journal.rows) == max(0, kept - 1)
        assert path.read_bytes() == b"".join(lines[: max(1, kept)])


def test_the_later_of_two_lines_counts(tmp_path):
    with opened_journal(tmp_path, HOW) as journal:
        journal.append(Row("a", "a.nii", State.FAILED, "bad"))
        journal.append(row("a"))
    with opened_journal(tmp_path, HOW) as journal:
        assert journal.rows == {"a.nii": row("a")}


def test_a_second_process_on_the_same_folder_is_refused(tmp_path):
    program = (
        "import sys; from pathlib import Path; from napari_cmr.batch.journal import *\n"
        "from napari_cmr.core import InputError\n"
        "try:\n    with opened_journal(Path(sys.argv[1]), {'model': 'm 1', 'labels': True}): pass\n"
        "except InputError as error: print(error)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with opened_journal(tmp_path, HOW):
        during = subprocess.run(command, capture_output=True, text=True, check=True)
    after = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Another process is at work" in during.stdout
    assert after.stdout == ""


def test_a_folder_begun_with_another_model_is_refused(tmp_path):
    write(tmp_path, "a")
    with (
        pytest.raises(InputError, match=r"another model \(m 1, now m 2\)"),
        opened_journal(tmp_path, HOW | {"model": "m 2"}),
    ):
        pass
    with opened_journal(tmp_path, HOW) as journal:
        assert len(journal.rows) == 1


def test_a_damaged_journal_is_refused_and_left_as_it_is(tmp_path):
    write(tmp_path, "a", "b")
    path = tmp_path / JOURNAL
    damaged = path.read_bytes().replace(b'"state": "ok"', b'"state": "?!"', 1)
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="damaged"), opened_journal(tmp_path, HOW):
        pass
    assert path.read_bytes() == damaged


def test_a_full_disk_is_told_and_what_was_written_stays(tmp_path):
    """The largest size of a file stands in for a full disk; it is this process's, so in another."""
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from napari_cmr.core import InputError\n"
        "from tests.batch.test_journal import HOW, row; from napari_cmr.batch.journal import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        "try:\n    with opened_journal(Path(sys.argv[1]), HOW) as journal:\n"
        "        for i in range(100): journal.append(row(str(i)))\n"
        "except InputError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "make room" in done.stdout
    with opened_journal(tmp_path, HOW) as journal:
        assert 0 < len(journal.rows) < 100
