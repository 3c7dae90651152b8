"""Files appear whole or not at all."""

from __future__ import annotations

import os
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
        reason = error.strerror or str(error)
        raise InputError(f"Cannot write {target} ({reason}); choose another place.") from error
    finally:
        with suppress(OSError):  # the writer's own error is the one to tell
            partial.unlink(missing_ok=True)
