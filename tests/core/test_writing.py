"""Files appear whole or not at all, and failures are told in the system's own words."""

from __future__ import annotations

import errno
import os

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


def test_the_files_of_one_call_come_together(tmp_path):
    with placing(tmp_path / "new" / "deep") as folder:
        for name in ("a", "b"):
            (folder / name).write_text(name)
        assert not list((tmp_path / "new" / "deep").glob("[ab]"))
    assert sorted(p.name for p in (tmp_path / "new" / "deep").iterdir()) == ["a", "b"]
