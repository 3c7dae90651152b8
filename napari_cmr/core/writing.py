"""Files appear whole or not at all, and so do the files of one call."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_cmr.core.errors import InputError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; on success the file there becomes ``path``.

    The temporary name keeps the suffix, since writers choose their format by it.

    Raises
    ------
    InputError
        If the folder cannot be written to. The old file, if any, is untouched.
    """
    target = Path(path)
    suffixes = "".join(target.suffixes[-2:])
    partial = target.with_name(f".{target.name}.{os.getpid()}.part{suffixes}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(target)
    except OSError as error:
        raise InputError(
            f"Cannot write {target} ({_reason(error)}); choose another place."
        ) from error
    finally:
        with suppress(OSError):  # the writer's own error is the one to tell
            partial.unlink(missing_ok=True)


@contextmanager
def placing(folder: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder inside ``folder``; on success its files move up, else none does.

    Raises
    ------
    InputError
        If a file of the same name is there already and is not to be overwritten, or the folder
        cannot be written to.
    """
    target = Path(folder)
    partial = target / f".{os.getpid()}.part"
    new = [place for place in (target, *target.parents) if not place.exists()]
    try:
        partial.mkdir(parents=True)
        yield partial
        files = sorted(partial.iterdir())
        taken = [f.name for f in files if (target / f.name).exists()]
        if taken and not overwrite:
            raise InputError(
                f"{target} holds {taken[0]} already; choose another folder, or say --overwrite."
            )
        for file in files:
            file.replace(target / file.name)
    except OSError as error:
        raise InputError(
            f"Cannot write to {target} ({_reason(error)}); choose another place."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        with suppress(OSError):  # only empty folders go
            for place in new:
                place.rmdir()


def _reason(error: BaseException | None) -> str:
    """The system's own words; libraries that write wrap them in some of theirs."""
    while error is not None:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        error = error.__cause__ or error.__context__
    return "the system gives no reason"
