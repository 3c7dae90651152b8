"""What reads each kind of file, called as the program calls it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from napari_cmr import io
from napari_cmr.core import InputError
from napari_cmr.io.manifest import ManifestRow
from tests.fuzz import seeds
from tests.fuzz.seeds import Seed

SALT = "a secret of many letters"


@dataclass(frozen=True)
class Reader:
    """One kind of file.

    Parameters
    ----------
    seeds
        Writes whole files into a folder.
    read
        Reads a folder of files; what is written must lie in the second folder.
    share
        How many of all mutated files it gets, as a weight.
    """

    name: str
    seeds: Callable[[Path], list[Seed]]
    read: Callable[[Path, Path], None]
    share: int = 1


def _study(folder: Path, out: Path) -> None:
    for entry in io.scan(folder).entries:
        io.load(entry)


def _deidentified(folder: Path, out: Path) -> None:
    files = io.dicom_files(io.scan(folder))
    io.deidentified_copy(files, out, SALT)


def _only(folder: Path) -> Path:
    (path,) = (p for p in folder.iterdir() if p.is_file())
    return path


def _file(folder: Path, out: Path) -> None:
    _study(_only(folder), out)


def _dicomdir(folder: Path, out: Path) -> None:
    _study(folder / "DICOMDIR", out)


def _seg(folder: Path, out: Path) -> None:
    (entry,) = io.scan(folder / "images").entries
    io.labels_on_stack(folder, entry)


def _labels(folder: Path, out: Path) -> None:
    io.read_labels(_only(folder))


def _contour(folder: Path, out: Path) -> None:
    from napari_cmr.io.layouts.sunnybrook import read_contour

    read_contour(_only(folder))


def _workspace(folder: Path, out: Path) -> None:
    from napari_cmr.io.layouts.cvi42_workspace import read_workspace

    read_workspace(_only(folder))


def _manifest(folder: Path, out: Path) -> None:
    for row in io.read_manifest(folder / "manifest.csv"):
        stack = io.load_image(row)
        if row.label is not None:
            io.load_label(row, stack)


def _image(folder: Path, out: Path) -> None:
    path = next(p for p in sorted(folder.iterdir()) if p.suffix != ".raw")
    row = ManifestRow("s", path, label=path)
    stack = io.load_image(row)
    if path.suffix != ".avi":
        with suppress(InputError):  # most whole pictures are no labels
            io.load_label(row, stack)


def _data_set(folder: Path, out: Path) -> None:
    from napari_cmr.io.layouts import make_manifest

    make_manifest(folder, out / "manifest.csv")


def _ranges(folder: Path, out: Path) -> None:
    from napari_cmr.measure import read_reference_table

    read_reference_table(_only(folder))


def _weights(folder: Path, out: Path) -> None:
    """The card is made to fit the weights, as whoever means harm would do."""
    from napari_cmr import nets

    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    weights = (folder / "model.safetensors").read_bytes()
    card["sha256"] = hashlib.sha256(weights).hexdigest()
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    nets.load_model(folder)


def _card(folder: Path, out: Path) -> None:
    from napari_cmr import nets

    nets.load_model(folder)


def _checkpoint(folder: Path, out: Path) -> None:
    import torch

    from napari_cmr.learn.checkpoint import load_checkpoint, read_state

    path = _only(folder)
    network = torch.nn.Linear(3, 2)
    read_state(path)
    load_checkpoint(path, {"n": network}, torch.optim.AdamW(network.parameters()))


READERS = (
    Reader("DICOM, one file", seeds.classic, _study, 4),
    Reader("DICOM, a study", seeds.studies, _study, 2),
    Reader("DICOM, de-identified", seeds.studies, _deidentified, 1),
    Reader("Enhanced MR", seeds.enhanced, _study, 2),
    Reader("DICOMDIR", seeds.dicomdirs, _dicomdir, 1),
    Reader("DICOM SEG", seeds.segmentations, _seg, 2),
    Reader("NIfTI, its sidecar, Info.cfg", seeds.niftis, _study, 3),
    Reader("label NIfTI", seeds.labels, _labels, 1),
    Reader("zip archive", seeds.archives, _file, 2),
    Reader("contour text", seeds.contours, _contour, 1),
    Reader("cvi42 workspace", seeds.workspaces, _workspace, 2),
    Reader("manifest CSV", seeds.manifests, _manifest, 2),
    Reader("picture", seeds.pictures, _image, 2),
    Reader("AVI", seeds.videos, _image, 1),
    Reader("MetaImage", seeds.metaimages, _image, 1),
    Reader("tables of data sets", seeds.tables, _data_set, 1),
    Reader("reference ranges", seeds.ranges, _ranges, 1),
    Reader("weights", lambda f: seeds.models(f)[:1], _weights, 2),
    Reader("model card", lambda f: seeds.models(f)[1:], _card, 2),
    Reader("checkpoint", seeds.checkpoints, _checkpoint, 1),
)
