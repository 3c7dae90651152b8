"""Ultrasound phantoms in the layouts of EchoNet-Dynamic and CAMUS."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from napari_cmr.core import Geometry, InputError, Segmentation, Stack, label_map, replacing
from napari_cmr.io.echonet import FILE_LIST, SPLITS, TRACINGS, VIDEOS, Tracing
from napari_cmr.io.metaimage import write_metaimage
from napari_cmr.io.nifti import write_labels, write_nifti
from napari_cmr.io.video import write_video
from napari_cmr.phantom.apical import UltrasoundConfig, trace
from napari_cmr.phantom.ultrasound import UltrasoundStudy, image_heart

Format = Literal[".nii.gz", ".mhd"]
_LIST_COLUMNS = (
    "FileName",
    "EF",
    "ESV",
    "EDV",
    "FrameHeight",
    "FrameWidth",
    "FPS",
    "NumberOfFrames",
    "Split",
)


def ultrasound_configs(n: int, *, seed: int = 0, **given: object) -> list[UltrasoundConfig]:
    """Configurations of ``n`` different hearts; ``given`` fields are the same in all."""
    return [UltrasoundConfig.random(seed * 100_000 + i, **given) for i in range(n)]


def write_echonet(
    configs: Sequence[UltrasoundConfig], folder: str | Path, *, split: str = "TRAIN"
) -> Path:
    """Image hearts one after the other and write them as EchoNet-Dynamic is.

    ``Videos/NAME.avi`` (motion JPEG), ``FileList.csv`` with the closed-form volumes, and
    ``VolumeTracings.csv`` with one beat's ED and ES, the long axis first.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If the split is none of the data set's or the folder cannot be written to.
    """
    if split not in SPLITS:
        raise InputError(f"EchoNet-Dynamic's splits are {', '.join(SPLITS)}, not '{split}'.")
    folder = Path(folder)
    listed: list[Sequence[object]] = []
    traced: list[Sequence[object]] = []
    for number, config in enumerate(configs):
        study = image_heart(config)
        name = f"0X{number:04X}{config.seed & 0xFFFFFFFFFFFF:012X}"
        rate = config.frames_a_second
        write_video(study.frames, folder / VIDEOS / f"{name}.avi", rate=rate)
        volumes = study.volume_ml.min(), study.volume_ml.max()
        size = config.rows, config.columns, rate, config.n_frames
        listed.append([name, study.ef_percent, *volumes, *size, split])
        for frame in (study.ed, study.es):
            traced += _lines(f"{name}.avi", trace(config, frame))
    _table(folder / TRACINGS, ("FileName", "X1", "Y1", "X2", "Y2", "Frame"), traced)
    _table(folder / FILE_LIST, _LIST_COLUMNS, listed)
    return folder


def write_camus(
    patients: Sequence[Mapping[str, UltrasoundConfig]],
    folder: str | Path,
    *,
    suffix: Format = ".nii.gz",
) -> Path:
    """Image hearts and write them as CAMUS is.

    ``patientXXXX/patientXXXX_VIEW_ED`` and ``_ES`` with ``_gt`` (map ``camus``), and
    ``Info_VIEW.cfg`` with the closed-form EF.

    Parameters
    ----------
    patients
        For each the view's name (2CH, 4CH) and the heart as seen there.
    suffix
        NIfTI as in the present release, or MetaImage as in the first one.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    folder = Path(folder)
    for number, views in enumerate(patients, start=1):
        patient = f"patient{number:04d}"
        for view, config in views.items():
            study = image_heart(config)
            for name, frame in (("ED", study.ed), ("ES", study.es)):
                stem = folder / patient / f"{patient}_{view}_{name}"
                _write_frame(study, frame, stem, suffix)
            info = {"ED": study.ed + 1, "ES": study.es + 1, "NbFrame": config.n_frames}
            lines = info | {"ImageQuality": "Good", "EF": f"{study.ef_percent:.1f}"}
            path = folder / patient / f"Info_{view}.cfg"
            with replacing(path) as part:
                text = "".join(f"{key}: {value}\n" for key, value in lines.items())
                part.write_text(text, encoding="utf-8")
    return folder


def _write_frame(study: UltrasoundStudy, frame: int, stem: Path, suffix: Format) -> None:
    image, label = (stem.with_name(f"{stem.name}{end}{suffix}") for end in ("", "_gt"))
    mm = study.config.pixel_mm
    if suffix == ".mhd":
        write_metaimage(study.frames[frame], image, (mm, mm))
        write_metaimage(label_map("camus").from_cmr(study.labels[frame]), label, (mm, mm))
        return
    stack = Stack(study.frames[frame][None, None], Geometry.regular(1, (1.0, mm, mm)))
    write_nifti(stack, image)
    labels = Segmentation.on(stack, study.labels[frame][None, None])
    write_labels(labels, label, map_name="camus")


def _lines(file: str, tracing: Tracing) -> Iterator[Sequence[object]]:
    for (x1, y1), (x2, y2) in np.concatenate([tracing.axis[None], tracing.chords]):
        yield file, x1, y1, x2, y2, tracing.frame


def _table(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
