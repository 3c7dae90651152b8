"""Pack the images of manifests once into 8-bit crops on disk."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_cmr.core import FloatArray, InputError, Stack, View
from napari_cmr.io.manifest import ManifestRow, load_image, read_manifest
from napari_cmr.learn.pretraining.pack import INDEX, META, RECORD, Pack
from napari_cmr.learn.pretraining.shards import NAME, SHARD_IMAGES, ShardWriter, damaged
from napari_cmr.nets import Heart, InputGrid
from napari_cmr.nets.locate import GUESSED_FIELD_MM
from napari_cmr.nets.sampling import clip, sample, shrink, square_points

LARGEST_UNREADABLE_SHARE = 0.05
_TOLD = {  # what a card repeats
    "grid", "probe", "sets", "stacks", "hearts_found", "images", "heart_finder", "manifest_sha256",
}  # fmt: skip
POSITION_CLASSES = ("first third", "middle third", "last third")

FindHeart = Callable[[Stack], Heart]
Say = Callable[[str], None]


def pack_manifests(
    manifests: Sequence[Path],
    folder: Path,
    grid: InputGrid,
    *,
    probe: str = "position",
    find_heart: FindHeart | None = None,
    finder_name: str = "",
    say: Say = print,
) -> Pack:
    """Pack all slices of all phases, or open the pack that an earlier call wrote.

    Memory holds one stack and one shard, however many images there are.

    Parameters
    ----------
    manifests
        One CSV a data set. Rows of split ``validation`` are kept apart for the probe, rows of
        another split than that, ``train`` and none are left out. Beyond the usual columns,
        ``slice_rows`` says that a picture holds its slices one under the other, each with so
        many rows, and ``slices_from`` (``base`` or ``apex``) where a stack begins; ``base`` is
        taken where it is empty.
    folder
        Where packs lie; each is keyed by the manifests' contents and everything below.
    grid
        Spacing and side of the crops.
    probe
        What the k-NN probe tells apart: ``position`` (thirds of the heart) or a manifest column.
    find_heart
        Where to crop; the picture's middle if None, or where nothing is found.

    Raises
    ------
    InputError
        If a manifest is at fault, a subject is in both splits, no row has the probe's column,
        more than 5 % of the rows cannot be read, or the folder cannot be written.
    """
    key = _key(manifests, grid, probe, finder_name)
    target = folder / f"pack-{key}"
    made_with = {
        "grid": grid.model_dump(),
        "probe": probe,
        "heart_finder": finder_name,
        "manifest_sha256": _hash(manifests),
    }
    if (target / META).is_file():
        return Pack(target, made_with)
    rows = _read_all(manifests)
    _refuse_overlap([row for _, row in rows])
    _refuse_columns([row for _, row in rows], probe)
    say(f"packing {len(rows)} images")
    part = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # its owner's alone: pictures of patients
        part = Path(mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=folder))
        writer = _Writer(part, grid.size)
        source = _Source(rows, grid, probe, find_heart)
        for crops, records in source:
            writer.add(crops, records)
        names = [path.resolve().parent.name for path in manifests]
        writer.finish(source.summary(names) | made_with)
        _place(part, target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"Cannot write the packed images to {folder} ({reason}).") from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
    if source.unreadable:
        say(f"skipped {len(source.unreadable)} unreadable image(s)")
    return Pack(target, made_with)


def _place(part: Path, target: Path) -> None:
    try:
        part.rename(target)
    except OSError:
        if not (target / META).is_file():  # another run may have packed the same meanwhile
            raise


def open_pack(folder: Path) -> Pack:
    """Open a pack wherever it lies now.

    Raises
    ------
    InputError
        If there is none, or it is damaged.
    """
    if not (folder / META).is_file():
        raise InputError(f"There are no packed images in {folder}: name a folder pack-HASH.")
    pack = Pack(folder)
    if not pack.meta.keys() >= _TOLD:
        raise damaged(folder)
    return pack


@dataclass(eq=False)
class _Source:
    """Goes through the rows; knows afterwards what was met."""

    rows: Sequence[tuple[int, ManifestRow]]
    grid: InputGrid
    probe: str
    find_heart: FindHeart | None

    def __post_init__(self) -> None:
        self.unreadable: list[str] = []
        self.empty = self.hearts = self.looked = 0
        self.subjects: dict[tuple[int, str], int] = {}
        self.sites: dict[tuple[Any, ...], int] = {}
        self.classes: dict[str, int] = {}
        if self.probe == "position":
            self.classes = {name: i for i, name in enumerate(POSITION_CLASSES)}
        self.spans = _slice_spans(self.rows)

    def __iter__(self) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]]:
        for number, row in self.rows:
            try:
                stack = load_image(row)
                crops, kept = self._crops(stack)
            except InputError as error:
                self.unreadable.append(f"{row.image.name}: {error}")
                continue
            self.empty += int((~kept).sum())
            yield crops[kept], self._records(number, row, stack)[kept]
        bad = len(self.unreadable)
        if bad > LARGEST_UNREADABLE_SHARE * len(self.rows):
            raise InputError(
                f"{bad} of {len(self.rows)} images cannot be read, more than 5 %; mend or remove "
                f"them: {'; '.join(self.unreadable[:5])}"
            )

    def summary(self, names: Sequence[str]) -> dict[str, Any]:
        train = {key for key in self.subjects if key not in self._held_subjects()}
        sets: dict[str, int] = defaultdict(int)  # two manifests of one folder are one set
        for number, _ in train:
            sets[names[number]] += 1
        return {
            "sets": sets,
            "unreadable": len(self.unreadable),
            "empty": self.empty,
            "stacks": self.looked,
            "hearts_found": self.hearts if self.find_heart else None,
            "classes": list(self.classes),
        }

    def _held_subjects(self) -> set[tuple[int, str]]:
        return {(s, row.subject) for s, row in self.rows if row.split == "validation"}

    def _crops(self, stack: Stack) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        """``(t * z, size, size)`` and which of them hold anything."""
        t, z, rows, columns = stack.shape
        pixels = stack.pixels.reshape(t * z, rows, columns)
        if not np.issubdtype(pixels.dtype, np.number) or np.iscomplexobj(pixels):
            raise InputError(f"pixels of type {pixels.dtype} are no grey values")
        images = torch.from_numpy(np.ascontiguousarray(pixels, np.float32))[:, None]
        if not bool(torch.isfinite(images).all()):
            raise InputError("some pixels are not finite numbers")
        pixel_mm, centre = self._where(stack)
        kept = (images.amax(dim=(1, 2, 3)) > images.amin(dim=(1, 2, 3))).numpy()
        small, small_mm = shrink(clip(images), pixel_mm, self.grid.spacing_mm)
        crops = sample(small, small_mm, square_points(centre, self.grid.size, self.grid.spacing_mm))
        return (crops[:, 0] * 255).round().clamp(0, 255).byte().numpy(), kept

    def _where(self, stack: Stack) -> tuple[tuple[float, float], tuple[float, float]]:
        """The step of the pixels and the centre of the crop, both in mm."""
        self.looked += 1
        if self.find_heart is not None:
            heart = self.find_heart(stack)
            self.hearts += heart.found
            return heart.pixel_mm, heart.centre_mm
        pixel_mm = stack.geometry.pixel_spacing
        if not stack.geometry.spacing_known:
            guess = GUESSED_FIELD_MM / max(stack.shape[2:])
            pixel_mm = (guess, guess)
        return pixel_mm, (stack.shape[2] * pixel_mm[0] / 2, stack.shape[3] * pixel_mm[1] / 2)

    def _records(self, number: int, row: ManifestRow, stack: Stack) -> npt.NDArray[Any]:
        t, z = stack.shape[:2]
        subject = self.subjects.setdefault((number, row.subject), len(self.subjects))
        across = stack.view in (View.SAX, View.UNKNOWN)  # long-axis slices lie side by side
        positions = self._positions(number, row, z) if across else np.full(z, np.nan)
        records = np.zeros((t, z), RECORD)
        records["subject"] = subject
        records["held"] = row.split == "validation"
        records["position"] = positions
        first = int(row.slice) if row.slice.isdigit() else 0
        for index in range(z):
            site = (subject, row.view, row.sequence, first + index)
            records["site"][:, index] = self.sites.setdefault(site, len(self.sites))
        records["label"] = [self._label(row, p) for p in positions]
        return records.reshape(t * z)

    def _positions(self, number: int, row: ManifestRow, z: int) -> FloatArray:
        """0 at the base to 1 at the apex; NaN where a picture's place is unknown."""
        if z > 1:
            along = np.arange(z) / (z - 1)
        else:
            low, high = self.spans.get(_group(number, row), (0, 0))
            known = high > low and row.slice.isdigit()
            along = np.array([(int(row.slice) - low) / (high - low) if known else np.nan])
        return 1 - along if _slices_from(row) == "apex" else along

    def _label(self, row: ManifestRow, position: float) -> int:
        """The probe's class, or -1 where it is unknown."""
        if self.probe == "position":
            return -1 if np.isnan(position) else min(2, int(position * 3))
        value = row.columns.get(self.probe, "")
        return self.classes.setdefault(value, len(self.classes)) if value else -1


