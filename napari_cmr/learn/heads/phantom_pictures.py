"""Phantoms of sequences and views that no real labelled picture stands for."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_cmr.core import (
    Geometry,
    Stack,
    View,
    replacing,
)
from napari_cmr.io.nifti import write_nifti
from napari_cmr.phantom import PhantomConfig, make
from napari_cmr.phantom.imaging import image
from napari_cmr.phantom.planes import HEART_CENTRE_LPS, HeartFrame
from napari_cmr.phantom.sequences import in_sequence

# How far each plane is turned from the four-chamber one, and how far it lies towards the RV, mm.
_RIGHT_HEART = {View.RV2CH: (60.0, 38.0), View.RVOT: (86.0, 24.0)}
_COLUMNS = ("subject", "image", "split", "view", "sequence", "spacing_mm", "phantom")


def write_picture_phantoms(
    folder: str | Path, n: int, *, seed: int = 0, validation: int = 0, side: int = 160
) -> Path:
    """Write phantoms of every view (cine) and of every sequence (short axis), with a manifest.

    The phantom has no right atrium, no aorta and no pulmonary artery, its LGE and T1 pictures
    are its cine's tissues given other grey values: they hold a place where there is no real
    labelled picture, and show that a head learns, not how well it does on people.

    Parameters
    ----------
    n
        Number of hearts; the last ``validation`` of them are of that split.
    side
        Rows and columns of a picture.

    Returns
    -------
    Path
        ``manifest.csv``, its column ``phantom`` saying so.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    folder = Path(folder)
    manifest = folder / "manifest.csv"
    lines = []
    for index in range(n):
        split = "train" if index < n - validation else "validation"
        for stack in picture_phantoms(seed + index, side=side):
            name = f"{stack.subject}_{stack.sequence.lower()}_{stack.view.lower()}.nii.gz"
            write_nifti(stack, folder / name)
            spacing = ",".join(f"{v:g}" for v in stack.geometry.spacing)
            lines.append((stack.subject, name, split, stack.view, stack.sequence, spacing, "yes"))
    with replacing(manifest) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(lines)
    return manifest


def picture_phantoms(seed: int, *, side: int = 160) -> Iterator[Stack]:
    """One heart: cine in six views, then LGE and a T1 map of its short axis."""
    drawn = PhantomConfig.random(seed)
    config = drawn.model_copy(
        update={
            "n_phases": 1,
            "slice_positions_mm": tuple(drawn.lv_length_mm * p for p in (0.3, 0.5, 0.7)),
            "rows": side,
            "columns": side,
            "pixel_mm": (1.4 * 192 / side, 1.4 * 192 / side),
            "long_axes": True,
        }
    )
    study = make(config)
    yield from study.stacks.values()
    four = study.stacks[View.CH4]
    for view in _RIGHT_HEART:
        geometry = right_heart_geometry(config, view)
        pixels = image(config, geometry, seed * 16 + 8).pixels
        yield replace(four, pixels=pixels, geometry=geometry, view=view, stack_id=view.lower())
    # Without noise and coil, a pixel's value is its tissue's.
    clean = make(
        config.model_copy(update={"long_axes": False, "coil_bias": 0.0, "signal_to_noise": 1e4})
    )
    rng = np.random.default_rng(seed)
    for sequence in ("LGE", "T1"):
        yield in_sequence(clean.sax, clean.segmentation, sequence, rng)


def right_heart_geometry(config: PhantomConfig, view: View) -> Geometry:
    """One plane along the heart's axis through the RV, its apex down."""
    degrees, towards_rv = _RIGHT_HEART[view]
    u, v, w = HeartFrame.of(config).axes
    angle = np.deg2rad(degrees)
    across = np.cos(angle) * u + np.sin(angle) * v
    centre = HEART_CENTRE_LPS + towards_rv * u
    down, right = (
        (n - 1) / 2 * mm
        for n, mm in zip((config.rows, config.columns), config.pixel_mm, strict=True)
    )
    origin = centre - down * w - right * across
    return Geometry(
        origin[None], np.stack([w, across])[None], config.pixel_mm, config.slice_thickness_mm
    )
