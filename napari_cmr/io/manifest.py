"""Manifests: a CSV that says which image has which label, whose it is, and which split."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_cmr.core import (
    Geometry,
    InputError,
    Segmentation,
    Sequence,
    Stack,
    View,
    label_map,
)
from napari_cmr.io.metaimage import METAIMAGES, read_metaimage
from napari_cmr.io.nifti import SPACING_UNKNOWN, read_labels, read_nifti, respaced
from napari_cmr.io.video import VIDEOS, read_video

_MOST_DIGITS = 9
PICTURES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class ManifestRow:
    """One image of a manifest; paths are absolute, everything else is as the CSV says.

    ``view`` and ``sequence`` are spelt as :class:`View` and :class:`Sequence` are, where known.

    ``scribble`` is a label image that says something of some pixels only. ``spacing_mm`` is
    (slice step, row, column). ``columns`` carries the other columns along. ``slices`` are the
    rows of a stack whose slices are pictures of their own, see :func:`join_slices`.
    """

    subject: str
    image: Path
    label: Path | None = None
    scribble: Path | None = None
    split: str = ""
    frame: str = ""
    slice: str = ""
    view: str = ""
    sequence: str = ""
    group: str = ""
    label_map: str = "cmr"
    spacing_mm: tuple[float, float, float] | None = None
    columns: dict[str, str] = field(default_factory=dict, hash=False)
    slices: tuple[ManifestRow, ...] = ()

    def number(self, column: str) -> float | None:
        """A further column as a number, or None where it is empty or absent."""
        text = self.columns.get(column, "").strip()
        try:
            return float(text) if text else None
        except ValueError:
            raise InputError(
                f"The manifest's column {column} of {self.subject} is not a number: {text}."
            ) from None


def read_manifest(path: Path, *, need_labels: bool = False) -> list[ManifestRow]:
    """Read a manifest.

    Raises
    ------
    InputError
        If it is no CSV with the columns ``subject`` and ``image``, has no rows, or names files
        that are not there (all are listed at once).
    """
    if not path.is_file():
        raise InputError(f"There is no manifest {path}.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = set(reader.fieldnames or ())
            records = [{k: v or "" for k, v in r.items() if k is not None} for r in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} is not a CSV file in UTF-8.") from error
    lacking = {"subject", "image"} - columns
    if need_labels:
        lacking |= {"label"} - columns
    if lacking:
        named = ", ".join(sorted(lacking))
        raise InputError(f"The manifest {path.name} lacks the column(s) {named}.")
    if not records:
        raise InputError(f"The manifest {path.name} has no rows.")
    rows = [_row(record, path.parent) for record in records]
    files = [row.image for row in rows] + [row.label for row in rows if row.label and need_labels]
    missing = sorted({str(f) for f in files if not _exists(f)})
    if missing:
        raise InputError(
            f"The manifest names {len(missing)} missing file(s): {'; '.join(missing)}; "
            "put them there or mend the paths."
        )
    return rows


def join_slices(rows: Iterable[ManifestRow]) -> list[ManifestRow]:
    """One row a stack, where rows are slices of one: pictures that the column ``slice`` numbers.

    Rows of one subject, frame, view, sequence, split and spacing belong together, if all or none
    of them are labelled; every other row stays as it is. A joined row stands where its first
    slice stood and carries that one's columns.
    """
    stacks: dict[tuple[object, ...], list[ManifestRow]] = defaultdict(list)
    for index, row in enumerate(rows):
        picture = row.image.suffix.lower() in PICTURES and row.slice.isdigit()
        shared = (row.subject, row.frame, row.view, row.sequence, row.split, row.spacing_mm)
        stacks[(*shared, row.label is None) if picture else (index,)].append(row)
    joined = []
    for group in stacks.values():
        if len(group) > 1 and len({int(row.slice) for row in group}) == len(group):
            ordered = tuple(sorted(group, key=lambda row: int(row.slice)))
            joined.append(replace(group[0], slices=ordered))
        else:
            joined += group
    return joined


def load_image(row: ManifestRow) -> Stack:
    """Load a row's image: NIfTI, MetaImage, a picture (one slice), a video, or a DICOM folder.

    The column ``slice_rows`` says that a picture holds its slices one under the other, each with
    so many rows; then its label does too.

    Of a folder with several stacks the one that the columns ``view`` and ``sequence`` describe is
    read, or that the column ``stack`` names by its id.

    Of a video the frame that the column ``frame`` numbers is read; else all, or every so many as
    the column ``frame_step`` says.

    Raises
    ------
    InputError
        If the image cannot be read, the slices of a stack differ in size, or which stack of a
        folder is meant is not told.
    """
    if row.slices:
        return _stacked(row)
    if row.image.is_dir():
        stack = _of_folder(row)
    elif row.image.suffix.lower() in PICTURES:
        stack = _slices_apart(row, _picture(row))
    elif row.image.suffix.lower() in VIDEOS:
        stack = _video(row)
    elif row.image.suffix.lower() in METAIMAGES:
        stack = read_metaimage(row.image)
        if row.spacing_mm is not None:
            stack = replace(stack, geometry=respaced(stack.geometry, row.spacing_mm))
    else:
        stack = read_nifti(row.image, spacing=row.spacing_mm)
    view, sequence = _said(row)
    return replace(
        stack,
        subject=row.subject,
        view=view or stack.view,
        sequence=sequence or stack.sequence,
        height_cm=row.number("height_cm") or stack.height_cm,
        weight_kg=row.number("weight_kg") or stack.weight_kg,
    )


def load_label(row: ManifestRow, stack: Stack) -> tuple[list[int], Segmentation]:
    """Load a row's label on the grid of its image.

    Returns
    -------
    phases, segmentation
        The phases of the stack that the label describes, and the labels of those phases.

    Raises
    ------
    InputError
        If there is no label or it does not fit the image.
    """
    if row.label is None:
        raise InputError(f"{row.subject} has no label in the manifest.")
    if row.slices:
        drawn = [load_label(part, load_image(part))[1].labels for part in row.slices]
        return [0], Segmentation(np.concatenate(drawn, axis=1), stack.geometry)
    if row.label.suffix.lower() in PICTURES:
        array = np.asarray(_open(row.label, "P", "L"))[None, None]
        if row.columns.get("slice_rows") and array.size == stack.pixels.size:
            array = array.reshape(stack.shape)  # slices one under the other, as in the image
        labels = label_map(row.label_map).to_cmr(array)
    elif row.label.suffix.lower() in METAIMAGES:
        labels = label_map(row.label_map).to_cmr(read_metaimage(row.label).pixels)
    else:
        labels = read_labels(row.label, map_name=row.label_map).labels
    if labels.shape[1:] != stack.shape[1:]:
        raise InputError(
            f"The label {row.label.name} has the shape {labels.shape[1:]}, "
            f"its image {stack.shape[1:]}."
        )
    if labels.shape[0] == stack.shape[0] > 1 and row.frame.isdigit():
        labels = labels[[_frame(row, stack.shape[0])]]  # the other phases were not drawn
    phases = _labelled_phases(row, labels.shape[0], stack.shape[0])
    return phases, Segmentation(labels, stack.geometry, rr_ms=stack.rr_ms, layout=stack.layout)


def labelled_slices(row: ManifestRow, n_slices: int) -> list[int]:
    """The slices that a row's label describes, by its column ``labelled_slices``; else all.

    Of a joined row each picture's own cell counts, which numbers that picture's slices.

    Raises
    ------
    InputError
        If the column holds something else than slice numbers of the image.
    """
    if row.slices:
        return [index for index, part in enumerate(row.slices) if labelled_slices(part, 1)]
    words = row.columns.get("labelled_slices", "").split()
    if not words:
        return list(range(n_slices))
    known = {str(index): index for index in range(n_slices)}
    wrong = [word for word in words if word not in known]
    if wrong:
        raise InputError(
            f"{row.subject}: '{wrong[0][:20]}' in the column labelled_slices is none of the "
            f"image's {n_slices} slices, which are counted from 0."
        )
    return sorted({known[word] for word in words})


def load_scribble(
    row: ManifestRow, stack: Stack
) -> tuple[list[int], Segmentation, npt.NDArray[np.bool_]]:
    """Load a row's strokes on the grid of its image.

    Returns
    -------
    phases, segmentation, said
        As of :func:`load_label`, and where the strokes say anything ``(phases, z, y, x)``: a
        value that the row's label map does not name says nothing, 0 is a stroke of background.

    Raises
    ------
    InputError
        If there are no strokes, they do not fit the image or say nothing of any pixel.
    """
    if row.scribble is None or not _exists(row.scribble):
        raise InputError(f"{row.subject} has no scribble at {row.scribble}.")
    strokes = read_nifti(row.scribble).pixels
    if strokes.shape[1:] != stack.shape[1:]:
        raise InputError(
            f"The scribble {row.scribble.name} has the shape {strokes.shape[1:]}, "
            f"its image {stack.shape[1:]}."
        )
    meaning = label_map(row.label_map)
    said = np.isin(strokes, list(meaning.values))
    if not said.any():
        raise InputError(
            f"The scribble {row.scribble.name} of {row.subject} says nothing of any pixel in the "
            f"map '{row.label_map}'; name the map it was drawn in, or leave the row out."
        )
    labels = meaning.to_cmr(np.where(said, strokes, 0))
    phases = _labelled_phases(row, labels.shape[0], stack.shape[0])
    return phases, Segmentation(labels, stack.geometry, layout=stack.layout), said


def _exists(path: Path) -> bool:
    try:
        return path.is_file() or path.is_dir()  # a pipe never ends
    except OSError:  # a name that no file system takes
        return False


def _frame(row: ManifestRow, n_phases: int) -> int:
    if int(row.frame) >= n_phases:
        raise InputError(
            f"{row.subject}: the frame {row.frame} is beyond the image's {n_phases} phases, "
            "which are counted from 0."
        )
    return int(row.frame)


def _labelled_phases(row: ManifestRow, n_labelled: int, n_phases: int) -> list[int]:
    if n_labelled == n_phases:
        return list(range(n_phases))
    if n_labelled == 1 and row.frame.isdigit() and int(row.frame) < n_phases:
        return [int(row.frame)]
    raise InputError(
        f"{row.subject}: the label has {n_labelled} phase(s), the image {n_phases}; give the "
        "column frame, a phase counted from 0."
    )


def _row(record: dict[str, str], base: Path) -> ManifestRow:
    if not record["subject"] or not record["image"]:
        raise InputError("Every row of a manifest needs a subject and an image.")
    for name in ("frame", "slice"):
        number = record.get(name, "")
        if number.isdigit() and not (number.isascii() and len(number) <= _MOST_DIGITS):
            raise InputError(f"The manifest's {name} '{number[:20]}' is no phase or slice number.")
    label, scribble = record.get("label", ""), record.get("scribble", "")
    return ManifestRow(
        subject=record["subject"],
        image=base / record["image"],
        label=base / label if label else None,
        scribble=base / scribble if scribble else None,
        label_map=record.get("label_map") or "cmr",
        spacing_mm=parse_spacing(record.get("spacing_mm", "")),
        columns=record,
        split=record.get("split", ""),
        frame=record.get("frame", ""),
        slice=record.get("slice", ""),
        view=_spelt(record.get("view", ""), View),
        sequence=_spelt(record.get("sequence", ""), Sequence),
        group=record.get("group", ""),
    )


def _spelt(word: str, known: Iterable[str]) -> str:
    """A word as those that are known are written; as it is, without blanks round it, if none is."""
    word = word.strip()
    return {str(k).casefold(): str(k) for k in known}.get(word.casefold(), word)


def parse_spacing(text: str) -> tuple[float, float, float] | None:
    """Parse ``"slice,row,column"`` in mm; empty text gives None.

    Raises
    ------
    InputError
        If the text is not three positive numbers.
    """
    if not text.strip():
        return None
    try:
        z, y, x = (float(part) for part in text.split(","))
    except ValueError:
        z = y = x = -1.0
    if not (np.isfinite([z, y, x]).all() and min(z, y, x) > 0):
        raise InputError(
            f"A spacing is three positive numbers of millimetres, slice,row,column, not '{text}'."
        )
    return z, y, x


def _of_folder(row: ManifestRow) -> Stack:
    from napari_cmr.io.loading import load, stack_meant
    from napari_cmr.io.scanning import scan

    view, sequence = _said(row)
    catalogue, stack_id = scan(row.image), row.columns.get("stack") or None
    if stack_id is None and sum(not entry.left_alone for entry in catalogue.entries) > 1:
        _refuse_unknown_words(row)  # they were meant to say which
    entry = stack_meant(
        catalogue,
        view=None if view is View.UNKNOWN else view,
        sequence=sequence,
        stack_id=stack_id,
    )
    return load(entry, spacing=row.spacing_mm)


def _refuse_unknown_words(row: ManifestRow) -> None:
    for name, word, known in (("view", row.view, View), ("sequence", row.sequence, Sequence)):
        if word and word not in set(known):
            raise InputError(
                f"{row.subject}: '{word[:20]}' in the column {name} does not say which stack of "
                f"{row.image.name} is meant; known are {', '.join(known)}."
            )


def _said(row: ManifestRow) -> tuple[View | None, Sequence | None]:
    """The view and the sequence that a row names, where they are ones that are known."""
    return (
        View(row.view) if row.view in set(View) else None,
        Sequence(row.sequence) if row.sequence in set(Sequence) else None,
    )


def _picture(row: ManifestRow) -> Stack:
    return _without_header(row, np.asarray(_open(row.image, "L", "I;16", "I", "F"))[None, None])


def _slices_apart(row: ManifestRow, stack: Stack) -> Stack:
    """Cut a picture that holds its slices one under the other."""
    if not row.columns.get("slice_rows"):
        return stack
    rows = row.number("slice_rows") or 0
    height, columns = stack.shape[2:]
    if rows < 1 or height % rows:
        raise InputError(
            f"{row.image.name}: its {height} rows are not slices of {rows:g} rows each."
        )
    n = height // int(rows)
    geometry = Geometry.regular(
        n, row.spacing_mm or (1.0, 1.0, 1.0), spacing_known=stack.geometry.spacing_known
    )
    pixels = stack.pixels.reshape(1, n, int(rows), columns)
    return replace(stack, pixels=pixels, geometry=geometry)


def _stacked(row: ManifestRow) -> Stack:
    parts = [load_image(part) for part in row.slices]
    if len({part.shape for part in parts}) > 1:
        raise InputError(f"The slices of {row.subject} differ in size.")
    geometry = Geometry.regular(
        len(parts), row.spacing_mm or (1.0, 1.0, 1.0), spacing_known=row.spacing_mm is not None
    )
    pixels = np.concatenate([part.pixels for part in parts], axis=1)
    return replace(parts[0], pixels=pixels, geometry=geometry)


def _video(row: ManifestRow) -> Stack:
    frame = int(row.frame) if row.frame.isdigit() else None
    step = int(row.number("frame_step") or 1)
    frames, _ = read_video(row.image, frame=frame, step=step)  # when the R wave was is not told
    return _without_header(row, frames[:, None])


def _without_header(row: ManifestRow, pixels: npt.NDArray[Any]) -> Stack:
    """One slice whose spacing only the manifest can know."""
    known = row.spacing_mm is not None
    geometry = Geometry.regular(1, row.spacing_mm or (1.0, 1.0, 1.0), spacing_known=known)
    return Stack(
        pixels,
        geometry,
        stack_id=row.image.stem,
        subject=row.subject,
        findings=() if known else (SPACING_UNKNOWN,),
    )


def _open(path: Path, *modes: str) -> Image.Image:
    """Open a picture; one of another mode is turned to grey."""
    try:
        with Image.open(path) as image:
            image.load()
            return image.copy() if image.mode in modes else image.convert("L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path.name} cannot be read as a picture: it is damaged.") from error