class _Writer:
    """Writes crops into shards, then what is known of each and of all."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder, self._size = folder, size
        self._crops = ShardWriter(folder, size, SHARD_IMAGES)
        self._records: list[npt.NDArray[Any]] = []

    def add(self, crops: npt.NDArray[np.uint8], records: npt.NDArray[Any]) -> None:
        self._crops.add(crops)
        self._records.append(records)

    def finish(self, meta: dict[str, Any]) -> None:
        self._crops.finish()
        records = np.concatenate(self._records) if self._records else np.zeros(0, RECORD)
        np.save(self._folder / INDEX, records)
        meta |= {"images": len(records), "size": self._size}
        (self._folder / META).write_text(json.dumps(meta, indent=1), encoding="utf-8")


def _group(number: int, row: ManifestRow) -> tuple[int, str, str, str, str]:
    return number, row.subject, row.view, row.sequence, row.frame


def _slice_spans(rows: Sequence[tuple[int, ManifestRow]]) -> dict[Any, tuple[int, int]]:
    """Lowest and highest slice of each stack whose slices are files of their own."""
    found: dict[Any, list[int]] = defaultdict(list)
    for number, row in rows:
        if row.slice.isdigit():
            found[_group(number, row)].append(int(row.slice))
    return {group: (min(numbers), max(numbers)) for group, numbers in found.items()}


def _read_all(manifests: Sequence[Path]) -> list[tuple[int, ManifestRow]]:
    """Rows to pack, with their manifest's number; what is wrong is told of all at once."""
    rows, faults = [], []
    for number, path in enumerate(manifests):
        try:
            read = read_manifest(path)
        except InputError as error:
            faults.append(str(error))
            continue
        rows += [(number, row) for row in read if row.split in ("", "train", "validation")]
    if faults:
        raise InputError(" ".join(faults))
    return rows


