"""From a data set's own folder to a manifest that every other verb takes."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from napari_cmr.core import Cancel, InputError, Progress, check_cancel, replacing
from napari_cmr.io.layouts.data_set import Case, Drawn
from napari_cmr.io.layouts.finding import open_data_set
from napari_cmr.io.manifest import ManifestRow
from napari_cmr.io.nifti import write_labels, write_nifti

_COLUMNS = (
    "subject",
    "image",
    "label",
    "split",
    "frame",
    "slice",
    "view",
    "sequence",
    "group",
    "label_map",
    "spacing_mm",
)


@dataclass(frozen=True)
class Written:
    """What a manifest holds, and the subjects it lacks, each with one sentence why."""

    layout: str
    path: Path
    n_rows: int
    n_subjects: int
    n_labelled: int
    left_out: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "path": str(self.path)}


def make_manifest(
    folder: str | Path,
    out: str | Path,
    *,
    layout: str | None = None,
    view: str = "",
    sequence: str = "",
    validation: int | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Written:
    """Write the manifest of a data set; it appears whole, after all its files.

    Images and labels that other verbs read stay where they are. Others (contours, k-space) are
    written as NIfTI into the folder ``<stem of out>_files`` beside the manifest.

    Parameters
    ----------
    out
        The CSV.
    layout
        A name of `LAYOUTS`; told from the folder's shape if None.
    view, sequence
        Only images of these, where given.
    validation
        So many subjects at the end get the split ``validation`` and all others ``train``; the
        data set's own split if None.

    Raises
    ------
    InputError
        If the folder has no known layout, no subject of it can be read, or ``out`` cannot be
        written. A subject that alone cannot be read is left out and told.
    """
    data_set, tree = open_data_set(folder, layout)
    out = Path(out)
    subjects = list(data_set.subjects(tree))
    rows: list[ManifestRow] = []
    left_out: dict[str, str] = {}
    for done, subject in enumerate(subjects, start=1):
        check_cancel(cancel)
        try:
            cases = [c for c in subject.read() if _wanted(c, view, sequence)]
            rows += [_write_drawn(c, out) if isinstance(c, Drawn) else c for c in cases]
        except InputError as error:
            left_out[subject.name] = str(error)
        if progress is not None:
            progress(done, len(subjects))
    if not rows:
        none = "it has no image of the view and sequence asked for."
        reason = next(iter(left_out.values()), none)
        raise InputError(f"Nothing of {data_set.title} in {tree.folder} can be read: {reason}")
    if validation is not None:
        rows = _last_validate(rows, validation)
    write_manifest(rows, out)
    n_subjects = len({row.subject for row in rows})
    n_labelled = sum(row.label is not None for row in rows)
    return Written(data_set.name, out, len(rows), n_subjects, n_labelled, left_out)


def _last_validate(rows: Iterable[ManifestRow], n: int) -> list[ManifestRow]:
    rows = list(rows)
    names = list(dict.fromkeys(row.subject for row in rows))
    if not 0 <= n < len(names):
        raise InputError(
            f"{n} of {len(names)} subjects cannot validate; at least one must be left to train on."
        )
    held = set(names[len(names) - n :])
    return [replace(r, split="validation" if r.subject in held else "train") for r in rows]


def write_manifest(rows: Iterable[ManifestRow], path: Path) -> None:
    """Write rows as a manifest; what lies below its folder is named relative to it.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    records = [_record(row, path.parent) for row in rows]
    extra = dict.fromkeys(k for r in records for k in r if k not in _COLUMNS)
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*_COLUMNS, *extra], restval="")
        writer.writeheader()
        writer.writerows(records)


def _record(row: ManifestRow, base: Path) -> dict[str, str]:
    return {
        **row.columns,
        "subject": row.subject,
        "image": _named(row.image, base),
        "label": _named(row.label, base) if row.label else "",
        "split": row.split,
        "frame": row.frame,
        "slice": row.slice,
        "view": row.view,
        "sequence": row.sequence,
        "group": row.group,
        "label_map": row.label_map if row.label else "",
        "spacing_mm": ",".join(f"{v:g}" for v in row.spacing_mm) if row.spacing_mm else "",
    }


def _named(path: Path, base: Path) -> str:
    absolute, root = path.absolute(), base.absolute()
    if absolute.is_relative_to(root):
        return Path(os.path.relpath(absolute, root)).as_posix()
    return absolute.as_posix()


def _wanted(case: Case, view: str, sequence: str) -> bool:
    of = case.stack if isinstance(case, Drawn) else case
    return view in ("", of.view) and sequence in ("", of.sequence)


def _write_drawn(case: Drawn, out: Path) -> ManifestRow:
    folder = out.with_name(f"{out.stem}_files")
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", case.name)
    image, label = folder / f"{name}.nii.gz", folder / f"{name}_gt.nii.gz"
    write_nifti(case.stack, image)
    if case.segmentation is not None:
        write_labels(case.segmentation, label)
    return ManifestRow(
        subject=case.stack.subject,
        image=image,
        label=label if case.segmentation is not None else None,
        split=case.split,
        frame=case.frame,
        view=str(case.stack.view),
        sequence=str(case.stack.sequence),
        group=case.group,
        columns=case.columns,
    )
