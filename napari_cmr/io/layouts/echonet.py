"""EchoNet-Dynamic: its traced frames with their masks, and each video without."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from napari_cmr.core import Geometry, Segmentation, Sequence, Stack, View
from napari_cmr.io.echonet import FILE_LIST, VIDEOS, EchoNetVideo, read_echonet
from napari_cmr.io.layouts.data_set import Case, DataSet, Drawn, Subject, Tree
from napari_cmr.io.manifest import ManifestRow
from napari_cmr.io.nifti import SPACING_UNKNOWN
from napari_cmr.io.video import read_video

FRAME_STEP = 8
"""Of a video without labels: frames in between show nearly the same."""


def _matches(tree: Tree) -> bool:
    return _root(tree) is not None


def _root(tree: Tree) -> Path | None:
    roots = (f.parent for f in tree.files if f.name == FILE_LIST)
    return next((root for root in roots if (root / VIDEOS).is_dir()), None)


def _subjects(tree: Tree) -> Iterator[Subject]:
    root = _root(tree)
    assert root is not None
    for video in read_echonet(root):
        yield Subject(video.name, partial(_read, video))


def _read(video: EchoNetVideo) -> Iterator[Case]:
    experts = {
        "expert_ef_percent": repr(video.ef_percent),
        "expert_edv_ml": repr(video.edv_ml),
        "expert_esv_ml": repr(video.esv_ml),
    }
    for phase, tracing in (("ED", video.ed), ("ES", video.es)):
        if tracing is None:
            continue
        frames, _ = read_video(video.path, frame=tracing.frame)
        stack = Stack(
            frames[:, None],
            Geometry.regular(1, (1.0, 1.0, 1.0), spacing_known=False),
            subject=video.name,
            view=View.CH4,
            sequence=Sequence.ECHO,
            findings=(SPACING_UNKNOWN,),
        )
        mask = tracing.mask(frames.shape[1:])
        yield Drawn(
            f"{video.name}_{phase}",
            stack,
            Segmentation.on(stack, mask[None, None]),
            frame=phase,
            split=video.split,
            columns={**experts, "video_frame": str(tracing.frame)},
        )
    yield ManifestRow(
        subject=video.name,
        image=video.path,
        split=video.split,
        view=View.CH4,
        sequence=Sequence.ECHO,
        columns={**experts, "frame_step": str(FRAME_STEP)},
    )


DATA_SET = DataSet("echonet", "EchoNet-Dynamic", _matches, _subjects)
