"""A version as one file for another site, and taken in from one after checking it."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

from pydantic import ValidationError

from napari_cmr.core import InputError, replacing
from napari_cmr.learn.versions.record import RECORD, VersionRecord
from napari_cmr.learn.versions.store import VersionStore
from napari_cmr.nets.card_shelf import CARD, WEIGHTS
from napari_cmr.nets.segmenter_tasks import TITLES

HASHES = "sha256.json"
README = "README.md"
LARGEST = {CARD: 4 << 20, RECORD: 16 << 20, WEIGHTS: 4 << 30}
_DAY = (1980, 1, 1, 0, 0, 0)


def export_version(store: VersionStore, version: str, path: Path) -> Path:
    """Write a version as a zip: card, record, weights, README, and the hashes of all of them.

    The same version gives the same file, byte for byte.

    Raises
    ------
    InputError
        If there is no such version, one of its files was altered, or the zip cannot be written.
    """
    from napari_cmr.nets.shelf import readme  # imports torch, which takes seconds

    model = store.load(version)
    folder = store.place_of(version)
    content = {name: (folder / name).read_bytes() for name in (CARD, WEIGHTS)}
    content[RECORD] = (_handed_on(store, version).model_dump_json(indent=1) + "\n").encode()
    content[README] = readme(model.card).encode()
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    content[HASHES] = (json.dumps(hashes, indent=1) + "\n").encode()
    with replacing(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as parcel:
        for name, data in sorted(content.items()):
            parcel.writestr(zipfile.ZipInfo(name, _DAY), data)
    return path


def import_version(store: VersionStore, path: Path) -> VersionRecord:
    """Take a version in from a zip; it is not active before somebody activates it.

    Only the files that a version has are read from the zip, whatever else it holds.

    Raises
    ------
    InputError
        If it is no such zip, a file is not the one that its hashes name, the card is of another
        task, the weights are not those of the card, or it was trained on a picture of somebody
        who judges in the project.
    """
    from napari_cmr.nets.shelf import load_model, readme  # imports torch, which takes seconds

    content = _read(path)
    record = _record(content[RECORD], path)
    if record.task != store.task:
        raise InputError(
            f"{path.name} is a version for {record.task}, not for {store.task}; take it in as one "
            f"for {record.task}."
        )
    part = store.staging()
    try:
        for name in (CARD, WEIGHTS):
            (part / name).write_bytes(content[name])
        card = load_model(part, task=store.task).card
        (part / README).write_text(readme(card), encoding="utf-8")
        taken = record.model_copy(update={"parent": None, "origin": "imported"})
        with store.holdout.all_or_nothing():
            store.holdout.take_in(record.corrections)
            return store.place(part, taken)
    except OSError as error:
        raise InputError(
            f"The version cannot be written to {store.folder} ({error.strerror}); free some space."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def task_of_parcel(path: Path) -> str:
    """The task that a zip's version is for; the zip is checked as in :func:`import_version`.

    Raises
    ------
    InputError
        If it is no such zip, or for a task that a project keeps no versions of.
    """
    task = _record(_read(path)[RECORD], path).task
    if task not in TITLES:
        raise InputError(
            f"{path.name} is for '{task}'; there are versions for {', '.join(TITLES)}."
        )
    return task


def _handed_on(store: VersionStore, version: str) -> VersionRecord:
    """A version's record with who taught those before it, which do not come along."""
    before = list(store.ancestors(version))
    taught = dict.fromkeys(c for older in before for c in older.corrections)
    joined = sorted({key for older in before for key in older.joined})
    return before[0].model_copy(update={"corrections": tuple(taught), "joined": tuple(joined)})


def _record(text: bytes, path: Path) -> VersionRecord:
    try:
        return VersionRecord.model_validate_json(text)
    except ValidationError as error:
        raise InputError(
            f"The record in {path.name} is damaged; ask for the file again."
        ) from error


def _read(path: Path) -> dict[str, bytes]:
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    try:
        with zipfile.ZipFile(path) as parcel:
            hashes = json.loads(_member(parcel, HASHES, LARGEST[CARD]))
            content = {name: _member(parcel, name, most) for name, most in LARGEST.items()}
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"{path} is no version that 'versions export' wrote, or it is damaged; ask for the "
            "file again."
        ) from error
    for name, data in content.items():
        told = hashes.get(name) if isinstance(hashes, dict) else None
        if told != hashlib.sha256(data).hexdigest():
            raise InputError(
                f"{name} in {path.name} is not the one that was exported (wrong hash); ask for "
                "the file again."
            )
    return content


def _member(parcel: zipfile.ZipFile, name: str, most: int) -> bytes:
    """One file of a zip, read no further than it may be long."""
    with parcel.open(name) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(name)
    return data
