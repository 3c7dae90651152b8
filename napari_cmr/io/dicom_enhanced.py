"""Enhanced MR: one record a frame, from shared and per-frame functional groups (PS3.3 C.7.6.16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from napari_cmr.io.dicom_values import (
    Values,
    orientation_of,
    pixel_spacing_of,
    positive,
    stamp_seconds,
)
from napari_cmr.io.header import Header, PixelPlace
from napari_cmr.io.naming import component_of, kind_of


def enhanced_records(
    values: Values, common: dict[str, Any], places: Sequence[PixelPlace]
) -> list[Header]:
    """Records of the frames of an Enhanced MR image."""
    shared = values.items("SharedFunctionalGroupsSequence")[:1]
    frames = values.items("PerFrameFunctionalGroupsSequence")
    uid, phase_at = common["uid"], _phase_dimension(values)
    return [
        _frame(
            _Groups([frame, *shared]),
            {**common, "uid": f"{uid}#{place.frame:05d}"},
            place,
            phase_at,
        )
        for frame, place in zip(frames, places, strict=True)
    ]


def _phase_dimension(values: Values) -> int | None:
    """Which of a frame's dimension indices counts phases (PS3.3 C.7.6.17)."""
    for at, dimension in enumerate(values.items("DimensionIndexSequence")):
        if set(dimension.tags("DimensionIndexPointer")) & _PHASE_POINTERS:
            return at
    return None


_PHASE_POINTERS = {
    0x00209128,  # Temporal Position Index
    0x00209153,  # Nominal Cardiac Trigger Delay Time
    0x00209241,  # Nominal Percentage of Cardiac Phase
    0x00209252,  # Actual Cardiac Trigger Delay Time
    0x00181060,  # Trigger Time
}


class _Groups:
    """A frame's functional groups; its own win over the shared ones."""

    def __init__(self, levels: Sequence[Values]) -> None:
        self._levels = levels

    def group(self, keyword: str) -> Values:
        """The group's only item, or one that holds nothing."""
        for level in self._levels:
            items = level.items(keyword)
            if items:
                return items[0]
        return Values.empty()

    def unassigned(self) -> list[Values]:
        """Tags of a classic image that a conversion found no group for."""
        return [self.group(f"Unassigned{of}ConvertedAttributesSequence") for of in _CONVERTED]


_CONVERTED = ("PerFrame", "Shared")


def _frame(
    groups: _Groups, common: dict[str, Any], place: PixelPlace, phase_at: int | None
) -> Header:
    content = groups.group("FrameContentSequence")
    cardiac = groups.group("CardiacSynchronizationSequence")
    measures = groups.group("PixelMeasuresSequence")
    rescale = groups.group("PixelValueTransformationSequence")
    frame_type = groups.group("MRImageFrameTypeSequence").texts("FrameType")
    position = groups.group("PlanePositionSequence").numbers("ImagePositionPatient")
    orientation = groups.group("PlaneOrientationSequence").numbers("ImageOrientationPatient")
    slope, intercept = rescale.number("RescaleSlope"), rescale.number("RescaleIntercept")
    place = replace(
        place,
        slope=slope or place.slope,
        intercept=place.intercept if intercept is None else intercept,
    )
    if frame_type:
        complex_part = groups.group("MRImageFrameTypeSequence").text("ComplexImageComponent")
        component = component_of([*frame_type, "", "", complex_part])
        common = {**common, "component": component}
        kind = kind_of(frame_type, "")
        common["kind"] = common["kind"] if kind == "plain" else kind
    inversion = groups.group("MRModifierSequence").numbers("InversionTimes")
    return Header(
        pixels=place,
        frame_index=place.frame,
        acquisition=content.whole("FrameAcquisitionNumber"),
        acquired_s=stamp_seconds(content.text("FrameAcquisitionDateTime")),
        trigger_ms=_trigger_ms(groups),
        temporal_index=_temporal_index(content, phase_at),
        position=(position[0], position[1], position[2]) if len(position) == 3 else None,
        orientation=orientation_of(orientation),
        pixel_spacing=pixel_spacing_of(measures.numbers("PixelSpacing")),
        thickness_mm=positive(measures.number("SliceThickness")),
        echo_ms=_first(
            groups.group("MREchoSequence").number("EffectiveEchoTime"),
            *(old.number("EchoTime") for old in groups.unassigned()),
        ),
        inversion_ms=inversion[0] if inversion else None,
        nominal_rr_ms=positive(cardiac.number("RRIntervalTimeNominal")),
        **common,
    )


def _trigger_ms(groups: _Groups) -> float | None:
    cardiac = groups.group("CardiacSynchronizationSequence")
    return _first(
        cardiac.number("NominalCardiacTriggerDelayTime"),
        cardiac.number("ActualCardiacTriggerDelayTime"),
        *(old.number("TriggerTime") for old in groups.unassigned()),
    )


def _temporal_index(content: Values, phase_at: int | None) -> int | None:
    index = content.whole("TemporalPositionIndex")
    indices = content.numbers("DimensionIndexValues")
    if index is None and phase_at is not None and phase_at < len(indices):
        return int(indices[phase_at])
    return index


def _first(*values: float | None) -> float | None:
    """The first value that is known."""
    return next((v for v in values if v is not None), None)
