"""Manifests from EchoNet-Dynamic's and CAMUS's own layouts."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from napari_cmr.core import InputError, LabelArray, replacing
from napari_cmr.io.camus import CamusFrame, read_camus
from napari_cmr.io.echonet import EchoNetVideo, Tracing, read_echonet

LAYOUTS = ("echonet", "camus")
_COLUMNS = (
    "subject",
    "image",
    "label",
    "split",
    "label_map",
    "frame",
    "frame_step",
    "view",
    "sequence",
    "phase",
    "quality",
    "expert_ef_percent",
    "expert_edv_ml",
    "expert_esv_ml",
)


def echonet_manifest(
    folder: str | Path,
    out: str | Path,
    *,
    last_validate: int | None = None,
    whole_videos: int | None = None,
) -> Path:
    """Write ``manifest.csv`` for an EchoNet-Dynamic folder, and its tracings as label pictures.

    Parameters
    ----------
    out
        Where manifest and labels are written; the data set is not touched.
    last_validate
        So many people at the list's end get the split ``validation``, the others ``train``;
        None takes the data set's own split.
    whole_videos
        Instead of the traced frames, one row a video without label, of which every so many
        frames are read: for pretraining.

    Returns
    -------
    Path
        The manifest: two rows a person, the column ``phase`` saying ED (the larger) or ES.

    Raises
    ------
    InputError
        If the folder is not as the data set has it, nothing is traced, or ``out`` cannot be
        written.
    """
    videos = read_echonet(folder)
    splits = _splits([v.name for v in videos], {v.name: v.split for v in videos}, last_validate)
    if whole_videos is not None:
        rows = [_video_row(v, splits[v.name], whole_videos) for v in videos]
    else:
        rows = [row for v in videos for row in _traced_rows(v, splits[v.name], Path(out))]
    if not rows:
        raise InputError(f"No video of {folder} is traced at two frames.")
    return _write(rows, Path(out))


def camus_manifest(
    folder: str | Path, out: str | Path, *, last_validate: int | None = None
) -> Path:
    """Write ``manifest.csv`` for a CAMUS folder: one row a frame, labelled where labels are.

    Parameters
    ----------
    out
        Where the manifest is written; the data set is not touched.
    last_validate
        So many patients at the list's end get the split ``validation``, the others ``train``;
        None takes the data set's own split, where it has one.

    Raises
    ------
    InputError
        If the folder is not as the data set has it or ``out`` cannot be written.
    """
    frames = read_camus(folder)
    patients = list(dict.fromkeys(f.patient for f in frames))
    splits = _splits(patients, {f.patient: f.split for f in frames}, last_validate)
    return _write([_camus_row(f, splits[f.patient]) for f in frames], Path(out))


def _splits(
    subjects: Sequence[str], own: dict[str, str], last_validate: int | None
) -> dict[str, str]:
    if last_validate is None:
        return own
    n_train = len(subjects) - last_validate
    if last_validate < 0 or n_train < 1:
        raise InputError(
            f"{last_validate} of {len(subjects)} subjects cannot validate; leave one to train on."
        )
    return {s: "train" if i < n_train else "validation" for i, s in enumerate(subjects)}


def _traced_rows(video: EchoNetVideo, split: str, out: Path) -> Iterator[dict[str, str]]:
    for phase, tracing in (("ED", video.ed), ("ES", video.es)):
        if tracing is None:
            continue
        label = Path("labels") / f"{video.name}_{tracing.frame}.png"
        _write_label(tracing, video.shape, out / label)
        yield _video_row(video, split, None) | {
            "label": label.as_posix(),
            "label_map": "cmr",
            "frame": str(tracing.frame),
            "phase": phase,
        }


def _write_label(tracing: Tracing, shape: tuple[int, int], path: Path) -> None:
    labels: LabelArray = np.ascontiguousarray(tracing.mask(shape))
    with replacing(path) as part:
        Image.fromarray(labels).save(part, format="PNG")


def _video_row(video: EchoNetVideo, split: str, step: int | None) -> dict[str, str]:
    return {
        "subject": video.name,
        "image": str(video.path.resolve()),
        "split": split,
        "frame_step": "" if step is None else str(step),
        "view": "4CH",
        "sequence": "echo",
        "expert_ef_percent": repr(video.ef_percent),
        "expert_edv_ml": repr(video.edv_ml),
        "expert_esv_ml": repr(video.esv_ml),
    }


def _camus_row(frame: CamusFrame, split: str) -> dict[str, str]:
    numbers = {
        "expert_ef_percent": frame.ef_percent,
        "expert_edv_ml": frame.edv_ml,
        "expert_esv_ml": frame.esv_ml,
    }
    return {
        "subject": frame.patient,
        "image": str(frame.image.resolve()),
        "label": str(frame.label.resolve()) if frame.label else "",
        "split": split,
        "label_map": "camus",
        "frame": frame.frame,
        "view": frame.view,
        "sequence": "echo",
        "phase": frame.frame,
        "quality": frame.quality,
    } | {k: "" if v is None else repr(v) for k, v in numbers.items()}


def _write(rows: Iterable[dict[str, str]], out: Path) -> Path:
    path = out / "manifest.csv"
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path
