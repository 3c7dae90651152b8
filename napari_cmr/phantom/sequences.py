"""The phantom's short axis as other sequences show it: late enhancement, and T1 and T2 maps.

Its tissues are given other grey values; there is no physics in it, and no scar. In maps a pixel
is a time in milliseconds: native T1 of 1.5 T to 3 T, T1 after contrast (blood shorter than wall),
T2. Where there is no signal, a map's fit finds anything.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from napari_cmr.core import (
    FloatArray,
    InputError,
    Segmentation,
    Sequence,
    Stack,
    Structure,
    replacing,
)
from napari_cmr.io.nifti import write_labels, write_nifti
from napari_cmr.phantom.config import PhantomConfig
from napari_cmr.phantom.study import make

Table = tuple[float, float, float, float, float]
"""Air, soft tissue, fat, blood, wall."""
AFTER_CONTRAST = "T1 after contrast"
SEQUENCES: tuple[str, ...] = ("LGE", "T1", AFTER_CONTRAST, "T2")
_COLUMNS = [
    "subject",
    "image",
    "label",
    "split",
    "label_map",
    "view",
    "sequence",
    "spacing_mm",
    "phantom",
    "contrast",
]


def in_sequence(
    stack: Stack, labels: Segmentation, sequence: str, rng: np.random.Generator
) -> Stack:
    """The same slices with the grey values of another sequence.

    Parameters
    ----------
    stack, labels
        A clean cine of the phantom (no noise, no coil) and what is in it.
    sequence
        One of :data:`SEQUENCES`.
    """
    cine = stack.pixels.astype(np.float32)
    air, soft, fat, blood, wall = _tissues(sequence, rng)
    values = np.select([cine < 80, cine < 330, cine < 570], [air, soft, fat], blood)
    cavities = np.isin(labels.labels, (Structure.LV, Structure.RV))
    values = np.where(cavities, blood, np.where(labels.labels == Structure.MYO, wall, values))
    values = ndimage.gaussian_filter(values, (0, 0, 0.6, 0.6))
    values = _noisy(values, cine < 80, sequence, rng)
    kind = Sequence(sequence.split()[0])
    return replace(
        stack,
        pixels=values.round().astype(np.uint16),
        sequence=kind,
        stack_id=f"{kind.lower()}-sax",
    )


def write_sequence(folder: str | Path, sequences: Iterable[str], seeds: Mapping[int, str]) -> Path:
    """Write hearts in other sequences with their labels, and a manifest.

    Parameters
    ----------
    sequences
        Of :data:`SEQUENCES`; each heart is written in each.
    seeds
        Seed of a heart to its split.

    Returns
    -------
    Path
        ``manifest.csv``, its column ``phantom`` saying what it is.

    Raises
    ------
    InputError
        If there is no such sequence, or the folder cannot be written to.
    """
    folder, wanted = Path(folder), list(sequences)
    if unknown := set(wanted) - set(SEQUENCES):
        raise InputError(
            f"The phantom has the sequences {', '.join(SEQUENCES)}, not '{unknown.pop()}'."
        )
    lines = []
    for seed, split in seeds.items():
        config = PhantomConfig.random(
            seed, n_phases=1, coil_bias=0.0, signal_to_noise=1e4, rows=160, columns=160
        )
        study = make(config)
        rng = np.random.default_rng(seed)
        for sequence in wanted:
            stack = in_sequence(study.sax, study.segmentation, sequence, rng)
            name = f"heart{seed}_{sequence.lower().replace(' ', '_')}"
            write_nifti(stack, folder / f"{name}.nii.gz")
            write_labels(study.segmentation, folder / f"{name}_gt.nii.gz")
            spacing = ",".join(f"{v:g}" for v in stack.geometry.spacing)
            files = (f"{name}.nii.gz", f"{name}_gt.nii.gz")
            told = (str(stack.sequence), spacing, "yes", sequence)
            lines.append((f"heart{seed}", *files, split, "cmr", "SAX", *told))
    manifest = folder / "manifest.csv"
    with replacing(manifest) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(lines)
    return manifest


def _tissues(sequence: str, rng: np.random.Generator) -> Table:
    field = rng.uniform(0, 1)
    if sequence == "LGE":  # an inversion recovery that nulls the wall
        soft, fat = rng.uniform(60, 120), rng.uniform(350, 520)
        return 8, soft, fat, rng.uniform(250, 420), rng.uniform(10, 50)
    if sequence == "T1":
        soft, fat = rng.uniform(600, 900), rng.uniform(250, 400)
        return 0, soft, fat, 1550 + 350 * field, 950 + 250 * field
    if sequence == AFTER_CONTRAST:
        blood = rng.uniform(280, 420)
        return 0, rng.uniform(350, 550), rng.uniform(230, 330), blood, blood + rng.uniform(60, 180)
    return 0, rng.uniform(35, 60), rng.uniform(80, 150), rng.uniform(140, 240), rng.uniform(42, 58)


def _noisy(
    values: FloatArray, empty: np.ndarray, sequence: str, rng: np.random.Generator
) -> FloatArray:
    """Magnitude noise; a map's fit finds anything where there is no signal."""
    if sequence == "LGE":
        real, imaginary = rng.normal(0, 20, (2, *values.shape))
        return np.asarray(np.hypot(values + real, imaginary))
    spread, most = (4.0, 400.0) if sequence == "T2" else (40.0, 3000.0)
    noisy = np.clip(values + rng.normal(0, spread, values.shape), 0, None)
    return np.where(empty, rng.uniform(0, most, values.shape), noisy)
