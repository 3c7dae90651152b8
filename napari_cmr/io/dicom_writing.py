"""Stacks as DICOM: classic MR files in any numbering, or Enhanced MR."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileDataset

from napari_cmr.core import Stack, replacing
from napari_cmr.io.classic_mr import Timing, TriggerTimes, classic_dataset
from napari_cmr.io.enhanced_mr import enhanced_dataset
from napari_cmr.io.mr_file import prepare

Order = Literal["phase-fastest", "slice-fastest"]
Edit = Callable[[Dataset, int, int], None]


def write_dicom(
    stack: Stack,
    folder: str | Path,
    *,
    order: Order = "phase-fastest",
    one_series_per_slice: bool = False,
    enhanced: bool = False,
    trigger_times: TriggerTimes = "true",
    temporal_positions: bool = False,
    clock_times: bool = True,
    description: str = "",
    series_number: int = 1,
    shuffle_names: bool = False,
    seed: int = 0,
    edit: Edit | None = None,
) -> list[Path]:
    """Write a stack as DICOM files, uncompressed, explicit little endian.

    Parameters
    ----------
    stack
        Whole-numbered pixels of at most 16 bits are written as they are, others as 16 bits with
        a rescale slope and intercept.
    folder
        Made if need be; files of the same name are replaced.
    order
        What counts fastest in InstanceNumber (frames of Enhanced MR: in the file).
    one_series_per_slice
        Each slice its own series (Enhanced MR: and its own file), numbered from
        ``series_number``.
    enhanced
        Enhanced MR Image Storage, one file a series.
    trigger_times
        TriggerTime as it is, left out, or the same in all files.
    temporal_positions
        Also write TemporalPositionIdentifier and NumberOfTemporalPositions (classic files).
    clock_times
        Write acquisition and content times (classic files).
    description
        SeriesDescription; left out if empty.
    shuffle_names
        Number the file names in a random order.
    seed
        Stacks of one subject written with one seed are of one study; give each its own
        ``series_number``. The same seed gives the same UIDs and names.
    edit
        Called with each file's data set, its phase and slice (of the first frame) before it is
        written: for whatever oddity a test or a conversion needs.

    Returns
    -------
    The files, in the order of InstanceNumber.

    Raises
    ------
    InputError
        If pixels are not finite or the folder cannot be written to.
    """
    writing = prepare(stack, description, series_number, seed)
    n_phases, n_slices = stack.shape[:2]
    timing = Timing(trigger_times, temporal_positions, clock_times)
    groups = [[z] for z in range(n_slices)] if one_series_per_slice else [list(range(n_slices))]
    datasets: list[FileDataset] = []
    for series, slices in enumerate(groups):
        frames = _ordered(n_phases, slices, order)
        if enhanced:
            batch = [enhanced_dataset(writing, series, frames, with_delays=trigger_times == "true")]
        else:
            batch = [
                classic_dataset(writing, series, i, t, z, timing) for i, (t, z) in enumerate(frames)
            ]
        if edit is not None:
            for dataset, (t, z) in zip(batch, frames, strict=False):
                edit(dataset, t, z)
        datasets += batch
    return _save(datasets, Path(folder), shuffle_names, seed, series_number)


def _ordered(n_phases: int, slices: list[int], order: Order) -> list[tuple[int, int]]:
    """(phase, slice) in the order of their numbers."""
    if order == "phase-fastest":
        return [(t, z) for z in slices for t in range(n_phases)]
    return [(t, z) for t in range(n_phases) for z in slices]


def _save(
    datasets: list[FileDataset], folder: Path, shuffle: bool, seed: int, series_number: int
) -> list[Path]:
    numbers = np.arange(len(datasets))
    if shuffle:
        np.random.default_rng(seed).shuffle(numbers)
    paths = [folder / f"MR{series_number:03d}_{number:05d}.dcm" for number in numbers]
    for dataset, path in zip(datasets, paths, strict=True):
        with replacing(path) as partial:
            dataset.save_as(partial, enforce_file_format=True)
    return paths
