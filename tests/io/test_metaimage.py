import zlib

import numpy as np
import pytest

from napari_cmr.core import InputError
from napari_cmr.io.manifest import ManifestRow, load_image, load_label
from napari_cmr.io.metaimage import read_metaimage, write_metaimage

PIXELS = np.arange(15, dtype=np.uint8).reshape(3, 5)


def write(path, data, **fields):
    lines = {"NDims": "3", "DimSize": "5 3 1", "ElementType": "MET_UCHAR"}
    lines |= {"ElementSpacing": "0.2 0.4 1"} | fields | {"ElementDataFile": f"{path.stem}.raw"}
    path.write_text("".join(f"{k} = {v}\n" for k, v in lines.items()))
    path.with_suffix(".raw").write_bytes(data)
    return path


def test_what_was_written_comes_back_with_its_spacing(tmp_path):
    write_metaimage(PIXELS, tmp_path / "a.mhd", (0.4, 0.2))
    stack = read_metaimage(tmp_path / "a.mhd")
    np.testing.assert_array_equal(stack.pixels, PIXELS[None, None])
    assert stack.geometry.pixel_spacing == (0.4, 0.2)


@pytest.mark.parametrize("big", [False, True])
def test_sixteen_bits_are_read_in_the_order_that_the_header_says(tmp_path, big):
    values = (PIXELS.astype(np.int16) - 7) * 300
    data = values.astype(">i2" if big else "<i2").tobytes()
    path = write(tmp_path / "a.mhd", data, ElementType="MET_SHORT", BinaryDataByteOrderMSB=str(big))
    np.testing.assert_array_equal(read_metaimage(path).pixels[0, 0], values)


def test_compressed_pixels_and_pixels_in_the_header_s_own_file_are_read(tmp_path):
    path = write(tmp_path / "a.mhd", zlib.compress(PIXELS.tobytes()), CompressedData="True")
    np.testing.assert_array_equal(read_metaimage(path).pixels[0, 0], PIXELS)
    local = tmp_path / "b.mha"
    head = "NDims = 2\nDimSize = 5 3\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    local.write_bytes(head.encode() + PIXELS.tobytes())
    np.testing.assert_array_equal(read_metaimage(local).pixels[0, 0], PIXELS)


def test_a_third_axis_is_time(tmp_path):
    loop = np.stack([PIXELS, PIXELS + 1])
    path = write(tmp_path / "a.mhd", loop.tobytes(), DimSize="5 3 2")
    np.testing.assert_array_equal(read_metaimage(path).pixels[:, 0], loop)


def test_a_manifest_takes_image_and_label_of_this_kind(tmp_path):
    write_metaimage(PIXELS, tmp_path / "a.mhd", (0.4, 0.2))
    write_metaimage(PIXELS % 4, tmp_path / "a_gt.mhd", (0.4, 0.2))
    row = ManifestRow("s", tmp_path / "a.mhd", tmp_path / "a_gt.mhd", label_map="camus")
    _, truth = load_label(row, load_image(row))
    # camus numbers the left atrium 3, cmr 4
    np.testing.assert_array_equal(truth.labels[0, 0], np.where(PIXELS % 4 == 3, 4, PIXELS % 4))


@pytest.mark.parametrize(
    ("fields", "data", "said"),
    [
        ({}, b"short", "bytes of pixels"),
        ({"DimSize": "5 3 2 2"}, b"", "two or three axes"),
        ({"DimSize": "five 3 1"}, b"", "damaged MetaImage header"),
        ({"ElementType": "MET_STRING"}, b"", "damaged MetaImage header"),
        ({"ElementNumberOfChannels": "3"}, b"", "not a grey image"),
        ({"ElementSpacing": "0 0.4 1"}, PIXELS.tobytes(), "not positive"),
        ({"CompressedData": "True"}, PIXELS.tobytes(), "damaged"),
    ],
)
def test_a_damaged_file_is_refused_with_one_sentence(tmp_path, fields, data, said):
    with pytest.raises(InputError, match=said):
        read_metaimage(write(tmp_path / "a.mhd", data, **fields))


def test_a_header_cannot_point_outside_its_folder(tmp_path):
    (tmp_path / "secret.raw").write_bytes(PIXELS.tobytes())
    (tmp_path / "in").mkdir()
    head = "NDims = 2\nDimSize = 5 3\nElementType = MET_UCHAR\nElementDataFile = ../secret.raw\n"
    (tmp_path / "in" / "a.mhd").write_text(head)
    with pytest.raises(InputError, match=r"there is no secret\.raw"):
        read_metaimage(tmp_path / "in" / "a.mhd")
