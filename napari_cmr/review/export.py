"""A project's labels as NIfTI, and as a manifest that fine-tuning takes."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_cmr import io
from napari_cmr.core import InputError, Stack, placing
from napari_cmr.review.lines import Line
from napari_cmr.review.record import Verdict

MANIFEST = "manifest.csv"
_COLUMNS = (
    "subject",
    "image",
    "label",
    "split",
    "frame",
    "view",
    "sequence",
    "reader",
    "model",
    "frames_reviewed",
    "labelled_slices",
    "stack",
)


@dataclass(frozen=True)
class Exported:
    """What was written.

    Parameters
    ----------
    labels
        One label NIfTI a stack, (x, y, slice, phase) in map ``cmr`` on the source's grid.
    manifest
        The CSV; None where no images were given.
    n_rows
        Its rows: phases that a reader corrected or accepted.
    without_images
        Keys of the stacks whose images were not among those given.
    """

    labels: tuple[Path, ...]
    manifest: Path | None
    n_rows: int
    without_images: tuple[str, ...]


def export_labels(
    lines: Sequence[Line],
    out: Path,
    *,
    images: Mapping[str, Callable[[], Stack]] | None = None,
    accepted_only: bool = False,
    overwrite: bool = False,
) -> Exported:
    """Write labels, and for the stacks whose images are given a manifest to train on.

    A row of the manifest is one phase in which the reader drew on, or accepted, a slice at least
    and rejected none; phases that nobody looked at would teach a model its own mistakes.

    Parameters
    ----------
    lines
        One reader's work, one line a stack.
    out
        The folder; ``labels/KEY.nii.gz``, ``images/KEY.nii.gz`` and ``manifest.csv`` in it.
    images
        A stack's key to what loads it.
    accepted_only
        Only phases of which every slice was accepted.
    overwrite
        Whether files of an earlier export may be replaced.

    Raises
    ------
    InputError
        If a stack was read by several readers, there is nothing to write, or a file is there
        already.
    """
    lines = [line for line in lines if line.history.has_labels]
    _check_one_reader_each(lines)
    if not lines:
        raise InputError("The project has no labels yet; segment or draw first.")
    images = images or {}
    with_images = [line for line in lines if line.info.key in images]
    rows = [row for line in with_images for row in rows_of(line, accepted_only=accepted_only)]
    if with_images and not rows:
        raise InputError("No phase was corrected or accepted yet, so there is nothing to train on.")
    trained = {row["label"] for row in rows}
    with placing(out / "labels", overwrite=overwrite) as part:
        for line in lines:
            found = line.info.segmentation(line.history.labels, line.history.model)
            io.write_labels(found, part / f"{line.info.key}.nii.gz")
    if rows:
        with placing(out / "images", overwrite=overwrite) as part:
            for line in with_images:
                if f"labels/{line.info.key}.nii.gz" in trained:
                    io.write_nifti(images[line.info.key](), part / f"{line.info.key}.nii.gz")
        with placing(out, overwrite=overwrite) as part:
            write_manifest(part / MANIFEST, rows)
    return Exported(
        tuple(out / "labels" / f"{line.info.key}.nii.gz" for line in lines),
        out / MANIFEST if rows else None,
        len(rows),
        tuple(line.info.key for line in lines if line.info.key not in images),
    )


def write_manifest(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write rows of :func:`rows_of` as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def rows_of(line: Line, *, accepted_only: bool = False) -> list[dict[str, str]]:
    """A manifest's rows of one reader's work on a stack: one a phase that may be trained on."""
    info, history = line.info, line.history
    n_phases, n_slices = info.shape[:2]
    accepted, rejected = (history.frames_with(v) for v in (Verdict.ACCEPTED, Verdict.REJECTED))
    reviewed = history.own_frames() - rejected
    rows = []
    for phase in range(n_phases):
        frames = {(phase, z) for z in range(n_slices)}
        wanted = frames <= accepted if accepted_only else bool(frames & reviewed)
        if not wanted or frames & rejected:
            continue
        rows.append(
            {
                "subject": info.subject,
                "image": f"images/{info.key}.nii.gz",
                "label": f"labels/{info.key}.nii.gz",
                "split": "",
                "frame": str(phase),
                "view": info.view.value,
                "sequence": info.sequence.value,
                "reader": line.reader,
                "model": history.model,
                "frames_reviewed": f"{len(frames & reviewed)}/{n_slices}",
                "labelled_slices": " ".join(str(z) for _, z in sorted(frames & reviewed)),
                "stack": info.key,
            }
        )
    return rows


def _check_one_reader_each(lines: Sequence[Line]) -> None:
    readers: dict[str, set[str]] = {}
    for line in lines:
        readers.setdefault(line.info.key, set()).add(line.reader)
    for key, who in readers.items():
        if len(who) > 1:
            raise InputError(
                f"The stack {key} was read by {', '.join(sorted(who))}; choose one with --reader."
            )
