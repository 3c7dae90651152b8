"""CAMUS: two apical views of each patient at ED and ES."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby

from napari_cmr.core import Sequence
from napari_cmr.io.camus import CamusFrame, is_camus_image, read_camus
from napari_cmr.io.layouts.data_set import DataSet, Subject, Tree
from napari_cmr.io.manifest import ManifestRow


def _matches(tree: Tree) -> bool:
    return any(is_camus_image(f) for f in tree.files)


def _subjects(tree: Tree) -> Iterator[Subject]:
    for patient, frames in groupby(read_camus(tree.folder), key=lambda f: f.patient):
        yield Subject(patient, partial(_rows, list(frames)))


def _rows(frames: Iterable[CamusFrame]) -> list[ManifestRow]:
    return [_row(frame) for frame in frames]


def _row(frame: CamusFrame) -> ManifestRow:
    numbers = {
        "expert_ef_percent": frame.ef_percent,
        "expert_edv_ml": frame.edv_ml,
        "expert_esv_ml": frame.esv_ml,
    }
    columns = {k: "" if v is None else repr(v) for k, v in numbers.items()}
    return ManifestRow(
        subject=frame.patient,
        image=frame.image,
        label=frame.label,
        label_map="camus",
        split=frame.split,
        frame=frame.frame,
        view=frame.view,
        sequence=Sequence.ECHO,
        columns={**columns, "quality": frame.quality},
    )


DATA_SET = DataSet("camus", "CAMUS", _matches, _subjects)
