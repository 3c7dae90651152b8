import csv

import numpy as np
import pydicom
import pytest

from napari_cmr import measure, phantom
from napari_cmr.core import label_map
from napari_cmr.io.nifti import read_labels, read_nifti


@pytest.fixture(scope="module")
def study():
    return phantom.make(
        phantom.PhantomConfig(
            n_phases=3, n_slices=11, rows=80, columns=88, pixel_mm=(2.8, 2.8), long_axes=True
        )
    )


def test_nifti_and_manifest_read_back_with_the_same_volumes(study, tmp_path):
    manifest = phantom.write_nifti_studies([study], tmp_path)
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["view"] for r in rows] == ["SAX", "2CH", "3CH", "4CH"]
    sax = rows[0]
    image = read_nifti(tmp_path / sax["image"])
    labels = read_labels(tmp_path / sax["label"], map_name=sax["label_map"])
    assert image.shape == labels.labels.shape
    assert image.shape[:2] == (3, 11)
    assert sorted(image.pixels.ravel()) == sorted(study.sax.pixels.ravel())
    m = measure.function(labels)
    assert m.edv_ml == pytest.approx(float(sax["expert_edv_ml"]), rel=0.03)
    assert m.esv_ml == pytest.approx(float(sax["expert_esv_ml"]), rel=0.03)
    assert label_map(sax["label_map"]).name == "cmr"
    np.testing.assert_allclose([float(v) for v in sax["spacing_mm"].split(",")], [8, 2.8, 2.8])


def test_all_stacks_are_written_as_one_dicom_study(study, tmp_path):
    paths = phantom.write_dicom_study(study, tmp_path)
    assert len(set(paths)) == 3 * (11 + 3)
    headers = [pydicom.dcmread(p, stop_before_pixels=True) for p in paths]
    assert len({h.StudyInstanceUID for h in headers}) == 1
    assert len({h.FrameOfReferenceUID for h in headers}) == 1
    assert len({h.SeriesInstanceUID for h in headers}) == 4
    assert len({h.SOPInstanceUID for h in headers}) == len(headers)
    assert {h.SeriesDescription for h in headers} == {
        "cine SAX",
        "cine 2CH",
        "cine 3CH",
        "cine 4CH",
    }


def test_one_series_a_slice_and_enhanced_make_files_of_their_own(study, tmp_path):
    paths = phantom.write_dicom_study(
        study, tmp_path, one_series_per_slice=True, enhanced=True, descriptions=False
    )
    headers = [pydicom.dcmread(p, stop_before_pixels=True) for p in paths]
    assert len(headers) == 11 + 3
    assert len({h.SeriesInstanceUID for h in headers}) == 14
    assert not any("SeriesDescription" in h for h in headers)
