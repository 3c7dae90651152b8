"""The measurement report: numbers with codes and units, evidence, and who signed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from napari_cmr import io, measure
from napari_cmr.core import InputError, Segmentation, Structure
from tests.io.conformance import errors_of
from tests.io.stacks import cine

# code, scheme, unit of UCUM: as LOINC and SNOMED CT publish them
NAMES = {
    "edv_ml": ("8821-1", "LN", "ml"),
    "esv_ml": ("8823-7", "LN", "ml"),
    "sv_ml": ("90096001", "SCT", "ml"),
    "ef_percent": ("8811-2", "LN", "%"),
    "mass_g": ("18087-7", "LN", "g"),
    "cardiac_output_l_min": ("82799009", "SCT", "l/min"),
    "heart_rate_bpm": ("8867-4", "LN", "/min"),
    "rv_edv_ml": ("8822-9", "LN", "ml"),
    "rv_esv_ml": ("8824-5", "LN", "ml"),
    "rv_sv_ml": ("429483009", "SCT", "ml"),
    "rv_ef_percent": ("8818-7", "LN", "%"),
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A cine whose LV is 8 x 8 pixels in phase 1 and 4 x 4 in phase 2, its measures and files."""
    folder = tmp_path_factory.mktemp("sr")
    stack = cine((3, 4, 24, 20))
    io.write_dicom(stack, folder / "images")
    labels = np.zeros(stack.shape, np.uint8)
    for t, half in enumerate((3, 4, 2)):
        labels[t, :, 10 - half : 10 + half, 10 - half : 10 + half] = Structure.LV
        labels[t, :, 16:19, 4 : 10 + half] = Structure.RV
    labels[:, :, 20:22, 4:14] = Structure.MYO
    sources = io.source_images(io.sax_cine(io.scan(folder / "images")))
    segmentation = Segmentation.on(stack, labels)
    files = io.write_seg(segmentation, sources, folder / "seg")
    return sources, measure.function(segmentation), files


def items(dataset: Dataset) -> Iterator[Dataset]:
    for item in dataset.get("ContentSequence", ()):
        yield item
        yield from items(item)


def numbers(report: Dataset) -> dict[tuple[str, str], tuple[float, str]]:
    found = {}
    for item in items(report):
        if item.ValueType == "NUM":
            name, value = item.ConceptNameCodeSequence[0], item.MeasuredValueSequence[0]
            unit = value.MeasurementUnitsCodeSequence[0]
            assert unit.CodingSchemeDesignator == "UCUM"
            key = (name.CodeValue, name.CodingSchemeDesignator)
            found[key] = (float(value.NumericValue), unit.CodeValue)
    return found


def test_every_number_is_there_with_its_code_and_unit(study, tmp_path):
    sources, measures, files = study
    io.write_report(measures, sources, tmp_path / "sr.dcm", segmentations=files)
    report = pydicom.dcmread(tmp_path / "sr.dcm")
    assert report.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.33"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    found = numbers(report)
    # 64 pixels of 1.5 x 1.25 mm on four slices of 9 mm
    assert found["8821-1", "LN"] == (pytest.approx(4.32), "ml")
    assert found["8811-2", "LN"] == (pytest.approx(75.0), "%")
    for field, (code, scheme, unit) in NAMES.items():
        value = getattr(measures, field)
        assert found[code, scheme] == (pytest.approx(value, abs=0.006), unit), field
    assert len(found) == len(NAMES)


def test_volumes_refer_to_the_segmentations_of_their_phases(study, tmp_path):
    sources, measures, files = study
    io.write_report(measures, sources, tmp_path / "sr.dcm", segmentations=files)
    report = pydicom.dcmread(tmp_path / "sr.dcm")
    uids = [pydicom.dcmread(f).SOPInstanceUID for f in files]
    referred = {
        num.ConceptNameCodeSequence[0].CodeValue: [
            image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
            for image in items(num)
            if image.ValueType == "IMAGE"
        ]
        for num in items(report)
        if num.ValueType == "NUM"
    }
    assert referred["8821-1"] == [uids[1]]
    assert referred["8823-7"] == [uids[2]]
    assert referred["8811-2"] == [uids[1], uids[2]]


def test_without_segmentations_the_images_of_the_phases_are_the_evidence(study, tmp_path):
    sources, measures, _ = study
    io.write_report(measures, sources, tmp_path / "sr.dcm")
    report = pydicom.dcmread(tmp_path / "sr.dcm")
    listed = {
        item.ReferencedSOPInstanceUID
        for study_item in report.CurrentRequestedProcedureEvidenceSequence
        for series in study_item.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert listed == {r.sop_uid for t in (1, 2) for r in sources.references[t]}
    assert errors_of(tmp_path / "sr.dcm") == []


def test_a_report_is_unverified_until_a_reader_signs(study, tmp_path):
    sources, measures, files = study
    io.write_report(measures, sources, tmp_path / "a.dcm", segmentations=files, model="net 1.0")
    report = pydicom.dcmread(tmp_path / "a.dcm")
    assert (report.VerificationFlag, report.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert "VerifyingObserverSequence" not in report
    assert errors_of(tmp_path / "a.dcm") == []
    io.write_report(
        measures,
        sources,
        tmp_path / "b.dcm",
        segmentations=files,
        reader="Doe^Jane",
        organisation="Clinic",
    )
    signed = pydicom.dcmread(tmp_path / "b.dcm")
    assert (signed.VerificationFlag, signed.PreliminaryFlag) == ("VERIFIED", "FINAL")
    assert signed.VerifyingObserverSequence[0].VerifyingObserverName == "Doe^Jane"
    assert errors_of(tmp_path / "b.dcm") == []


def test_half_a_signature_is_refused(study, tmp_path):
    sources, measures, _ = study
    with pytest.raises(InputError, match="both"):
        io.write_report(measures, sources, tmp_path / "sr.dcm", reader="Doe^Jane")
    assert list(tmp_path.iterdir()) == []


def test_unknown_numbers_are_left_out_and_none_at_all_is_refused(study, tmp_path):
    sources, measures, files = study
    right = {f"rv_{n}": None for n in ("edv_ml", "esv_ml", "sv_ml", "ef_percent")}
    io.write_report(replace(measures, **right), sources, tmp_path / "sr.dcm", segmentations=files)
    codes = {code for code, _ in numbers(pydicom.dcmread(tmp_path / "sr.dcm"))}
    assert codes.isdisjoint({"8822-9", "8824-5", "8818-7", "429483009"})
    left = dict.fromkeys(("edv_ml", "esv_ml", "sv_ml", "ef_percent", "mass_g"), None)
    nothing = replace(measures, **right, **left, cardiac_output_l_min=None)
    with pytest.raises(InputError, match="nothing to report"):
        io.write_report(nothing, sources, tmp_path / "no.dcm", segmentations=files)
    assert not (tmp_path / "no.dcm").exists()
