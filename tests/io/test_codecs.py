"""Every compression gives the same pixels, or a sentence that names the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import (
    HTJ2K,
    MPEG4HP41,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
)

from napari_cmr import io
from napari_cmr.core import InputError
from napari_cmr.io.dicom_codecs import CodecMissingError
from napari_cmr.io.dicom_writing import write_dicom
from tests.io import codestreams
from tests.io.stacks import cine


def packed(folder: Path, syntax: UID, stream: bytes) -> None:
    """A cine of two phases and three slices whose every picture is the stream's."""

    def put(dataset: pydicom.Dataset, t: int, z: int) -> None:
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.BitsStored, dataset.HighBit = 12, 11
        dataset.PixelData = encapsulate([stream])
        dataset["PixelData"].is_undefined_length = True

    write_dicom(cine((2, 3, 24, 20)), folder, edit=put)


@pytest.mark.parametrize(
    ("syntax", "stream"),
    [
        (HTJ2KLossless, codestreams.HTJ2K),
        (HTJ2K, codestreams.HTJ2K),
        (JPEGLosslessSV1, codestreams.JPEG_LOSSLESS_SV1),
        (JPEGLossless, codestreams.JPEG_LOSSLESS_P6),
    ],
)
def test_what_another_encoder_packed_is_read_to_the_last_bit(tmp_path, syntax, stream) -> None:
    packed(tmp_path, syntax, stream)
    pixels = io.open_stack(tmp_path).pixels
    assert pixels.shape == (2, 3, 24, 20)
    np.testing.assert_array_equal(pixels, np.broadcast_to(codestreams.picture(), pixels.shape))


def test_jpeg_ls_is_read_to_the_last_bit(tmp_path) -> None:
    wrote = cine((2, 3, 64, 48))
    for path in write_dicom(wrote, tmp_path):
        dataset = pydicom.dcmread(path)
        dataset.compress(JPEGLSLossless, generate_instance_uid=False)
        dataset.save_as(path)
    np.testing.assert_array_equal(io.open_stack(tmp_path).pixels, wrote.pixels)


@pytest.mark.parametrize(
    ("syntax", "stream", "package"),
    [
        (HTJ2KLosslessRPCL, codestreams.HTJ2K, "pylibjpeg-openjpeg"),
        (JPEGLosslessSV1, codestreams.JPEG_LOSSLESS_SV1, "pylibjpeg-libjpeg"),
    ],
)
def test_a_codec_that_is_not_installed_is_named_with_its_package(
    tmp_path, monkeypatch, syntax, stream, package
) -> None:
    packed(tmp_path, syntax, stream)
    monkeypatch.setattr(get_decoder(syntax), "_available", {})
    catalogue = io.scan(tmp_path)
    with pytest.raises(CodecMissingError, match=rf"`pip install pylibjpeg {package}` and open"):
        io.load(catalogue.entries[0])


def test_a_video_is_left_out_by_name(tmp_path) -> None:
    packed(tmp_path, MPEG4HP41, bytes(100))
    with pytest.raises(InputError, match="6 compressed in a way that is not read"):
        io.scan(tmp_path)
