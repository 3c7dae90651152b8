import numpy as np
import pytest

from napari_cmr.core import InputError
from napari_cmr.io.manifest import ManifestRow, load_image
from napari_cmr.io.video import read_video, write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Ten smooth frames, frame t as bright as 20 t in its middle."""
    path = tmp_path_factory.mktemp("video") / "loop.avi"
    down, right = np.mgrid[:48, :64]
    bump = np.exp(-((down - 24) ** 2 + (right - 32) ** 2) / 200)
    frames = np.stack([(bump * 20 * t + 10).astype(np.uint8) for t in range(10)])
    write_video(frames, path, rate=25)
    return path, frames


def test_a_video_comes_back_as_it_was_but_for_the_codec(video):
    path, frames = video
    found, rate = read_video(path)
    assert found.shape == frames.shape
    assert found.dtype == np.uint8
    assert rate == 25
    assert np.abs(found.astype(int) - frames).max() <= 4


def test_one_frame_is_the_same_as_that_of_the_whole(video):
    path, _ = video
    whole, _ = read_video(path)
    for frame in (0, 3, 9):
        found, _ = read_video(path, frame=frame)
        np.testing.assert_array_equal(found, whole[frame : frame + 1])


def test_every_third_frame_starts_with_the_first(video):
    path, _ = video
    whole, _ = read_video(path)
    found, _ = read_video(path, step=3)
    np.testing.assert_array_equal(found, whole[[0, 3, 6, 9]])


def test_a_manifest_names_a_frame_or_a_step_or_all(video):
    path, _ = video
    one = load_image(ManifestRow("s", path, frame="4"))
    some = load_image(ManifestRow("s", path, columns={"frame_step": "4"}))
    everything = load_image(ManifestRow("s", path, frame="ED", view="4CH", sequence="echo"))
    assert [s.shape for s in (one, some, everything)] == [
        (1, 1, 48, 64),
        (3, 1, 48, 64),
        (10, 1, 48, 64),
    ]
    assert (everything.view, everything.sequence) == ("4CH", "echo")
    assert not everything.geometry.spacing_known
    assert everything.findings[0].code == "spacing-unknown"


def test_what_is_no_video_or_has_no_such_frame_is_refused_by_name(video, tmp_path):
    path, _ = video
    with pytest.raises(InputError, match=r"loop\.avi has no frame 10; frames count from 0"):
        read_video(path, frame=10)
    with pytest.raises(InputError, match="There is no file"):
        read_video(tmp_path / "none.avi")
    with pytest.raises(InputError, match="give 1 or more"):
        read_video(path, step=0)
    (tmp_path / "noise.avi").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(InputError, match=r"noise\.avi cannot be read as a video"):
        read_video(tmp_path / "noise.avi")
