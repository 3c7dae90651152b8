"""CAMUS's layout: ``patientXXXX_2CH_ED`` with ``_gt``, as NIfTI, MetaImage or pictures.

Leclerc et al., "Deep learning for segmentation using an open large-scale dataset in 2D
echocardiography", IEEE Trans Med Imaging 2019;38:2198. Each patient has a folder of its own, or
all files lie in one; labels are of the map ``camus``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from napari_cmr.core import InputError, NothingToReadError

SPLIT_FOLDER = "database_split"
SPLIT_FILES = {
    "subgroup_training.txt": "train",
    "subgroup_validation.txt": "validation",
    "subgroup_testing.txt": "test",
}
_IMAGE = re.compile(
    r"(?P<patient>patient\d+)_(?P<view>[24]CH)_(?P<frame>ED|ES)"
    r"(?P<suffix>\.nii\.gz|\.nii|\.mhd|\.webp|\.png)$"
)


@dataclass(frozen=True)
class CamusFrame:
    """One frame of one patient.

    ``view`` is 2CH or 4CH, ``frame`` ED or ES; ``ef_percent``, ``edv_ml``, ``esv_ml`` are what
    the view's ``Info`` file says, None where it does not; ``split`` is empty where the data set
    has none.
    """

    patient: str
    view: str
    frame: str
    image: Path
    label: Path | None
    split: str = ""
    quality: str = ""
    ef_percent: float | None = None
    edv_ml: float | None = None
    esv_ml: float | None = None


def read_camus(folder: str | Path) -> list[CamusFrame]:
    """Find all ED and ES frames under a folder, by patient, view and frame.

    Raises
    ------
    InputError
        If there is none, or a frame is there in two formats.
    """
    folder = Path(folder)
    splits = _splits(folder)
    frames = sorted(
        (_frame(path, match, splits) for path, match in _images(folder)),
        key=lambda f: (f.patient, f.view, f.frame),
    )
    if not frames:
        raise NothingToReadError(
            f"{folder} is no CAMUS folder: no file is named like patient0001_4CH_ED.nii.gz."
        )
    for one, other in pairwise(frames):
        if (one.patient, one.view, one.frame) == (other.patient, other.view, other.frame):
            raise InputError(
                f"{one.patient}'s {one.view} {one.frame} is there twice, as {one.image} and "
                f"{other.image}; keep one."
            )
    return frames


def is_camus_image(path: Path) -> bool:
    """Whether a file is named like one of the data set's frames; labels are not."""
    return _IMAGE.match(path.name) is not None


def _images(folder: Path) -> Iterator[tuple[Path, re.Match[str]]]:
    for pattern in ("patient*", "*/patient*", "*/*/patient*"):
        for path in folder.glob(pattern):
            match = _IMAGE.match(path.name)
            if match and path.is_file():
                yield path, match


def _frame(path: Path, match: re.Match[str], splits: dict[str, str]) -> CamusFrame:
    stem = path.name.removesuffix(match["suffix"])
    label = path.with_name(f"{stem}_gt{match['suffix']}")
    info = _info(path.with_name(f"Info_{match['view']}.cfg"))
    return CamusFrame(
        patient=match["patient"],
        view=match["view"],
        frame=match["frame"],
        image=path,
        label=label if label.is_file() else None,
        split=splits.get(match["patient"], ""),
        quality=info.get("ImageQuality", ""),
        ef_percent=_number(info, "EF", "LVef"),
        edv_ml=_number(info, "EDV", "LVedv"),
        esv_ml=_number(info, "ESV", "LVesv"),
    )


def _info(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8", errors="replace")
    return dict(re.findall(r"^\s*(\w+)\s*:\s*(\S+)\s*$", text, re.MULTILINE))


def _number(info: dict[str, str], *keys: str) -> float | None:
    """The first of the names that two releases have for a thing."""
    for key in keys:
        try:
            return float(info[key])
        except (KeyError, ValueError):
            continue
    return None


def _splits(folder: Path) -> dict[str, str]:
    """Patient to split, from the lists that a release has beside the patients' folders."""
    found: dict[str, str] = {}
    for base in (folder, folder.parent):
        for file, split in SPLIT_FILES.items():
            path = base / SPLIT_FOLDER / file
            if path.is_file():
                names = path.read_text(encoding="utf-8", errors="replace").split()
                found |= dict.fromkeys(names, split)
    return found
