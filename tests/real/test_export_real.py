"""Writing back on the real studies of ../shared/data."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cmr import io, measure
from napari_cmr.core import Segmentation, Structure
from tests.io.conformance import errors_of


def rings(shape) -> np.ndarray:
    """Labels of a beating ring with a crescent beside it; the last slice is empty."""
    t, _, y, x = shape
    rows, columns = np.mgrid[:y, :x]
    radius = np.hypot(rows - y / 2, columns - x / 2) / min(y, x)
    labels = np.zeros(shape, np.uint8)
    for phase in range(t):
        inner = 0.1 + 0.03 * np.cos(2 * np.pi * phase / t)
        labels[phase, :-1] = np.select(
            [radius < inner, radius < inner + 0.06, (radius < inner + 0.15) & (columns < x / 2)],
            [Structure.LV, Structure.MYO, Structure.RV],
        )
    return labels


@pytest.mark.parametrize("name", ["siemens", "swine/sax"])
def test_segmentations_and_report_of_a_real_study_are_whole(shared_data, tmp_path, name) -> None:
    entry = io.sax_cine(io.scan(shared_data / name))
    sources = io.source_images(entry)
    labels = rings(entry.shape)
    segmentation = Segmentation(
        labels, entry.geometry, "rings 1.0", entry.times_ms, entry.rr_ms, layout=entry.layout
    )
    files = io.write_seg(segmentation, sources, tmp_path)
    assert len(files) == entry.shape[0]
    np.testing.assert_array_equal(io.read_seg(tmp_path, sources).labels, labels)
    report = tmp_path / "report.dcm"
    io.write_report(measure.function(segmentation), sources, report, segmentations=files)
    assert [errors_of(f) for f in (files[0], files[-1], report)] == [[], [], []]


@pytest.mark.parametrize("name", ["siemens", "swine/lax"])
def test_deidentified_copies_of_a_real_study_sort_alike(shared_data, tmp_path, name) -> None:
    before = io.scan(shared_data / name)
    copies = io.deidentified_copy(io.dicom_files(before), tmp_path, "salt")
    after = io.scan(tmp_path)
    assert copies.findings == ()
    for a, b in zip(after.entries, before.entries, strict=True):
        assert (a.stack_id, a.shape, a.phase_ms) == (b.stack_id, b.shape, b.phase_ms)
        assert a.geometry.spacing == b.geometry.spacing
    assert errors_of(copies.files[0]) == []
    data = b"".join(f.read_bytes() for f in copies.files[:5])
    assert not any(name in data for name in (b"patient1", b"GIP17", b"SHSC", b"MR-EP", b"2011"))
