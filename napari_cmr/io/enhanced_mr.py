"""Enhanced MR: one file of many frames, each with its place and its time in functional groups.

Source: DICOM PS3.3, A.36.2 (Enhanced MR Image IOD) and C.8.13.
"""

from __future__ import annotations

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileDataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag
from pydicom.uid import EnhancedMRImageStorage

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

Frames = list[tuple[int, int]]
_DATE_TIME = "%Y%m%d%H%M%S.%f"
_FRAME_TYPE = ["DERIVED", "PRIMARY", "CINE", "NONE"]


def enhanced_dataset(
    writing: Writing, series: int, frames: Frames, *, with_delays: bool
) -> FileDataset:
    """One Enhanced MR data set of (phase, slice) frames in the given order.

    ``with_delays`` writes each frame's cardiac trigger delay; without it only the dimension
    index orders the phases.
    """
    dataset = new_file(writing, EnhancedMRImageStorage, series, writing.uid("enhanced", series))
    dataset.ImageType = _FRAME_TYPE
    dataset.InstanceNumber = 1
    dataset.ContentDate = clock(0).strftime("%Y%m%d")
    dataset.ContentTime = clock(0).strftime("%H%M%S")
    dataset.AcquisitionNumber = 1
    dataset.AcquisitionDateTime = clock(0).strftime(_DATE_TIME)
    dataset.AcquisitionDuration = 12000.0
    dataset.NumberOfFrames = len(frames)
    dataset.DeviceSerialNumber = "1"
    dataset.ManufacturerModelName = "phantom"
    dataset.SoftwareVersions = "1"
    dataset.ResonantNucleus = "1H"
    dataset.MagneticFieldStrength = 1.5
    dataset.KSpaceFiltering = "NONE"
    dataset.ApplicableSafetyStandardAgency = "IEC"
    dataset.ContentQualification = "RESEARCH"
    dataset.ComplexImageComponent = "MAGNITUDE"
    dataset.AcquisitionContrast = "UNKNOWN"
    dataset.PixelPresentation = "MONOCHROME"
    dataset.VolumetricProperties = "VOLUME"
    dataset.VolumeBasedCalculationTechnique = "NONE"
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.AcquisitionContextSequence = Items([])
    if writing.stack.sequence is Sequence.CINE:
        dataset.CardiacSynchronizationTechnique = "RETROSPECTIVE"
        dataset.CardiacSignalSource = "ECG"
        dataset.CardiacBeatRejectionTechnique = "NONE"
        dataset.LowRRValue = dataset.HighRRValue = round(writing.stack.rr_ms or 0) or None
    _add_dimensions(dataset, writing)
    dataset.SharedFunctionalGroupsSequence = Items([_shared(writing)])
    place_in_stack = {z: i + 1 for i, z in enumerate(sorted({z for _, z in frames}))}
    dataset.PerFrameFunctionalGroupsSequence = Items(
        [_frame(writing, t, z, place_in_stack[z], with_delays) for t, z in frames]
    )
    add_pixels(dataset, np.stack([writing.pixels[t, z] for t, z in frames]))
    return dataset


def _add_dimensions(dataset: Dataset, writing: Writing) -> None:
    uid = writing.uid("dimensions")
    dataset.DimensionOrganizationSequence = Items([_item(DimensionOrganizationUID=uid)])
    pointers = ("StackID", "InStackPositionNumber", "TemporalPositionIndex")
    dataset.DimensionIndexSequence = Items(
        [
            _item(
                DimensionOrganizationUID=uid,
                DimensionIndexPointer=Tag(keyword),
                FunctionalGroupPointer=Tag("FrameContentSequence"),
                DimensionDescriptionLabel=keyword,
            )
            for keyword in pointers
        ]
    )


def _shared(writing: Writing) -> Dataset:
    geometry = writing.stack.geometry
    measures = _item(SliceThickness=decimal(slice_thickness(writing.stack)))
    if geometry.n_slices > 1:
        measures.SpacingBetweenSlices = decimal(geometry.slice_step)
    if geometry.spacing_known:
        measures.PixelSpacing = [decimal(v) for v in geometry.pixel_spacing]
    region = _item(CodeValue="80891009", CodingSchemeDesignator="SCT", CodeMeaning="Heart")
    return _item(
        PixelMeasuresSequence=Items([measures]),
        FrameAnatomySequence=Items(
            [_item(FrameLaterality="U", AnatomicRegionSequence=Items([region]))]
        ),
        MRImageFrameTypeSequence=Items(
            [
                _item(
                    FrameType=_FRAME_TYPE,
                    PixelPresentation="MONOCHROME",
                    VolumetricProperties="VOLUME",
                    VolumeBasedCalculationTechnique="NONE",
                    ComplexImageComponent="MAGNITUDE",
                    AcquisitionContrast="UNKNOWN",
                )
            ]
        ),
        PixelValueTransformationSequence=Items(
            [
                _item(
                    RescaleIntercept=decimal(writing.intercept),
                    RescaleSlope=decimal(writing.slope),
                    RescaleType="US",
                )
            ]
        ),
        MREchoSequence=Items([_item(EffectiveEchoTime=1.4)]),
    )


def _frame(writing: Writing, t: int, z: int, place: int, with_delays: bool) -> Dataset:
    geometry = writing.stack.geometry
    row, column = geometry.axes[z]
    acquired = clock(breath_hold_seconds(z)).strftime(_DATE_TIME)
    content = _item(
        FrameAcquisitionNumber=place,
        FrameReferenceDateTime=acquired,
        FrameAcquisitionDateTime=acquired,
        FrameAcquisitionDuration=40.0,
        StackID="1",
        InStackPositionNumber=place,
        TemporalPositionIndex=t + 1,
        DimensionIndexValues=[1, place, t + 1],
    )
    item = _item(
        FrameContentSequence=Items([content]),
        PlanePositionSequence=Items(
            [_item(ImagePositionPatient=[decimal(v) for v in geometry.origins[z]])]
        ),
        PlaneOrientationSequence=Items(
            [_item(ImageOrientationPatient=[decimal(v) for v in (*column, *row)])]
        ),
    )
    time = writing.time_ms(t, z)
    if time is not None and with_delays:
        content.CardiacCyclePosition = "UNDETERMINED"
        delay = _item(NominalCardiacTriggerDelayTime=time)
        if writing.stack.rr_ms:
            delay.RRIntervalTimeNominal = float(writing.stack.rr_ms)
        item.CardiacSynchronizationSequence = Items([delay])
    return item


def _item(**elements: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset
