"""The phantom in the folders of public data sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
from skimage.measure import find_contours

from napari_cmr import phantom
from napari_cmr.core import Segmentation, Stack, Structure
from napari_cmr.io import write_dicom, write_labels, write_nifti

LV, MYO, RV = Structure.LV, Structure.MYO, Structure.RV


def heart(seed: int = 3, **given: object) -> phantom.PhantomStudy:
    small = {"n_phases": 4, "n_slices": 5, "rows": 48, "columns": 44, "slice_step_mm": 14.0}
    small |= {"pixel_mm": (4.0, 4.0), "slice_thickness_mm": 8.0, "seed": seed}
    return phantom.make(phantom.PhantomConfig.model_validate(small | given))


def phase(study: phantom.PhantomStudy, t: int) -> tuple[Stack, Segmentation]:
    """One phase of the short axis."""
    stack = replace(study.sax, pixels=study.sax.pixels[[t]], times_ms=None)
    return stack, Segmentation.on(stack, study.segmentation.labels[[t]])


def write_phase(
    study: phantom.PhantomStudy, t: int, image: Path, label: Path | None, map_name: str
) -> None:
    stack, segmentation = phase(study, t)
    write_nifti(stack, image)
    if label is not None:
        write_labels(segmentation, label, map_name=map_name, phase_axis=False)


def only_phases(labels: np.ndarray, phases: tuple[int, ...]) -> np.ndarray:
    """Labels that are empty in all other phases."""
    kept = np.zeros_like(labels)
    kept[list(phases)] = labels[list(phases)]
    return kept


def outlines(labels: np.ndarray) -> dict[Structure, list[np.ndarray]]:
    """Outlines of one picture's labels, ``(n, 2)`` of x and y; that of the wall is its outer one.

    They run half-way between a structure's pixels and those around it; one a piece.
    """
    masks = {LV: labels == LV, MYO: np.isin(labels, (LV, MYO)), RV: labels == RV}
    masks |= {s: labels == s for s in (Structure.LA, Structure.RA)}
    padded = {s: np.pad(m, 1).astype(float) for s, m in masks.items() if m.any()}
    return {s: [line[:-1, ::-1] - 1 for line in find_contours(m, 0.5)] for s, m in padded.items()}


def write_numbered(stack: Stack, folder: Path, series: str) -> dict[tuple[int, int], Path]:
    """DICOM files named by series and number; returns them by phase and slice."""
    paths = write_dicom(stack, folder, description="cine SAX")
    found = {}
    for number, path in enumerate(paths, start=1):
        t, z = (number - 1) % stack.shape[0], (number - 1) // stack.shape[0]
        found[t, z] = path.rename(folder / f"{series}-{number:04d}.dcm")
    return found


def write_contour(points: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{x:.2f} {y:.2f}\r\n" for x, y in points), encoding="ascii")


_NAMES = {
    "sa": {LV: "saendocardialContour", MYO: "saepicardialContour", RV: "sarvendocardialContour"},
    "la": {
        LV: "laendocardialContour",
        MYO: "laepicardialContour",
        RV: "larvendocardialContour",
        Structure.LA: "lalaContour",
        Structure.RA: "laraContour",
    },
}


def workspace(contours: dict[str, dict[str, np.ndarray]], subpixel: int = 4) -> str:
    """The XML of a cvi42 workspace of contours by image and name, in the program's own shape."""
    space = "http://www.circlecvi.com/cvi42/Workspace"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<Workspace:Workspace xmlns:Workspace="{space}/" xmlns:Hash="{space}/Hash/" '
        f'xmlns:List="{space}/List/" xmlns:Point="{space}/Point/">',
        '<Hash:item Hash:key="OwnerUserName">somebody</Hash:item>',
        f'<Hash:item Hash:key="ImageStates" Hash:count="{len(contours)}">',
    ]
    for uid, named in contours.items():
        lines.append(f'<Hash:item Hash:key="{uid}"><Hash:item Hash:key="Contours">')
        for name, points in named.items():
            items = "".join(
                f"<List:item><Point:x>{x}</Point:x><Point:y>{y}</Point:y></List:item>"
                for x, y in np.asarray(points) * subpixel
            )
            lines.append(
                f'<Hash:item Hash:key="{name}"><Hash:item Hash:key="ImageSize" />'
                f'<Hash:item Hash:key="Points" List:count="{len(points)}">{items}</Hash:item>'
                f'<Hash:item Hash:key="SubpixelResolution">{subpixel}</Hash:item></Hash:item>'
            )
        lines.append("</Hash:item></Hash:item>")
    return "\n".join([*lines, "</Hash:item>", "</Workspace:Workspace>"])


def cvi42_contours(
    paths: dict[tuple[int, int], Path], labels: np.ndarray, kind: str, phases: tuple[int, ...]
) -> dict[str, dict[str, np.ndarray]]:
    """Contours of a stack's labels by SOPInstanceUID and cvi42's names."""
    found = {}
    for (t, z), path in paths.items():
        named = {
            f"{_NAMES[kind][structure]}{f'{number:04d}' if number else ''}": points
            for structure, pieces in outlines(labels[t, z]).items()
            for number, points in enumerate(pieces)
        }
        if t in phases and named:
            found[str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)] = named
    return found
