"""The numbers as a DICOM structured report: TID 1500, LOINC and SNOMED names, UCUM units.

Source: DICOM PS3.16, TID 1500 and TID 1501; names from CID 3833, CID 3835 and CID 12200.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from napari_cmr import __version__
from napari_cmr.core import InputError, Measures, replacing
from napari_cmr.io.derived_object import EQUIPMENT, check_text
from napari_cmr.io.dicom_seg import name_and_version
from napari_cmr.io.referenced_images import Reference, SourceImages
from napari_cmr.io.structure_codes import LEFT_VENTRICLE, RIGHT_VENTRICLE

SERIES_NUMBER = 9002
_ML = Code("ml", "UCUM", "milliliter")
_PERCENT = Code("%", "UCUM", "Percent")
_GRAM = Code("g", "UCUM", "gram")
_PER_MINUTE = Code("/min", "UCUM", "/min")
_LITRES = Code("l/min", "UCUM", "liter per minute")
_MRI_OF_HEART = Code("241620005", "SCT", "Magnetic resonance imaging of heart (procedure)")
_SUM_OF_VOXELS = Code("126030", "DCM", "Sum of segmented voxel method for volume")
_COMMENT = Code("121106", "DCM", "Comment")
_STROKE_VOLUME = Code("90096001", "SCT", "Stroke Volume")


@dataclass(frozen=True)
class _Item:
    """A number: its field in `Measures`, its name and unit, and the phases it rests on."""

    field: str
    name: Code
    unit: Code
    phases: str = ""
    by_voxels: bool = False


_LEFT = (
    _Item("edv_ml", Code("8821-1", "LN", "Left Ventricular ED Volume"), _ML, "d", True),
    _Item("esv_ml", Code("8823-7", "LN", "Left Ventricular ES Volume"), _ML, "s", True),
    _Item("sv_ml", _STROKE_VOLUME, _ML, "ds"),
    _Item(
        "ef_percent",
        Code("8811-2", "LN", "Left ventricular ejection fraction by MR"),
        _PERCENT,
        "ds",
    ),
    _Item("mass_g", Code("18087-7", "LN", "Left Ventricle Mass"), _GRAM, "d"),
    _Item("cardiac_output_l_min", Code("82799009", "SCT", "Cardiac Output"), _LITRES, "ds"),
    _Item("heart_rate_bpm", Code("8867-4", "LN", "Heart rate"), _PER_MINUTE),
)
_RIGHT = (
    _Item("rv_edv_ml", Code("8822-9", "LN", "Right Ventricular ED Volume"), _ML, "d", True),
    _Item("rv_esv_ml", Code("8824-5", "LN", "Right Ventricular ES Volume"), _ML, "s", True),
    _Item("rv_sv_ml", Code("429483009", "SCT", "RV Stroke Volume"), _ML, "ds"),
    _Item(
        "rv_ef_percent",
        Code("8818-7", "LN", "Right ventricular ejection fraction by MR"),
        _PERCENT,
        "ds",
    ),
)


def write_report(
    measures: Measures,
    sources: SourceImages,
    path: str | Path,
    *,
    segmentations: Sequence[str | Path] = (),
    model: str = "",
    reader: str = "",
    organisation: str = "",
) -> None:
    """Write the numbers as a Comprehensive SR measurement report (TID 1500).

    Parameters
    ----------
    measures
        Unknown numbers are left out.
    sources
        The images measured, from :func:`napari_cmr.io.source_images`.
    segmentations
        DICOM SEG files, one a phase in the order of the phases: volumes then refer to the
        segmentations of the phases they rest on, else to these phases' images.
    model
        What made the labels.
    reader
        Name of the person who signs, as DICOM writes it (``Family^Given``). Without it the
        report is preliminary and unverified.
    organisation
        Of the reader; a signature needs it.

    Raises
    ------
    InputError
        If there is no number at all, a signature is half given, or the place cannot be written.
    """
    if bool(reader) != bool(organisation):
        raise InputError("A signature needs both the reader's name and the organisation.")
    check_text("The reader's name", reader)
    check_text("The name of the organisation", organisation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the sources' UIDs
        report = _report(
            measures, sources, [Path(p) for p in segmentations], model, reader, organisation
        )
        with replacing(path) as partial:
            report.save_as(partial, enforce_file_format=True)


def _report(
    measures: Measures,
    sources: SourceImages,
    segmentations: Sequence[Path],
    model: str,
    reader: str,
    organisation: str,
) -> Dataset:
    from highdicom.sr import ComprehensiveSR, MeasurementReport

    evidence = _evidence(measures, sources, segmentations)
    groups = [
        group
        for title, site, items in (
            ("Left ventricle", LEFT_VENTRICLE, _LEFT),
            ("Right ventricle", RIGHT_VENTRICLE, _RIGHT),
        )
        if (group := _group(title, site, items, measures, evidence, model)) is not None
    ]
    if not groups:
        raise InputError("No number is known, so there is nothing to report; segment first.")
    content = MeasurementReport(
        observation_context=_observers(reader, organisation),
        procedure_reported=_MRI_OF_HEART,
        imaging_measurements=groups,
    )
    every = {id(d): d for of_phase in evidence.values() for d in of_phase}
    return ComprehensiveSR(
        evidence=list(every.values()),
        content=content[0],
        series_instance_uid=str(generate_uid()),
        series_number=SERIES_NUMBER,
        sop_instance_uid=str(generate_uid()),
        instance_number=1,
        manufacturer=EQUIPMENT,
        manufacturer_model_name=EQUIPMENT,
        software_versions=__version__,
        is_complete=True,
        is_final=bool(reader),
        is_verified=bool(reader),
        verifying_observer_name=reader or None,
        verifying_organization=organisation or None,
        series_description="Cardiac measurements, for research use only",
    )


def _evidence(
    measures: Measures, sources: SourceImages, segmentations: Sequence[Path]
) -> dict[str, list[Dataset]]:
    """What the numbers at end diastole (``d``) and end systole (``s``) rest on."""
    result = {}
    for key, phase in (("d", measures.ed_phase), ("s", measures.es_phase)):
        if segmentations:
            result[key] = [_described(sources, _named(segmentations[phase]))]
        else:
            unique = {r.sop_uid: r for r in sources.references[phase]}
            result[key] = [_described(sources, ref) for ref in unique.values()]
    return result


def _named(path: Path) -> Reference:
    keywords = ["SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID"]
    seg = pydicom.dcmread(path, specific_tags=keywords, stop_before_pixels=True)
    return Reference(str(seg.SOPClassUID), str(seg.SOPInstanceUID), str(seg.SeriesInstanceUID))


def _described(sources: SourceImages, ref: Reference) -> Dataset:
    instance = Dataset()
    instance.update(sources.study)
    instance.SOPClassUID, instance.SOPInstanceUID = ref.sop_class, ref.sop_uid
    instance.SeriesInstanceUID = ref.series_uid
    return instance


def _group(
    title: str,
    site: Code,
    items: Sequence[_Item],
    measures: Measures,
    evidence: dict[str, list[Dataset]],
    model: str,
) -> Any:
    """The measurement group of a ventricle, None where none of its volumes or ratios is known."""
    from highdicom.sr import (
        FindingSite,
        Measurement,
        MeasurementsAndQualitativeEvaluations,
        SourceImageForMeasurement,
        TrackingIdentifier,
    )

    known = [(item, getattr(measures, item.field)) for item in items]
    known = [(item, value) for item, value in known if value is not None]
    if not any(item.phases for item, _ in known):
        return None
    numbers = [
        Measurement(
            name=item.name,
            value=round(float(value), 2),
            unit=item.unit,
            finding_sites=[FindingSite(anatomic_location=site)],
            method=_SUM_OF_VOXELS if item.by_voxels else None,
            algorithm_id=_algorithm(model),
            referenced_images=[
                SourceImageForMeasurement(d.SOPClassUID, d.SOPInstanceUID)
                for phase in item.phases
                for d in evidence[phase]
            ]
            or None,
        )
        for item, value in known
    ]
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=str(generate_uid()), identifier=title),
        finding_sites=[FindingSite(anatomic_location=site)],
        measurements=numbers,
    )
    group[0].ContentSequence.extend(_comments(measures))
    return group


def _comments(measures: Measures) -> list[Any]:
    from highdicom.sr import RelationshipTypeValues, TextContentItem

    texts = (
        f"End diastole is phase {measures.ed_phase + 1}, end systole phase "
        f"{measures.es_phase + 1}, counted from 1 ({measures.phases_set_by}).",
        f"Convention: {measures.papillary_convention}.",
        *measures.notes,
        "For research use only.",
    )
    return [
        TextContentItem(
            name=_COMMENT, value=text, relationship_type=RelationshipTypeValues.CONTAINS
        )
        for text in texts
    ]


def _algorithm(model: str) -> Any:
    from highdicom.sr import AlgorithmIdentification

    if not model:
        return None
    name, version = name_and_version(model)
    return AlgorithmIdentification(name=name, version=version)


def _observers(reader: str, organisation: str) -> Any:
    from highdicom.sr import (
        DeviceObserverIdentifyingAttributes,
        ObservationContext,
        ObserverContext,
        PersonObserverIdentifyingAttributes,
    )
    from pydicom.sr.codedict import codes

    device = ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=str(generate_uid()), name=EQUIPMENT, manufacturer_name=EQUIPMENT
        ),
    )
    if not reader:
        return ObservationContext(observer_device_context=device)
    person = ObserverContext(
        observer_type=codes.DCM.Person,
        observer_identifying_attributes=PersonObserverIdentifyingAttributes(
            name=reader, organization_name=organisation
        ),
    )
    return ObservationContext(observer_person_context=person, observer_device_context=device)
