"""Phantom studies as the files that a hospital or a data set would have."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from napari_cmr.core import View, replacing
from napari_cmr.io.classic_mr import TriggerTimes
from napari_cmr.io.dicom_writing import Edit, Order, write_dicom
from napari_cmr.io.nifti import write_labels, write_nifti
from napari_cmr.phantom.study import PhantomStudy

_COLUMNS = (
    "subject",
    "image",
    "label",
    "split",
    "label_map",
    "view",
    "sequence",
    "spacing_mm",
    "expert_edv_ml",
    "expert_esv_ml",
)


def write_dicom_study(
    study: PhantomStudy,
    folder: str | Path,
    *,
    order: Order = "phase-fastest",
    one_series_per_slice: bool = False,
    enhanced: bool = False,
    trigger_times: TriggerTimes = "true",
    temporal_positions: bool = False,
    clock_times: bool = True,
    descriptions: bool = True,
    shuffle_names: bool = False,
    edit: Edit | None = None,
) -> list[Path]:
    """Write all stacks of a phantom as one DICOM study in one folder.

    Options are those of `napari_cmr.io.write_dicom`; ``descriptions`` names the
    view in SeriesDescription.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    paths: list[Path] = []
    for i, (view, stack) in enumerate(study.stacks.items()):
        paths += write_dicom(
            stack,
            folder,
            order=order,
            one_series_per_slice=one_series_per_slice,
            enhanced=enhanced,
            trigger_times=trigger_times,
            temporal_positions=temporal_positions,
            clock_times=clock_times,
            description=f"cine {view}" if descriptions else "",
            series_number=1 + 100 * i,
            shuffle_names=shuffle_names,
            seed=study.config.seed,
            edit=edit,
        )
    return paths


def write_nifti_studies(
    studies: Iterable[PhantomStudy], folder: str | Path, *, split: str = "train"
) -> Path:
    """Write images, labels of every phase, and a manifest with the closed-form volumes.

    Returns
    -------
    The manifest, ``manifest.csv``.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    folder = Path(folder)
    manifest = folder / "manifest.csv"
    rows = [row for study in studies for row in _write_one(study, folder, split)]
    with replacing(manifest) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return manifest


def _write_one(study: PhantomStudy, folder: Path, split: str) -> Iterator[dict[str, str]]:
    for view, stack in study.stacks.items():
        name = f"{stack.subject}_{view.lower()}"
        image, label = folder / f"{name}.nii.gz", folder / f"{name}_gt.nii.gz"
        write_nifti(stack, image)
        write_labels(study.segmentations[view], label)
        row = {
            "subject": stack.subject,
            "image": image.name,
            "label": label.name,
            "split": split,
            "label_map": "cmr",
            "view": str(view),
            "sequence": str(stack.sequence),
            "spacing_mm": ",".join(f"{v:g}" for v in stack.geometry.spacing),
        }
        if view is View.SAX:
            row["expert_edv_ml"] = f"{study.truth.lv_ml.max():.3f}"
            row["expert_esv_ml"] = f"{study.truth.lv_ml.min():.3f}"
        yield row
