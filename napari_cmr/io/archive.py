"""Zip archives, unpacked into an owner-only folder that goes away by itself.

An archive comes from somewhere else, so its own words are not trusted: names that lead out of the
folder, links and devices are refused, and so is an archive that would fill the disk.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import struct
import tempfile
import weakref
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from napari_cmr.core import Cancel, InputError, Progress, check_cancel

_CHUNK = 1 << 20
_DIRECTORY_BYTES = 16 << 20  # of an archive's list of entries, which is read whole
_DRIVE = re.compile(r"[A-Za-z]:")
_PLAIN_TYPES = (0, stat.S_IFREG, stat.S_IFDIR)


class ArchiveError(InputError):
    """An archive is damaged, locked, or built to do harm."""


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold.

    Parameters
    ----------
    total_bytes
        Of all files together, unpacked.
    entries
        Files and folders.
    ratio
        Unpacked bytes a byte of the archive. Images are packed 2 to 10 times, a bomb 1,000 times.
    small_bytes
        Below this sum the ratio is not asked for: a blank picture packs as well as a bomb does.
    """

    total_bytes: int = 8 << 30
    entries: int = 100_000
    ratio: float = 200.0
    small_bytes: int = 64 << 20


class Unpacked:
    """A temporary folder that is removed when nobody holds it any more, at exit at the latest.

    Parameters
    ----------
    stem
        Name of the folder within, which carries the files.
    """

    def __init__(self, stem: str) -> None:
        home = Path(tempfile.mkdtemp(prefix="napari-cmr-"))  # made with mode 0700
        self._remove = weakref.finalize(self, shutil.rmtree, home, ignore_errors=True)
        self.folder = home / stem
        self.skipped: Counter[str] = Counter()
        self.folder.mkdir(mode=0o700)

    def remove(self) -> None:
        """Remove the folder now."""
        self._remove()


@dataclass
class _Budget:
    """What is left of the limits while bytes stream out."""

    path: Path
    bytes_left: int
    names: dict[PurePosixPath, zipfile.ZipInfo] = field(default_factory=dict)

    def spend(self, n: int) -> None:
        self.bytes_left -= n
        if self.bytes_left < 0:
            raise _bomb(self.path)


def is_zip(path: Path) -> bool:
    """Whether a file begins as a zip archive does, whatever it is called."""
    try:
        with path.open("rb") as file:
            return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError:
        return False


def unpack(
    path: Path,
    *,
    limits: Limits | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Unpacked:
    """Unpack a zip archive; hold on to what is returned as long as its files are wanted.

    A file of the archive that is damaged is left out and counted in ``skipped``.

    Raises
    ------
    ArchiveError
        If the archive is damaged, locked by a password, too large, or holds a name or a link
        that leads out of it.
    CancelledError
        If ``cancel`` said so; nothing stays behind.
    """
    limits = limits or Limits()
    try:
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            budget = _checked(path, archive.infolist(), limits)
            unpacked = Unpacked(path.stem)
            try:
                _extract_all(archive, budget, unpacked, progress, cancel)
            except BaseException:
                unpacked.remove()
                raise
            return unpacked
    except (zipfile.BadZipFile, struct.error, ValueError, EOFError) as error:
        raise ArchiveError(f"{path.name} is damaged or cut short; fetch it again.") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise ArchiveError(
            f"{path.name} cannot be unpacked ({reason}); unpack it yourself and open the folder."
        ) from error


def _check_directory(path: Path) -> None:
    """Refuse a list of entries that is itself too long to read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - (1 << 16) - 22))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise zipfile.BadZipFile("no end of the central directory")
    length = struct.unpack_from("<I", tail, at + 12)[0]
    if length == 0xFFFFFFFF:
        zip64 = tail.rfind(b"PK\x06\x06", 0, at)
        length = struct.unpack_from("<Q", tail, zip64 + 40)[0] if zip64 >= 0 else size
    if length > _DIRECTORY_BYTES:
        raise ArchiveError(f"{path.name} lists too many files for one study; unpack it yourself.")


def _checked(path: Path, infos: list[zipfile.ZipInfo], limits: Limits) -> _Budget:
    """The files to unpack by their checked names, the later of one name, within the limits."""
    if len(infos) > limits.entries:
        raise ArchiveError(
            f"{path.name} holds {len(infos)} files, more than {limits.entries}; unpack it yourself "
            "and open one study's folder."
        )
    budget = _Budget(path, limits.total_bytes)
    for info in infos:
        name = _safe_name(path, info)
        if not name.parts or info.is_dir() or _is_system_file(name):  # is_dir needs a name
            continue
        if info.flag_bits & 0x1:
            raise ArchiveError(f"{path.name} is locked by a password; unpack it yourself.")
        budget.names[name] = info
    total = sum(info.file_size for info in budget.names.values())
    if total > limits.total_bytes:
        raise ArchiveError(
            f"{path.name} would unpack to {total / 2**30:.1f} GiB, more than "
            f"{limits.total_bytes / 2**30:.1f}; unpack it yourself and open one study's folder."
        )
    if total > max(limits.small_bytes, limits.ratio * path.stat().st_size):
        raise _bomb(path)
    return budget


def _safe_name(path: Path, info: zipfile.ZipInfo) -> PurePosixPath:
    """Name of an entry below the folder it is unpacked into."""
    text = info.filename.replace("\\", "/")  # as old writers on Windows part folders
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in _PLAIN_TYPES:
        raise ArchiveError(
            f"{path.name} holds a link or a device instead of a file; it is refused."
        )
    parts = text.split("/")
    if text.startswith("/") or _DRIVE.match(text) or ".." in parts:
        raise ArchiveError(f"{path.name} holds a name that leads out of its folder; it is refused.")
    return PurePosixPath(*(part for part in parts if part not in ("", ".")))


def _is_system_file(name: PurePosixPath) -> bool:
    """What macOS and file managers add."""
    return name.parts[0] == "__MACOSX" or name.name.startswith(".")


def _bomb(path: Path) -> ArchiveError:
    return ArchiveError(
        f"{path.name} unpacks to far more than images do, as a zip bomb does; it is refused."
    )


def _extract_all(
    archive: zipfile.ZipFile,
    budget: _Budget,
    unpacked: Unpacked,
    progress: Progress | None,
    cancel: Cancel | None,
) -> None:
    for done, (name, info) in enumerate(budget.names.items(), start=1):
        check_cancel(cancel)
        target = unpacked.folder.joinpath(*name.parts)
        _make_folders(unpacked.folder, name)
        try:
            _extract(archive, info, target, budget, cancel)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
            target.unlink(missing_ok=True)
            unpacked.skipped["damaged in the archive"] += 1
        if progress is not None:
            progress(done, len(budget.names))


def _make_folders(folder: Path, name: PurePosixPath) -> None:
    """One by one, since ``parents=True`` gives those in between to everybody."""
    for part in name.parts[:-1]:
        folder /= part
        folder.mkdir(mode=0o700, exist_ok=True)


def _extract(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    target: Path,
    budget: _Budget,
    cancel: Cancel | None,
) -> None:
    """Stream one file; it is readable by its owner only and never replaces another."""
    handle = os.open(
        target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600
    )
    with os.fdopen(handle, "wb") as output, archive.open(info) as source:
        while data := source.read(_CHUNK):
            check_cancel(cancel)
            budget.spend(len(data))
            output.write(data)
