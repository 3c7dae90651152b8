"""Videos in grey: AVI and what else a machine's export is wrapped in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from napari_cmr.core import InputError, NothingToReadError, replacing

VIDEOS = (".avi", ".mp4", ".mov")
T = TypeVar("T")
Frames = npt.NDArray[np.uint8]


def read_video(path: Path, *, frame: int | None = None, step: int = 1) -> tuple[Frames, float]:
    """Read a video's luma.

    Parameters
    ----------
    frame
        Only this frame, counted from 0; all if None.
    step
        Keep every so many frames.

    Returns
    -------
    frames, rate
        ``(t, y, x)`` uint8 and frames a second, 0 where the file does not say.

    Raises
    ------
    InputError
        If there is no such file, it cannot be decoded, or has no such frame.
    """
    import av  # a tenth of a second, for those who read videos only

    if not path.is_file():
        raise NothingToReadError(f"There is no file {path}.")
    if step < 1:
        raise InputError(f"Every {step}th frame of a video cannot be kept; give 1 or more.")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path.name} holds no video.")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 0)
            kept = [
                f.to_ndarray(format="gray") for f in _kept(container.decode(stream), frame, step)
            ]
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read as a video: it is damaged.") from error
    if not kept:
        which = "frame" if frame is None else f"frame {frame}"
        raise InputError(f"The video {path.name} has no {which}; frames count from 0.")
    if len({f.shape for f in kept}) > 1:
        raise InputError(f"The frames of {path.name} differ in size: it is damaged.")
    return np.asarray(np.stack(kept), np.uint8), rate


def write_video(frames: Frames, path: Path, *, rate: int = 50) -> None:
    """Write grey ``(t, y, x)`` frames as motion JPEG, as EchoNet-Dynamic's AVI files are.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    import av

    with replacing(path) as part, av.open(str(part), "w", format="avi") as container:
        stream = container.add_stream("mjpeg", rate=rate)
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt = "yuvj420p"
        stream.options = {"qmin": "2", "qmax": "2"}  # the finest that the codec has
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="gray")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _kept(frames: Iterator[T], frame: int | None, step: int) -> Iterator[T]:
    if frame is None:
        return islice(frames, 0, None, step)
    return islice(frames, frame, frame + 1)
