"""Files appear whole or not at all, and so do the files of one call."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from threading import Lock
from zlib import crc32

from napari_cmr.core.errors import InputError, WriteError

_HERE = f"{crc32(platform.node().encode()):08x}"
_ORPHAN = re.compile(r"\.(?:.+\.)?([0-9a-f]{8})-([0-9]+)\.part(?:\..*)?")
_numbers = count()  # two threads may write the same file: the last one's stays
_looked_through: set[str] = set()  # folders, so that thousands of files cost one look
_looking = Lock()  # no thread begins a file in a folder that another still looks through


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; on success the file there becomes ``path``.

    The temporary name keeps the suffix, since writers choose their format by it. What killed
    processes left half-written in the folder is removed.

    Raises
    ------
    WriteError
        If the folder cannot be written to. The old file, if any, is untouched.
    """
    target = Path(path)
    if target.name in ("", ".."):
        raise WriteError(f"'{target}' names no file to write; give its name.")
    suffixes = "".join(target.suffixes[-2:])
    own = f"{next(_numbers)}.{_HERE}-{os.getpid()}"
    partial = target.with_name(f".{target.name}.{own}.part{suffixes}")
    try:
        _refuse_device(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_orphans(target.parent)
        yield partial
        partial.replace(target)
    except OSError as error:
        reason = _reason(error)
        raise WriteError(
            f"Cannot write {target} ({reason}); choose another place.", reason
        ) from error
    finally:
        with suppress(OSError):  # the writer's own error is the one to tell
            partial.unlink(missing_ok=True)


@contextmanager
def placing(
    folder: str | Path, *, overwrite: bool = False, series: tuple[str, ...] = ()
) -> Iterator[Path]:
    """Give a temporary folder inside ``folder``; on success its files move up, else none does.

    What killed processes left half-written there is removed.

    Parameters
    ----------
    overwrite
        Replace older files of the same names.
    series
        Patterns of names that count up, such as ``seg-*.dcm``. Where older ones are replaced,
        those beyond the new ones go too, so that one series is never of two calls.

    Raises
    ------
    InputError
        If a file of the same name is there already and is not to be overwritten.
    WriteError
        If the folder cannot be written to.
    """
    target = Path(folder)
    partial = target / f".{_HERE}-{os.getpid()}.part"
    new: list[Path] = []
    try:
        new += [place for place in (target, *target.parents) if not place.exists()]
        target.mkdir(parents=True, exist_ok=True)
        _remove_orphans(target)
        partial.mkdir()
        yield partial
        files = sorted(partial.iterdir())
        taken = [f.name for f in files if (target / f.name).exists()]
        if taken and not overwrite:
            raise InputError(
                f"{target} holds {taken[0]} already; choose another folder, or say --overwrite."
            )
        for file in files:
            file.replace(target / file.name)
        for old in _left_of(target, series, {f.name for f in files}):
            old.unlink()
    except OSError as error:
        reason = _reason(error)
        raise WriteError(
            f"Cannot write to {target} ({reason}); choose another place.", reason
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        with suppress(OSError):  # only empty folders go
            for place in new:
                place.rmdir()


def _refuse_device(target: Path) -> None:
    """A device or a pipe would be replaced by a file, which whoever named it did not mean."""
    if target.exists() and not (target.is_file() or target.is_dir()):
        raise WriteError(f"{target} is a device or a pipe; give the name of a file to write.")


def _left_of(folder: Path, series: tuple[str, ...], new: set[str]) -> list[Path]:
    """Older files of the series that were written anew."""
    rewritten = [p for p in series if any(Path(name).match(p) for name in new)]
    return [f for p in rewritten for f in folder.glob(p) if f.name not in new]


def _remove_orphans(folder: Path) -> None:
    """Remove what processes of this computer that run no more left half-written, once a process.

    Files of another computer, on a shared folder, are left: whether their process runs is not
    known here.
    """
    place = str(folder.resolve())
    if place in _looked_through:
        return
    with _looking:
        if place not in _looked_through:
            _remove_orphans_of(folder)
            _looked_through.add(place)


def _remove_orphans_of(folder: Path) -> None:
    with os.scandir(folder) as found:
        names = [e.name for e in found if e.name.startswith(".")]
    for name in names:
        owner = _ORPHAN.fullmatch(name)
        if owner is not None and owner[1] == _HERE and not _runs(int(owner[2])):
            orphan = folder / name
            if orphan.is_dir() and not orphan.is_symlink():
                shutil.rmtree(orphan, ignore_errors=True)
            else:
                with suppress(OSError):
                    orphan.unlink()


def _runs(process: int) -> bool:
    """Whether another process is at work; one of this number before this one is not."""
    if process == os.getpid():
        return False
    if sys.platform == "win32":  # a signal would end it there
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        return True
    return True


def _reason(error: BaseException | None) -> str:
    """The system's own words; libraries that write wrap them in some of theirs."""
    while error is not None:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        error = error.__cause__ or error.__context__
    return "the system gives no reason"
