"""Sunnybrook: cine DICOM and contours as text, ``IM-0001-NNNN-icontour-manual.txt``.

A contour belongs to the DICOM file whose name ends in the same number NNNN; the series number
before it differs between the two in the data set itself. Numbers count phases fastest.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np

from napari_cmr.core import FloatArray, InputError, Segmentation, Stack, Structure, View
from napari_cmr.io.header import Header
from napari_cmr.io.layouts.data_set import DataSet, Drawn, Subject, Tree
from napari_cmr.io.layouts.outlines import (
    Outline,
    cavity_px,
    drawn_phase,
    headers_of,
    phase_names,
    without_hollow_walls,
)
from napari_cmr.io.layouts.tables import columns, read_table
from napari_cmr.io.sorter import sort_images

_CONTOUR = re.compile(r"(.*-)?(?P<number>\d+)-(?P<kind>[io])contours?-manual\.txt", re.IGNORECASE)
_IMAGE = re.compile(r"(?P<series>.*?)(?P<number>\d+)\.dcm", re.IGNORECASE)
_ORIGINAL = re.compile(r"SC-(?P<group>HF-I|HF-NI|HYP|N)-0*(?P<number>\d+)", re.IGNORECASE)
_INSIDE_A_CASE = re.compile(r"contours-manual|IRCCI-expert|[io]-contours", re.IGNORECASE)
_STRUCTURES = {"i": Structure.LV, "o": Structure.MYO}
_MOST_BYTES = 5_000_000


def _matches(tree: Tree) -> bool:
    return any(_CONTOUR.fullmatch(f.name) for f in tree.files)


def _subjects(tree: Tree) -> Iterator[Subject]:
    contours = [f for f in tree.files if _CONTOUR.fullmatch(f.name)]
    patients = _patients(tree)
    for folder, group in groupby(sorted(contours, key=_case_folder), key=_case_folder):
        name = _original(folder) or folder.name
        yield Subject(name, partial(_read, name, list(group), folder, tree, patients))


def _case_folder(contour: Path) -> Path:
    """The case's own folder, above those that only sort its contours."""
    folder = contour.parent
    while _INSIDE_A_CASE.fullmatch(folder.name):
        folder = folder.parent
    return folder


def _original(path: Path) -> str:
    """The case's name where a folder of the path has it, without leading zeros; else empty."""
    found = [m for part in path.parts if (m := _ORIGINAL.fullmatch(part))]
    return f"SC-{found[-1]['group'].upper()}-{found[-1]['number']}" if found else ""


def _patients(tree: Tree) -> dict[str, str]:
    """PatientID of the image folders by the case's name in the contour folders."""
    tables = list(tree.named("scd_patientdata.csv"))
    records = read_table(tables[0], "originalid") if tables else {}
    return {_original(Path(name)): r.get("patientid", "") for name, r in records.items()}


def _read(
    name: str, contours: list[Path], folder: Path, tree: Tree, patients: Mapping[str, str]
) -> list[Drawn]:
    outlines: dict[int, list[Outline]] = defaultdict(list)
    for path in contours:
        match = _CONTOUR.fullmatch(path.name)
        assert match is not None
        outline = Outline(_STRUCTURES[match["kind"].lower()], read_contour(path))
        outlines[int(match["number"])].append(outline)
    images = _images(name, set(outlines), folder, tree, patients.get(name, ""))
    hollow = 0
    drawn: dict[Header, Sequence[Outline]] = {}
    for number, of_image in outlines.items():
        header = headers_of([images[number]])
        if len(header) != 1:
            raise InputError(f"{name}: {images[number].name} is no readable MR image; restore it.")
        drawn[header[0]] = without_hollow_walls(of_image)
        hollow += len(drawn[header[0]]) < len(of_image)
    note = f"{hollow} outer contour(s) without an inner one left out" if hollow else ""
    return _cases(name, drawn, note)


