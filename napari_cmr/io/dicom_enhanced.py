"""Enhanced MR: one record a frame, from shared and per-frame functional groups (PS3.3 C.7.6.16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from napari_cmr.io.dicom_values import Values, positive, stamp_seconds
from napari_cmr.io.header import Header, PixelPlace
from napari_cmr.io.naming import component_of, kind_of


def enhanced_records(
    values: Values, common: dict[str, Any], places: Sequence[PixelPlace]
) -> list[Header]:
    """Records of the frames of an Enhanced MR image."""
    shared = values.items("SharedFunctionalGroupsSequence")[:1]
    frames = values.items("PerFrameFunctionalGroupsSequence")
    uid = common["uid"]
    return [
        _frame(_Groups([frame, *shared]), {**common, "uid": f"{uid}#{place.frame:05d}"}, place)
        for frame, place in zip(frames, places, strict=True)
    ]


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


def _frame(groups: _Groups, common: dict[str, Any], place: PixelPlace) -> Header:
    content = groups.group("FrameContentSequence")
    cardiac = groups.group("CardiacSynchronizationSequence")
    measures = groups.group("PixelMeasuresSequence")
    rescale = groups.group("PixelValueTransformationSequence")
    frame_type = groups.group("MRImageFrameTypeSequence").texts("FrameType")
    position = groups.group("PlanePositionSequence").numbers("ImagePositionPatient")
    orientation = groups.group("PlaneOrientationSequence").numbers("ImageOrientationPatient")
    spacing = measures.numbers("PixelSpacing")
    slope, intercept = rescale.number("RescaleSlope"), rescale.number("RescaleIntercept")
    place = replace(
        place,
        slope=place.slope if slope is None else slope,
        intercept=place.intercept if intercept is None else intercept,
    )
    if frame_type:
        common = {**common, "component": component_of(frame_type)}
        kind = kind_of(frame_type, "")
        common["kind"] = common["kind"] if kind == "plain" else kind
    inversion = groups.group("MRModifierSequence").numbers("InversionTimes")
    return Header(
        pixels=place,
        frame_index=place.frame,
        acquisition=content.whole("FrameAcquisitionNumber"),
        acquired_s=stamp_seconds(content.text("FrameAcquisitionDateTime")),
        trigger_ms=cardiac.number("NominalCardiacTriggerDelayTime"),
        temporal_index=content.whole("TemporalPositionIndex"),
        position=(position[0], position[1], position[2]) if len(position) == 3 else None,
        orientation=tuple(orientation) if len(orientation) == 6 else None,  # type: ignore[arg-type]
        pixel_spacing=(spacing[0], spacing[1]) if len(spacing) == 2 and min(spacing) > 0 else None,
        thickness_mm=positive(measures.number("SliceThickness")),
        echo_ms=groups.group("MREchoSequence").number("EffectiveEchoTime"),
        inversion_ms=inversion[0] if inversion else None,
        nominal_rr_ms=positive(cardiac.number("RRIntervalTimeNominal")),
        **common,
    )
