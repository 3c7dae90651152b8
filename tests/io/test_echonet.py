import math

import numpy as np
import pytest

from napari_cmr.core import InputError, NothingToReadError
from napari_cmr.io.echonet import read_echonet

HEAD = "FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split\n"


def rectangle(name, frame, top, bottom, left, right, discs=6):
    """A cavity that is a rectangle: its axis in the middle, its chords across."""
    middle = (left + right) / 2
    lines = [f"{name},{middle},{top},{middle},{bottom},{frame}"]
    lines += [f"{name},{left},{y},{right},{y},{frame}" for y in np.linspace(top, bottom, discs)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Videos").mkdir()
    (tmp_path / "FileList.csv").write_text(
        HEAD + "A,60.5,40,100,112,96,50,30,TRAIN\nB.avi,50,1,2,112,112,50,30,TEST\n"
    )
    (tmp_path / "VolumeTracings.csv").write_text(
        "FileName,X1,Y1,X2,Y2,Frame\n"
        + rectangle("A.avi", 21, 20, 70, 40, 56)
        + rectangle("A.avi", 7, 20, 80, 36, 60)
    )
    return tmp_path


def test_the_larger_tracing_is_end_diastole_whatever_their_order(folder):
    video, untraced = read_echonet(folder)
    assert (video.ed.frame, video.es.frame) == (7, 21)
    assert (video.name, video.split, video.ef_percent, video.shape) == (
        "A",
        "train",
        60.5,
        (112, 96),
    )
    assert (untraced.name, untraced.split, untraced.ed) == ("B", "test", None)
    assert untraced.path == folder / "Videos" / "B.avi"


def test_length_area_diameters_and_mask_are_those_of_the_rectangle(folder):
    ed = read_echonet(folder)[0].ed
    assert ed.length == 60
    assert ed.area == pytest.approx(60 * 24)
    np.testing.assert_allclose(ed.diameters, 24)
    mask = ed.mask((112, 96))
    expected = np.zeros((112, 96), np.uint8)
    expected[20:81, 36:61] = 1  # pixels on the border count, as in the published code
    np.testing.assert_array_equal(mask, expected)


def test_a_mask_never_leaves_the_picture(folder):
    ed = read_echonet(folder)[0].ed
    np.testing.assert_array_equal(ed.mask((50, 50)), ed.mask((112, 96))[:50, :50])


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("FileList.csv", "FileName,EF\nA,1\n", "lacks the column"),
        ("FileList.csv", HEAD + "A,high,40,100,112,96,50,30,TRAIN\n", "not a number"),
        ("FileList.csv", "\udcff", "UTF-8"),
        ("VolumeTracings.csv", "FileName,X1\n", "lacks the column"),
        ("VolumeTracings.csv", "FileName,X1,Y1,X2,Y2,Frame\nA,1,2,3,4,x\n", "not a number"),
        ("VolumeTracings.csv", "FileName,X1,Y1,X2,Y2,Frame\nA,1,2,3,4,5\n", "too few"),
    ],
)
def test_a_damaged_table_is_named(folder, file, text, said):
    (folder / file).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=said):
        read_echonet(folder)


def test_points_that_are_no_numbers_are_refused(folder):
    path = folder / "VolumeTracings.csv"
    path.write_text(path.read_text().replace("20.0", str(math.nan), 1))
    with pytest.raises(InputError, match="finite"):
        read_echonet(folder)


def test_another_folder_is_told_what_it_lacks(tmp_path):
    with pytest.raises(NothingToReadError, match=r"it has no FileList\.csv"):
        read_echonet(tmp_path)
