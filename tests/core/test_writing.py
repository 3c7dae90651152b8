"""Files appear whole or not at all, and failures are told in the system's own words."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from threading import Event, Thread

import pytest

from napari_cmr.core import InputError, placing, replacing


def fill_the_disk() -> None:
    """What a library does that wraps the system's error in a long text of its own."""
    system = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise OSError("With tag ... got exception:\nTraceback\n  File ...") from system


@pytest.mark.parametrize("way", [replacing, placing])
def test_a_full_disk_is_told_in_one_line_whatever_a_library_makes_of_it(tmp_path, way):
    with (
        pytest.raises(InputError, match=r"\(No space left on device\)") as refusal,
        way(tmp_path / "out"),
    ):
        fill_the_disk()
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.iterdir())


def test_folders_made_for_files_that_never_came_go_again_and_others_stay(tmp_path):
    (tmp_path / "mine").mkdir()

    def write() -> None:
        with placing(tmp_path / "mine" / "a" / "b") as folder:
            (folder / "one").write_text("1")
            fill_the_disk()

    with pytest.raises(InputError):
        write()
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupt_in_the_middle_leaves_what_was_there(tmp_path, error):
    old = tmp_path / "out.txt"
    old.write_text("old")

    def write() -> None:
        with replacing(old) as part:
            part.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("way", [replacing, placing])
def test_a_folder_that_may_not_be_entered_is_told(tmp_path, monkeypatch, way):
    def closed(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr("pathlib.Path.exists", closed)
    with (
        pytest.raises(InputError, match=r"\(Permission denied\); choose another place"),
        way(tmp_path / "closed" / "out"),
    ):
        pass


def test_what_is_no_name_of_a_file_is_refused_and_devices_and_pipes_stay(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for name, told in (("", "names no file"), ("/", "names no file"), (pipe, "a pipe")):
        with pytest.raises(InputError, match=told), replacing(name) as part:
            part.write_text("whole")
    assert pipe.is_fifo()


def test_the_files_of_one_call_come_together(tmp_path):
    with placing(tmp_path / "new" / "deep") as folder:
        for name in ("a", "b"):
            (folder / name).write_text(name)
        assert not list((tmp_path / "new" / "deep").glob("[ab]"))
    assert sorted(p.name for p in (tmp_path / "new" / "deep").iterdir()) == ["a", "b"]


KILLED = """
import os, signal, sys
from napari_cmr.core import placing, replacing
with replacing(sys.argv[1] + "/numbers.csv") as part, placing(sys.argv[1]) as folder:
    part.write_text("half")
    (folder / "seg-001.dcm").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_goes_with_the_next_write_and_other_files_stay(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False)
    assert done.returncode == -signal.SIGKILL
    left = sorted(tmp_path.iterdir())
    assert len(left) == 2
    assert all(p.name.startswith(".") for p in left)  # nothing under a final name
    mine = tmp_path / ".mine.part"
    mine.write_text("another program's")
    elsewhere = tmp_path / ".a.csv.00000000-1.part.csv"  # another computer's, on a shared folder
    elsewhere.write_text("half")
    with replacing(tmp_path / "other.csv") as part:
        part.write_text("whole")
    assert sorted(tmp_path.iterdir()) == sorted([mine, elsewhere, tmp_path / "other.csv"])


def test_a_running_process_keeps_what_it_is_writing(tmp_path):
    from napari_cmr.core import writing

    running = tmp_path / f".x.csv.{writing._HERE}-{os.getppid()}.part.csv"
    running.write_text("half")
    with placing(tmp_path) as folder:
        (folder / "one").write_text("1")
    assert running.exists()


def test_a_series_that_is_replaced_leaves_nothing_of_the_longer_one_before(tmp_path):
    for names in (["seg-001.dcm", "seg-002.dcm", "notes.txt"], ["seg-001.dcm"]):
        with placing(tmp_path, overwrite=True, series=("seg-*.dcm", "*.csv")) as folder:
            for name in names:
                (folder / name).write_text(str(len(names)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes.txt", "seg-001.dcm"]
    assert (tmp_path / "seg-001.dcm").read_text() == "1"


def test_two_writers_of_one_file_do_not_take_each_other_s_half_away(tmp_path):
    target = tmp_path / "a.csv"
    with replacing(target) as first:
        first.write_text("first")
        with replacing(target) as second:
            second.write_text("second")
        assert target.read_text() == "second"
    assert target.read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_one_thread_looks_through_keeps_what_another_is_writing(
    tmp_path, monkeypatch
):
    look, begun, looked = os.scandir, Event(), Event()
    refused: list[Exception] = []

    def write_beside() -> None:
        try:
            with replacing(tmp_path / "beside.txt") as part:
                part.write_text("whole")
                begun.set()
                looked.wait(5)
        except InputError as error:
            refused.append(error)

    other = Thread(target=write_beside)

    def slow_look(folder):
        other.start()
        begun.wait(0.5)  # as long as the other needs, were it not made to wait
        return look(folder)

    monkeypatch.setattr("napari_cmr.core.writing.os.scandir", slow_look)
    with replacing(tmp_path / "first.txt") as part:
        part.write_text("whole")
    looked.set()
    other.join()
    assert not refused
    assert sorted(p.name for p in tmp_path.iterdir()) == ["beside.txt", "first.txt"]
