"""Maps of numbers as DICOM: pixels, places, and what refuses to be written."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from napari_cmr import io
from napari_cmr.core import InputError
from tests.io.conformance import errors_of
from tests.io.stacks import cine


@pytest.mark.parametrize("enhanced", [False, True], ids=["classic", "enhanced"])
def test_the_numbers_of_a_map_are_read_back_at_their_place(tmp_path, enhanced):
    stack = cine((2, 3, 16, 12))
    io.write_dicom(stack, tmp_path / "images", enhanced=enhanced)
    sources = io.source_images(io.sax_cine(io.scan(tmp_path / "images")))
    values = np.random.default_rng(1).normal(size=stack.shape).astype(np.float32)
    files = io.write_parametric_map(values, sources, tmp_path / "map")
    for t, file in enumerate(files):
        written = pydicom.dcmread(file)
        for frame, pixels in zip(
            written.PerFrameFunctionalGroupsSequence, written.pixel_array, strict=True
        ):
            place = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
            z = int(np.argmin(np.linalg.norm(stack.geometry.origins - place, axis=1)))
            np.testing.assert_array_equal(pixels, values[t, z])
        assert errors_of(file) == []


def test_values_that_are_no_map_of_the_stack_are_refused(tmp_path):
    stack = cine((2, 3, 16, 12))
    io.write_dicom(stack, tmp_path / "images")
    sources = io.source_images(io.sax_cine(io.scan(tmp_path / "images")))
    values = np.zeros(stack.shape, np.float32)
    with pytest.raises(InputError, match="grid"):
        io.write_parametric_map(values[:1], sources, tmp_path / "map")
    values[0, 0, 0, 0] = np.nan
    with pytest.raises(InputError, match="not numbers"):
        io.write_parametric_map(values, sources, tmp_path / "map")
    assert not (tmp_path / "map").exists()