def _refuse_overlap(rows: Sequence[ManifestRow]) -> None:
    held = {row.subject for row in rows if row.split == "validation"}
    both = sorted(held & {row.subject for row in rows if row.split != "validation"})
    if both:
        raise InputError(
            f"{len(both)} subject(s) are in both the train and the validation split: "
            f"{', '.join(both[:5])}."
        )


def _refuse_columns(rows: Sequence[ManifestRow], probe: str) -> None:
    ends = sorted({_slices_from(row) for row in rows} - {"", "base", "apex"})
    if ends:
        raise InputError(
            f"The column slices_from says '{ends[0]}'; a stack begins at 'base' or 'apex'."
        )
    if probe != "position" and not any(row.columns.get(probe) for row in rows):
        raise InputError(
            f"The probe asks for the column '{probe}', which no manifest fills; name another."
        )


def _slices_from(row: ManifestRow) -> str:
    return row.columns.get("slices_from", "").strip().lower()


def _key(manifests: Sequence[Path], grid: InputGrid, probe: str, finder_name: str) -> str:
    made_with = [NAME, grid.model_dump(), probe, finder_name]
    digest = hashlib.sha256(json.dumps(made_with).encode())
    for path in manifests:
        if not path.is_file():
            raise InputError(f"There is no manifest {path}.")
        digest.update(str(path.resolve()).encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _hash(manifests: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in manifests:
        digest.update(path.read_bytes())
    return digest.hexdigest()
