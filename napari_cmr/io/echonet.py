"""EchoNet-Dynamic's layout: ``Videos/NAME.avi``, ``FileList.csv``, ``VolumeTracings.csv``.

Ouyang et al., "Video-based AI for beat-to-beat assessment of cardiac function", Nature
2020;580:252. A person has one video, so a split of videos is one of people.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_cmr.core import FloatArray, InputError, LabelArray, NothingToReadError, Structure

FILE_LIST, TRACINGS, VIDEOS = "FileList.csv", "VolumeTracings.csv", "Videos"
SPLITS = {"TRAIN": "train", "VAL": "validation", "TEST": "test"}
_LIST_COLUMNS = {"FileName", "EF", "ESV", "EDV", "FrameHeight", "FrameWidth", "Split"}
_POINTS = ("X1", "Y1", "X2", "Y2")


@dataclass(frozen=True, eq=False)
class Tracing:
    """An expert's left ventricle in one frame.

    Parameters
    ----------
    frame
        Counted from 0.
    axis
        ``(2, 2)`` the long axis' two ends, (x, y) in pixels.
    chords
        ``(n, 2, 2)`` the discs from one end of the axis to the other, each with its two ends.
    """

    frame: int
    axis: FloatArray
    chords: FloatArray

    @property
    def polygon(self) -> FloatArray:
        """``(2 n, 2)`` (x, y): the chords' first ends, then their second ends backwards."""
        return np.concatenate([self.chords[:, 0], self.chords[::-1, 1]])

    @property
    def area(self) -> float:
        """Of the polygon in square pixels (Gauss's shoelace formula)."""
        x, y = self.polygon.T
        return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2)

    @property
    def length(self) -> float:
        """Of the long axis in pixels."""
        return float(np.linalg.norm(self.axis[1] - self.axis[0]))

    @property
    def diameters(self) -> FloatArray:
        """``(n,)`` of the discs in pixels."""
        return np.asarray(np.linalg.norm(self.chords[:, 1] - self.chords[:, 0], axis=1))

    def mask(self, shape: tuple[int, int]) -> LabelArray:
        """``(y, x)`` labels in map ``cmr``.

        Corners are rounded to whole pixels before filling, as in the code published with the
        data set: figures are comparable with those published only on such masks.
        """
        from skimage.draw import polygon  # for those who draw only

        x, y = np.rint(self.polygon).astype(int).T
        labels = np.zeros(shape, np.uint8)
        labels[polygon(y, x, shape)] = Structure.LV
        return labels


@dataclass(frozen=True, eq=False)
class EchoNetVideo:
    """One person's apical four-chamber video.

    ``ef_percent``, ``edv_ml`` and ``esv_ml`` are the hospital's; ``shape`` is (rows, columns);
    ``ed`` is the tracing with the larger area, ``es`` the smaller one's, None where there is none.
    """

    name: str
    path: Path
    split: str
    ef_percent: float
    edv_ml: float
    esv_ml: float
    shape: tuple[int, int]
    ed: Tracing | None
    es: Tracing | None


def read_echonet(folder: str | Path) -> list[EchoNetVideo]:
    """Read an EchoNet-Dynamic folder without its pixels, in the order of ``FileList.csv``.

    A video that the tracings do not name, or only once, has none. Whether the videos are there
    is not looked at.

    Raises
    ------
    InputError
        If list or videos are missing, or a table is not as the data set has it.
    """
    folder = Path(folder)
    for part in (FILE_LIST, VIDEOS):
        if not (folder / part).exists():
            raise NothingToReadError(f"{folder} is no EchoNet-Dynamic folder: it has no {part}.")
    rows = _rows(folder / FILE_LIST, _LIST_COLUMNS)
    traced = _tracings(folder / TRACINGS) if (folder / TRACINGS).is_file() else {}
    try:
        return [_video(folder, row, traced.get(_stem(row["FileName"]), [])) for row in rows]
    except ValueError as error:
        raise InputError(f"{FILE_LIST} holds something that is not a number: {error}.") from error


def _video(folder: Path, row: dict[str, str], tracings: list[Tracing]) -> EchoNetVideo:
    name = _stem(row["FileName"])
    both = len(tracings) > 1
    return EchoNetVideo(
        name=name,
        path=folder / VIDEOS / f"{name}.avi",
        split=SPLITS.get(row["Split"].strip().upper(), ""),
        ef_percent=float(row["EF"]),
        edv_ml=float(row["EDV"]),
        esv_ml=float(row["ESV"]),
        shape=(int(row["FrameHeight"]), int(row["FrameWidth"])),
        ed=max(tracings, key=lambda t: t.area) if both else None,
        es=min(tracings, key=lambda t: t.area) if both else None,
    )


def _tracings(path: Path) -> dict[str, list[Tracing]]:
    points: dict[tuple[str, int], list[list[float]]] = defaultdict(list)
    try:
        for row in _rows(path, {"FileName", "Frame", *_POINTS}):
            key = _stem(row["FileName"]), int(row["Frame"])
            points[key].append([float(row[k]) for k in _POINTS])
    except ValueError as error:
        raise InputError(f"{path.name} holds something that is not a number: {error}.") from error
    found: dict[str, list[Tracing]] = defaultdict(list)
    for (name, frame), pairs in points.items():
        if len(pairs) < 3:
            raise InputError(
                f"{path.name}: frame {frame} of {name} has {len(pairs)} line(s), too few for a "
                "long axis and two discs."
            )
        ends: npt.NDArray[np.float64] = np.array(pairs).reshape(-1, 2, 2)
        if not np.isfinite(ends).all():
            raise InputError(f"{path.name}: frame {frame} of {name} is not all finite numbers.")
        found[name].append(Tracing(frame, ends[0], ends[1:]))
    return found


def _rows(path: Path, needed: set[str]) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            lacking = needed - set(reader.fieldnames or ())
            rows = [{k: v or "" for k, v in r.items() if k is not None} for r in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} is not a CSV file in UTF-8.") from error
    if lacking:
        raise InputError(f"{path.name} lacks the column(s) {', '.join(sorted(lacking))}.")
    return rows


def _stem(name: str) -> str:
    """Some releases write ``.avi`` behind the name, some do not."""
    return name.strip().removesuffix(".avi")
