"""What the phantom writes, the reader reads: same pixels, places and times."""

from dataclasses import dataclass

import numpy as np
import pytest

from napari_cmr import io, measure, phantom
from napari_cmr.core import Segmentation, Sequence, View

CLASSIC = [
    {"order": order, "one_series_per_slice": split, "shuffle_names": shuffle}
    for order in ("phase-fastest", "slice-fastest")
    for split in (False, True)
    for shuffle in (False, True)
]
CLUES = [
    {"trigger_times": "absent", "temporal_positions": True},
    {"trigger_times": "constant", "temporal_positions": True},
    {"trigger_times": "absent"},
    {"trigger_times": "constant", "order": "slice-fastest"},
    {"trigger_times": "absent", "clock_times": False},
    {"trigger_times": "absent", "clock_times": False, "order": "slice-fastest"},
    {"descriptions": False, "clock_times": False},
]
ENHANCED = [
    {"enhanced": True, "order": order, "one_series_per_slice": split}
    for order in ("phase-fastest", "slice-fastest")
    for split in (False, True)
]


@pytest.fixture(scope="module", params=["base", "apex"])
def study(request):
    return phantom.make(
        phantom.PhantomConfig(
            n_phases=5,
            n_slices=7,
            slice_step_mm=14,
            rows=72,
            columns=64,
            pixel_mm=(3.0, 3.2),
            slices_from=request.param,
            trigger_delay_ms=11,
            rr_spread_ms=40,
            long_axes=True,
        )
    )


@dataclass
class Read:
    catalogue: io.Catalogue
    entry: io.Entry

    @property
    def stack(self):
        return io.load(self.entry)


def read_sax(folder):
    catalogue = io.scan(folder)
    (entry,) = [e for e in catalogue.entries if e.view is View.SAX]
    return Read(catalogue, entry)


def same_slices(original, read):
    """For each slice of the original, the slice that was read at its place."""
    gaps = np.linalg.norm(original.geometry.origins[:, None] - read.geometry.origins, axis=-1)
    assert (gaps.min(1) < 0.01).all()
    return list(gaps.argmin(1))


def assert_same(original, read, *, times):
    order = same_slices(original, read)
    assert sorted(order) == list(range(original.shape[1]))
    np.testing.assert_array_equal(read.pixels[:, order], original.pixels)
    np.testing.assert_allclose(read.geometry.axes[order], original.geometry.axes, atol=1e-6)
    np.testing.assert_allclose(read.geometry.pixel_spacing, original.geometry.pixel_spacing)
    assert read.geometry.slice_step == pytest.approx(original.geometry.slice_step)
    if times:
        np.testing.assert_allclose(read.times_ms[:, order], original.times_ms, atol=1e-3)


@pytest.mark.parametrize("how", CLASSIC, ids=str)
def test_classic_files_in_any_numbering_read_back_the_same(study, tmp_path, how):
    phantom.write_dicom_study(study, tmp_path, **how)
    read = read_sax(tmp_path)
    assert read.entry.sequence is Sequence.CINE
    assert_same(study.sax, read.stack, times=True)
    # The cycle's length is written as a whole number of ms and says so little of each slice's.
    assert read.stack.rr_ms == pytest.approx(study.sax.rr_ms, rel=0.03)


@pytest.mark.parametrize("how", CLUES, ids=str)
def test_without_true_trigger_times_the_phases_are_still_in_order(study, tmp_path, how):
    phantom.write_dicom_study(study, tmp_path, **how)
    assert_same(study.sax, read_sax(tmp_path).stack, times="trigger_times" not in how)


@pytest.mark.parametrize("how", ENHANCED, ids=str)
def test_enhanced_files_read_back_the_same(study, tmp_path, how):
    phantom.write_dicom_study(study, tmp_path, **how)
    assert_same(study.sax, read_sax(tmp_path).stack, times=True)


def test_enhanced_files_without_delays_are_ordered_by_their_index(study, tmp_path):
    phantom.write_dicom_study(study, tmp_path, enhanced=True, trigger_times="absent")
    assert_same(study.sax, read_sax(tmp_path).stack, times=False)


def test_the_long_axes_are_stacks_of_their_own_with_their_views(study, tmp_path):
    phantom.write_dicom_study(study, tmp_path)
    entries = io.scan(tmp_path).entries
    assert len(entries) == 4
    for view in (View.CH2, View.CH3, View.CH4):
        near = [
            e
            for e in entries
            if abs(e.geometry.normal @ study.stacks[view].geometry.normal) > 0.999
        ]
        (entry,) = near
        assert entry.shape[:2] == (5, 1)
        assert entry.view is not View.SAX


def test_volumes_survive_the_round_trip(study, tmp_path):
    phantom.write_dicom_study(study, tmp_path, order="slice-fastest", shuffle_names=True)
    stack = read_sax(tmp_path).stack
    order = np.argsort(same_slices(study.sax, stack))
    labels = study.segmentation.labels[:, order]
    before, after = (
        measure.function(s)
        for s in (study.segmentation, Segmentation.on(stack, np.ascontiguousarray(labels)))
    )
    assert after.edv_ml == pytest.approx(before.edv_ml)
    assert after.ef_percent == pytest.approx(before.ef_percent)
