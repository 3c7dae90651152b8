"""Whole folders as hospitals and converters leave them: read right, and said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest

from napari_cmr import io
from napari_cmr.core import Sequence, Stack, View
from napari_cmr.io.dicom_writing import write_dicom
from napari_cmr.io.sorter import sort_images
from tests.io import records
from tests.io.stacks import cine, geometry


def codes(entry: io.Entry) -> set[str]:
    return {f.code for f in entry.findings}


def shuffled_triggers(dataset: pydicom.Dataset, t: int, z: int) -> None:
    dataset.TriggerTime = [90, 20, 510, 30, 410, 100][t] if z == 2 else 100 * t


def test_trigger_times_that_two_other_keys_contradict_are_refused(tmp_path) -> None:
    write_dicom(cine(), tmp_path, edit=shuffled_triggers, shuffle_names=True)
    entry = io.scan(tmp_path).entries[0]
    assert codes(entry) == {"phase-key-refused"}
    (finding,) = entry.findings
    assert finding.message.startswith(
        "The trigger times are contradicted by the content times and the instance numbers"
    )
    assert entry.times_ms is None
    np.testing.assert_array_equal(io.load(entry).pixels, cine().pixels)


def test_numbering_alone_does_not_outvote_trigger_times(tmp_path) -> None:
    def misnumbered(dataset: pydicom.Dataset, t: int, z: int) -> None:
        dataset.InstanceNumber = (t * 5) % 6 + 10 * z

    write_dicom(cine(), tmp_path, clock_times=False, edit=misnumbered)
    read = io.open_stack(tmp_path)
    np.testing.assert_array_equal(read.pixels, cine().pixels)
    assert [f.code for f in read.findings] == ["phase-order-doubtful"]


def test_numbering_outvotes_trigger_times_in_uneven_steps(tmp_path) -> None:
    write_dicom(cine(), tmp_path, clock_times=False, edit=shuffled_triggers, shuffle_names=True)
    read = io.open_stack(tmp_path)
    np.testing.assert_array_equal(read.pixels, cine().pixels)
    assert read.times_ms is None
    assert "uneven and contradicted by the instance numbers" in read.findings[0].message


def test_a_cycle_that_is_numbered_from_elsewhere_keeps_its_trigger_times() -> None:
    headers = [
        replace(h, trigger_ms=40.0 * ((int(h.uid[-1]) + 2) % 5), temporal_index=int(h.uid[-1]))
        for h in records.cine(5, 4)
    ]
    (stack,) = sort_images(headers)[0]
    assert stack.ordered_by == "trigger"
    np.testing.assert_allclose(stack.times_ms[:, 0], 40.0 * np.arange(5))


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (lambda t, z: t * 0.04, "All 6 phases lie within 0.2 ms"),  # seconds
        (lambda t, z: t + 1, "All 6 phases lie within 5 ms"),  # the phase's number
        (lambda t, z: t * 100 + z * 9000, "run from 0 to 27500 ms"),  # since the scan began
        (lambda t, z: t * 100_000, "run from 0 to 500000 ms"),  # microseconds
    ],
)
def test_trigger_times_that_no_heart_keeps_order_the_phases_and_say_no_more(
    tmp_path, lie, said
) -> None:
    def put(dataset: pydicom.Dataset, t: int, z: int) -> None:
        dataset.TriggerTime = f"{lie(t, z):g}"

    write_dicom(cine(), tmp_path, order="slice-fastest", edit=put)
    read = io.open_stack(tmp_path)
    np.testing.assert_array_equal(read.pixels, cine().pixels)
    assert read.times_ms is None
    assert read.rr_ms == pytest.approx(800)
    (finding,) = read.findings
    assert finding.code == "phase-times-implausible"
    assert said in finding.message


TEXTS_AND_TIMES = (
    "SeriesDescription",
    "ProtocolName",
    "StudyDescription",
    "AcquisitionTime",
    "AcquisitionDate",
    "ContentTime",
    "ContentDate",
    "StudyDate",
    "SeriesDate",
    "StudyTime",
    "SeriesTime",
    "FrameOfReferenceUID",
    "PatientName",
    "PatientID",
    "BodyPartExamined",
    "AcquisitionNumber",
    "SeriesNumber",
    "CardiacNumberOfImages",
)


@pytest.mark.parametrize("order", ["phase-fastest", "slice-fastest"])
@pytest.mark.parametrize("trigger_times", ["true", "absent"])
def test_without_any_text_or_clock_a_cine_and_its_long_axis_are_told_apart(
    tmp_path, order, trigger_times
) -> None:
    def deidentified(dataset: pydicom.Dataset, t: int, z: int) -> None:
        for keyword in TEXTS_AND_TIMES:
            if keyword in dataset:
                delattr(dataset, keyword)

    settings = {"order": order, "trigger_times": trigger_times, "edit": deidentified}
    write_dicom(cine(), tmp_path, **settings)
    write_dicom(long_axis(), tmp_path, series_number=9, **settings)
    catalogue = io.scan(tmp_path)
    assert [(e.view, e.shape[:2]) for e in catalogue.entries] == [
        (View.SAX, (6, 4)),
        (View.CH4, (6, 1)),
    ]
    np.testing.assert_array_equal(io.load(catalogue.entries[0]).pixels, cine().pixels)


def long_axis() -> Stack:
    """A four-chamber slice through the middle of the short-axis stack."""
    stack, sax = cine((6, 1, 24, 20)), geometry(4)
    column, row = np.reshape(records.LAX_ORIENTATION, (2, 3))
    row = row - column * (row @ column)
    axes = np.stack([row / np.linalg.norm(row), column / np.linalg.norm(column)])
    half = np.array([11.5 * 1.5, 9.5 * 1.25])
    origin = sax.origins.mean(0) + half @ sax.axes[0] - half @ axes
    return replace(stack, geometry=replace(stack.geometry, origins=origin[None], axes=axes[None]))


def test_a_study_of_five_kinds_of_stacks_is_told_apart(tmp_path) -> None:
    still = (1, 4, 24, 20)
    write_dicom(cine(), tmp_path, description="cine", series_number=1)
    write_dicom(long_axis(), tmp_path, description="cine", series_number=20)
    write_dicom(cine(still), tmp_path, description="PSIR LGE SA", series_number=30)
    for number, image_type in ((40, "T1 MAP"), (50, "T2 MAP")):

        def typed(d: pydicom.Dataset, t: int, z: int, last: str = image_type) -> None:
            d.ImageType = ["DERIVED", "PRIMARY", "M", last]

        write_dicom(cine((1, 3, 24, 20)), tmp_path, edit=typed, series_number=number)
    write_dicom(cine((1, 3, 24, 20)), tmp_path, description="localizer", series_number=60)
    catalogue = io.scan(tmp_path)
    assert [(e.stack_id, e.sequence, e.shape[:2]) for e in catalogue.entries] == [
        ("sax-1", Sequence.CINE, (6, 4)),
        ("sax-lge-1", Sequence.LGE, (1, 4)),
        ("sax-t1-1", Sequence.T1, (1, 3)),
        ("sax-t2-1", Sequence.T2, (1, 3)),
        ("4ch-1", Sequence.CINE, (6, 1)),
        ("localiser-1", Sequence.OTHER, (1, 3)),
    ]


def test_a_lost_file_costs_its_slice_and_the_rest_keeps_its_place(tmp_path) -> None:
    files = write_dicom(cine((6, 5, 24, 20)), tmp_path)
    files[2 * 6 + 3].unlink()
    whole, rest = io.scan(tmp_path).entries
    assert [e.shape[:2] for e in (whole, rest)] == [(6, 4), (5, 1)]
    assert {"unequal-phases", "uneven-gaps"} <= codes(whole)
    np.testing.assert_allclose(np.abs(np.diff(whole.geometry.positions)), [9, 18, 9], atol=1e-6)
    np.testing.assert_array_equal(
        io.load(whole).pixels, cine((6, 5, 24, 20)).pixels[:, [0, 1, 3, 4]]
    )


def test_of_a_stack_that_was_scanned_twice_the_later_is_read(tmp_path) -> None:
    def later(dataset: pydicom.Dataset, t: int, z: int) -> None:
        dataset.AcquisitionTime = f"10{dataset.AcquisitionTime[2:]}"

    again = replace(cine(), pixels=cine().pixels + 1)
    write_dicom(again, tmp_path, series_number=50, edit=later)
    write_dicom(cine(), tmp_path, series_number=1)
    entry = io.scan(tmp_path).entries[0]
    assert codes(entry) == {"repeated-slice"}
    np.testing.assert_array_equal(io.load(entry).pixels, again.pixels)


@pytest.mark.parametrize(
    ("part", "words"), [("BRAIN", ""), ("", "Brain T1 MPRAGE"), ("KNEE", "sa pd")]
)
def test_another_part_of_the_body_is_left_alone_by_name(tmp_path, part, words) -> None:
    def elsewhere(dataset: pydicom.Dataset, t: int, z: int) -> None:
        dataset.BodyPartExamined = part
        del dataset.TriggerTime

    still = replace(cine((1, 4, 24, 20)), rr_ms=None)
    write_dicom(still, tmp_path, description=words, edit=elsewhere)
    (entry,) = io.scan(tmp_path).entries
    assert entry.left_alone == "not the heart"
    assert codes(entry) == {"left-alone"}


def test_a_gated_cine_is_read_whatever_body_part_it_claims(tmp_path) -> None:
    def mislabelled(dataset: pydicom.Dataset, t: int, z: int) -> None:
        dataset.BodyPartExamined = "ABDOMEN"

    write_dicom(cine(), tmp_path, edit=mislabelled)
    assert io.scan(tmp_path).entries[0].stack_id == "sax-1"


def enhanced_without(folder: Path, *keywords: str, pointer: int | None = None) -> None:
    """An Enhanced MR cine whose frames lack tags, and whose third index counts something."""

    def strip(dataset: pydicom.Dataset, t: int, z: int) -> None:
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            content = frame.FrameContentSequence[0]
            for keyword in keywords:
                for item in (content, frame):
                    if keyword in item:
                        delattr(item, keyword)
        if pointer is not None:
            dataset.DimensionIndexSequence[2].DimensionIndexPointer = pointer

    write_dicom(cine(), folder, enhanced=True, order="slice-fastest", edit=strip)


@pytest.mark.parametrize("pointer", [0x00209128, 0x00209153, 0x00209241])
def test_enhanced_frames_are_ordered_by_their_dimension_index(tmp_path, pointer) -> None:
    enhanced_without(
        tmp_path, "TemporalPositionIndex", "CardiacSynchronizationSequence", pointer=pointer
    )
    read = io.open_stack(tmp_path)
    np.testing.assert_array_equal(read.pixels, cine().pixels)
    assert not read.findings


def test_an_enhanced_phase_image_is_no_magnitude(tmp_path) -> None:
    def phase(dataset: pydicom.Dataset, t: int, z: int) -> None:
        shared = dataset.SharedFunctionalGroupsSequence[0]
        shared.MRImageFrameTypeSequence[0].ComplexImageComponent = "PHASE"

    write_dicom(cine(), tmp_path, enhanced=True, edit=phase)
    assert io.scan(tmp_path).entries[0].stack_id == "phase-images-1"


def test_a_classic_series_that_a_converter_made_enhanced_reads_as_before(tmp_path) -> None:
    """highdicom's legacy conversion keeps the trigger times among the unassigned tags."""

    def plain(dataset: pydicom.Dataset, t: int, z: int) -> None:
        dataset.PatientOrientation = ["R", "A"]

    files = write_dicom(cine(), tmp_path / "classic", edit=plain)
    datasets = [pydicom.dcmread(f) for f in files]
    converted = highdicom.legacy.LegacyConvertedEnhancedMRImage(
        datasets,
        series_instance_uid=highdicom.UID(),
        series_number=7,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
    )
    (tmp_path / "enhanced").mkdir()
    converted.save_as(tmp_path / "enhanced" / "a.dcm")
    read = io.open_stack(tmp_path / "enhanced")
    np.testing.assert_array_equal(read.pixels, cine().pixels)
    np.testing.assert_allclose(read.times_ms, cine().times_ms, atol=1e-6)
