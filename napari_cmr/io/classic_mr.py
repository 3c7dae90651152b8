"""Classic MR: one file a phase and slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydicom import Dataset
from pydicom.dataset import FileDataset
from pydicom.uid import MRImageStorage

from napari_cmr.core import Sequence
from napari_cmr.io.mr_file import (
    Writing,
    add_pixels,
    breath_hold_seconds,
    clock,
    decimal,
    new_file,
    slice_thickness,
)

TriggerTimes = Literal["true", "absent", "constant"]


@dataclass(frozen=True)
class Timing:
    """Which tags tell a file's phase, beside its number; see `write_dicom`."""

    trigger_times: TriggerTimes = "true"
    temporal_positions: bool = False
    clock_times: bool = True


def classic_dataset(
    writing: Writing, series: int, index: int, t: int, z: int, timing: Timing
) -> FileDataset:
    """The data set of one phase and slice; ``index`` is its place in the numbering."""
    dataset = new_file(writing, MRImageStorage, series, writing.uid("image", series, t, z))
    stack, geometry = writing.stack, writing.stack.geometry
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    dataset.InstanceNumber = index + 1
    dataset.AcquisitionNumber = 1
    dataset.ScanningSequence = "GR"
    dataset.SequenceVariant = "SS"
    dataset.ScanOptions = "CG" if stack.sequence is Sequence.CINE else ""
    dataset.MRAcquisitionType = "2D"
    dataset.RepetitionTime = "3.0"
    dataset.EchoTime = "1.4"
    dataset.EchoTrainLength = 1
    dataset.FlipAngle = "50"
    dataset.SliceThickness = decimal(slice_thickness(stack))
    if geometry.n_slices > 1:
        dataset.SpacingBetweenSlices = decimal(geometry.slice_step)
    dataset.ImagePositionPatient = [decimal(v) for v in geometry.origins[z]]
    row, column = geometry.axes[z]
    dataset.ImageOrientationPatient = [decimal(v) for v in (*column, *row)]
    dataset.SliceLocation = decimal(geometry.positions[z])
    if geometry.spacing_known:
        dataset.PixelSpacing = [decimal(v) for v in geometry.pixel_spacing]
    _add_cardiac_timing(dataset, writing, t, z, timing)
    if (writing.slope, writing.intercept) != (1.0, 0.0):
        dataset.RescaleSlope = decimal(writing.slope)
        dataset.RescaleIntercept = decimal(writing.intercept)
        dataset.RescaleType = "US"
    add_pixels(dataset, writing.pixels[t, z])
    return dataset


def _add_cardiac_timing(dataset: Dataset, writing: Writing, t: int, z: int, timing: Timing) -> None:
    time = writing.time_ms(t, z)
    if time is not None and timing.trigger_times != "absent":
        dataset.TriggerTime = decimal(time if timing.trigger_times == "true" else 0.0)
    if writing.stack.rr_ms:
        dataset.NominalInterval = round(writing.stack.rr_ms)
        dataset.HeartRate = round(60_000 / writing.stack.rr_ms)
    if writing.stack.sequence is Sequence.CINE:
        dataset.CardiacNumberOfImages = writing.stack.shape[0]
    if timing.temporal_positions:
        dataset.TemporalPositionIdentifier = t + 1
        dataset.NumberOfTemporalPositions = writing.stack.shape[0]
    if timing.clock_times:
        acquired = clock(breath_hold_seconds(z))
        dataset.AcquisitionDate = dataset.ContentDate = acquired.strftime("%Y%m%d")
        dataset.AcquisitionTime = acquired.strftime("%H%M%S.%f")
        dataset.ContentTime = clock(breath_hold_seconds(z) + t / 100).strftime("%H%M%S.%f")
