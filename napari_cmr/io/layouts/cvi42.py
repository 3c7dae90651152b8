"""Circle cvi42: a workspace ``*.cvi42wsx`` (XML) with contours, and the DICOM it was drawn on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from napari_cmr.core import InputError, Segmentation, Stack, Structure, View
from napari_cmr.io.header import Header
from napari_cmr.io.layouts.cvi42_workspace import Contour, read_workspace
from napari_cmr.io.layouts.data_set import DataSet, Drawn, Subject, Tree
from napari_cmr.io.layouts.outlines import (
    Outline,
    cavity_px,
    drawn_phase,
    headers_of,
    phase_names,
    without_hollow_walls,
)
from napari_cmr.io.layouts.tables import columns
from napari_cmr.io.sorter import SortedStack, sort_images

SUFFIX = ".cvi42wsx"
_SHORT_AXIS = {
    "saendocardial": Structure.LV,
    "saepicardial": Structure.MYO,
    "sarvendocardial": Structure.RV,
}
_LONG_AXIS = {
    "laendocardial": Structure.LV,
    "laepicardial": Structure.MYO,
    "larvendocardial": Structure.RV,
    "lala": Structure.LA,
    "lara": Structure.RA,
}
_STRUCTURES = _SHORT_AXIS | _LONG_AXIS
_LONG_VIEWS = (View.CH2, View.CH3, View.CH4, View.RV2CH, View.RVOT)


def _matches(tree: Tree) -> bool:
    return any(tree.named(SUFFIX))


def _subjects(tree: Tree) -> Iterator[Subject]:
    workspaces = list(tree.named(SUFFIX))
    for path in workspaces:
        alone = sum(other.parent == path.parent for other in workspaces) == 1
        name = path.parent.name if alone and path.parent.name else path.stem
        yield Subject(name, partial(_read, name, path))


def kind_of_contour(name: str) -> str:
    """What a contour's name says it is: ``saendocardialOpenContour0001`` is ``saendocardial``.

    An open contour is closed by the line from its end to its start, as the program shows it.
    """
    return name.rstrip("0123456789").removesuffix("Contour").removesuffix("Open")


def _read(name: str, workspace: Path) -> list[Drawn]:
    contours = read_workspace(workspace)
    beside = Tree(workspace.parent).files
    headers = headers_of(f for f in beside if not f.name.lower().endswith(SUFFIX))
    drawn, kinds = _drawn({h.uid: h for h in headers}, contours)
    if not drawn:
        raise InputError(
            f"{workspace.name}: none of the images its contours were drawn on is in "
            f"{workspace.parent}; put the study's DICOM files beside it."
        )
    stacks, _, _ = sort_images(headers)
    placed = {h for s in stacks for h in s.headers}
    note = _note(contours, sum(bool(drawn.get(h)) for h in placed))
    cases = []
    for number, stack in enumerate(stacks, start=1):
        cases += _stack_cases(name, number, stack, drawn, kinds, note)
    if not cases:
        raise InputError(
            f"{workspace.name} has no closed ventricular or atrial contour on the images beside "
            "it; draw or export some."
        )
    return cases


def _drawn(
    by_uid: Mapping[str, Header], contours: Mapping[str, Sequence[Contour]]
) -> tuple[dict[Header, Sequence[Outline]], dict[Header, set[str]]]:
    """Outlines by the image they lie on, and their kinds."""
    drawn: dict[Header, Sequence[Outline]] = {}
    kinds: dict[Header, set[str]] = {}
    for uid, of_image in contours.items():
        known = [(kind_of_contour(c.name), c.points) for c in of_image]
        known = [(kind, points) for kind, points in known if kind in _STRUCTURES]
        if uid in by_uid and known:
            outlines = [Outline(_STRUCTURES[kind], points) for kind, points in known]
            drawn[by_uid[uid]] = without_hollow_walls(outlines)
            kinds[by_uid[uid]] = {kind for kind, _ in known}
    return drawn, kinds


def _note(contours: Mapping[str, Sequence[Contour]], n_used: int) -> str:
    names = {c.name for of_image in contours.values() for c in of_image}
    others = sorted(n for n in names if kind_of_contour(n) not in _STRUCTURES)
    n_ours = sum(
        any(kind_of_contour(c.name) in _STRUCTURES for c in of_image)
        for of_image in contours.values()
    )
    parts = [f"not read: {', '.join(others)}"] if others else []
    if n_used < n_ours:
        parts.append(f"{n_ours - n_used} contoured image(s) not used")
    return "; ".join(parts)


def _stack_cases(
    name: str,
    number: int,
    stack: SortedStack,
    drawn: Mapping[Header, Sequence[Outline]],
    kinds: Mapping[Header, set[str]],
    note: str,
) -> list[Drawn]:
    on_stack = [h for h in stack.headers if h in kinds]
    if not on_stack:
        return []
    view = _view(on_stack, {k for h in on_stack for k in kinds[h]})
    found: dict[int, tuple[Stack, Segmentation]] = {}
    for t in range(len(stack.frames)):
        phase = drawn_phase(stack, t, drawn, subject=name, view=view)
        if phase is not None:
            found[t] = phase
    names = phase_names({t: cavity_px(segmentation) for t, (_, segmentation) in found.items()})
    return [
        Drawn(
            f"{name}_{view}_{number}_phase{t:02d}",
            images,
            segmentation,
            frame=names[t],
            columns=columns(
                phase=str(t), note="; ".join(filter(None, [note, *map(str, images.findings)]))
            ),
        )
        for t, (images, segmentation) in found.items()
    ]


def _view(headers: Sequence[Header], kinds: set[str]) -> View:
    """The short axis by the contours' own kind; a long axis by description, then by chambers."""
    if kinds & set(_SHORT_AXIS):
        return View.SAX
    hints = {h.view_hint for h in headers}
    hint = hints.pop() if len(hints) == 1 else None
    if hint in _LONG_VIEWS:
        return hint
    return View.CH4 if kinds & {"lara", "larvendocardial"} else View.LAX


DATA_SET = DataSet("cvi42", "Circle cvi42 workspaces", _matches, _subjects)
