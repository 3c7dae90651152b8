"""Phantoms of sequences and views that no real labelled picture stands for."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from napari_cmr.core import (
    FloatArray,
    Geometry,
    Segmentation,
    Sequence,
    Stack,
    Structure,
    View,
    replacing,
)
from napari_cmr.io.nifti import write_nifti
from napari_cmr.phantom import PhantomConfig, make
from napari_cmr.phantom.imaging import image
from napari_cmr.phantom.planes import HEART_CENTRE_LPS, HeartFrame

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
    for sequence in (Sequence.LGE, Sequence.T1):
        yield _other_sequence(clean.sax, clean.segmentation, sequence, rng)


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


def _other_sequence(
    stack: Stack, labels: Segmentation, sequence: Sequence, rng: np.random.Generator
) -> Stack:
    """The same slices with the grey values of another sequence."""
    cine = stack.pixels.astype(np.float32)
    table = _lge(rng) if sequence is Sequence.LGE else _t1_ms(rng)
    air, soft, fat, blood, wall = table
    values = np.select([cine < 80, cine < 330, cine < 570], [air, soft, fat], blood)
    cavities = np.isin(labels.labels, (Structure.LV, Structure.RV))
    values = np.where(cavities, blood, np.where(labels.labels == Structure.MYO, wall, values))
    values = ndimage.gaussian_filter(values, (0, 0, 0.6, 0.6))
    values = _noisy(values, cine < 80, sequence, rng)
    return replace(
        stack,
        pixels=values.round().astype(np.uint16),
        sequence=sequence,
        stack_id=f"{sequence.lower()}-sax",
    )


def _lge(rng: np.random.Generator) -> FloatArray:
    """Air, soft tissue, fat, blood, wall: an inversion recovery that nulls the wall."""
    return np.array(
        [8, rng.uniform(60, 120), rng.uniform(350, 520), rng.uniform(250, 420), rng.uniform(10, 50)]
    )


def _t1_ms(rng: np.random.Generator) -> FloatArray:
    """Air, soft tissue, fat, blood, wall: T1 in ms at 1.5 T or 3 T."""
    field = rng.uniform(0, 1)
    return np.array(
        [0, rng.uniform(600, 900), rng.uniform(250, 400), 1550 + 350 * field, 950 + 250 * field]
    )


def _noisy(
    values: FloatArray, empty: np.ndarray, sequence: Sequence, rng: np.random.Generator
) -> FloatArray:
    """Magnitude noise; a map's fit finds anything where there is no signal."""
    if sequence is Sequence.LGE:
        real, imaginary = rng.normal(0, 20, (2, *values.shape))
        return np.asarray(np.hypot(values + real, imaginary))
    noisy = np.clip(values + rng.normal(0, 40, values.shape), 0, None)
    return np.where(empty, rng.uniform(0, 3000, values.shape), noisy)