def read_contour(path: Path) -> FloatArray:
    """``(n, 2)`` x and y in pixels of a contour's text, one point a line.

    Raises
    ------
    InputError
        If it is no text of two numbers a line.
    """
    try:
        text = (
            path.read_text(encoding="ascii") if path.stat().st_size <= _MOST_BYTES else "too long"
        )
        points = [[float(v) for v in line.split()] for line in text.split("\n") if line.strip()]
        return np.array([(x, y) for x, y in points], np.float64).reshape(-1, 2)
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} is no contour: it needs two numbers a line.") from error


def _images(
    name: str, numbers: set[int], folder: Path, tree: Tree, patient: str
) -> dict[int, Path]:
    """The images of the series that has all contoured numbers."""
    series: dict[tuple[Path, str], dict[int, Path]] = defaultdict(dict)
    for path in tree.named(".dcm"):
        match = _IMAGE.fullmatch(path.name)
        own = path.is_relative_to(folder) or _original(path) == name
        if match and (own or (patient and patient in path.parts)):
            series[path.parent, match["series"]][int(match["number"])] = path
    whole = [s for key, s in sorted(series.items()) if numbers <= set(s)]
    named = [s for s in whole if "cinesax" in next(iter(s.values())).parent.name.lower()]
    fitting = named or whole
    if not fitting:
        raise InputError(
            f"{name}: no series of DICOM files has images of all the contours' numbers; put the "
            "case's short-axis images, by their own names, beside its contours."
        )
    most = max(len(s) for s in fitting)
    largest = [s for s in fitting if len(s) == most]
    if len(largest) > 1:
        raise InputError(
            f"{name}: {len(largest)} series fit the contours' numbers alike; leave only the "
            "short-axis cine in the folder."
        )
    return largest[0]


def _cases(name: str, drawn: Mapping[Header, Sequence[Outline]], note: str) -> list[Drawn]:
    phases: dict[int, dict[Header, Sequence[Outline]]] = defaultdict(dict)
    n_phases = _phase_count(name, drawn)
    for header, outlines in drawn.items():
        if outlines:
            assert header.instance is not None
            phases[(header.instance - 1) % n_phases][header] = outlines
    found = {t: _one_phase(name, t, of_phase) for t, of_phase in sorted(phases.items())}
    if not found:
        raise InputError(f"{name}: no inner contour is here; add the icontour files.")
    names = phase_names({t: cavity_px(segmentation) for t, (_, segmentation) in found.items()})
    group = _ORIGINAL.fullmatch(name)
    return [
        Drawn(
            f"{name}_phase{t:02d}",
            stack,
            segmentation,
            frame=names[t],
            group=group["group"] if group else "",
            columns=columns(note="; ".join(filter(None, [note, *map(str, stack.findings)]))),
        )
        for t, (stack, segmentation) in found.items()
    ]


def _phase_count(name: str, drawn: Mapping[Header, Sequence[Outline]]) -> int:
    claimed = Counter(h.phases_claimed for h in drawn)
    usual = claimed.most_common(1)[0][0]
    if not usual or any(h.instance is None for h in drawn):
        raise InputError(
            f"{name}: the images lack CardiacNumberOfImages or InstanceNumber, so which contours "
            "are of one phase is unknown; use the data set's own DICOM files."
        )
    return usual


def _one_phase(
    name: str, t: int, drawn: Mapping[Header, Sequence[Outline]]
) -> tuple[Stack, Segmentation]:
    stacks, _, _ = sort_images(drawn)
    found = None
    if len(stacks) == 1 and len(stacks[0].frames) == 1:
        found = drawn_phase(stacks[0], 0, drawn, subject=name, view=View.SAX)
    if found is None:
        raise InputError(
            f"{name}: the contoured images of phase {t} are not slices of one stack, so their "
            "numbers do not count as the data set's do; use its own DICOM files."
        )
    return found


DATA_SET = DataSet("sunnybrook", "the Sunnybrook Cardiac Data", _matches, _subjects)
