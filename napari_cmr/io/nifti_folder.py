"""From NIfTI files to entries: labels left out, one-slice files joined by their affines."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_cmr.core import (
    Cancel,
    Finding,
    FloatArray,
    Geometry,
    InputError,
    Layout,
    Sequence,
    View,
    check_cancel,
)
from napari_cmr.io.acdc import acdc_entry, read_info
from napari_cmr.io.anatomy import TOWARDS_APEX
from napari_cmr.io.catalogue import Entry, left_alone_finding, ranked
from napari_cmr.io.header import KIND_SEQUENCES, Kind
from napari_cmr.io.label_files import is_label_file
from napari_cmr.io.lost_slices import consequence, whereabouts
from napari_cmr.io.naming import kind_of, view_hint
from napari_cmr.io.nifti import (
    SPACING_UNKNOWN,
    NiftiHead,
    OtherImageError,
    nifti_stem,
    read_nifti_head,
)
from napari_cmr.io.nifti_pixels import NiftiFiles
from napari_cmr.io.stack_geometry import uneven_gaps
from napari_cmr.io.views import Plane, guess_views

_SAME_DIRECTION = 1e-2
_TIMES_UNKNOWN = Finding(
    "phase-times-unknown",
    "NIfTI files of a cine do not say when in the cycle their phases are.",
    "Phases are in the file's order, times are left open.",
)


@dataclass(frozen=True, eq=False)
class _Join:
    """Files that make one stack, in the order of its slices."""

    heads: tuple[NiftiHead, ...]
    geometry: Geometry
    layout: Layout
    kind: Kind
    hint: View | None


def is_nifti(path: Path) -> bool:
    """Whether a file's name says that it is NIfTI."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def nifti_entries(
    files: list[Path], cancel: Cancel | None, *, beside_others: bool
) -> tuple[list[Entry], Counter[str]]:
    """Entries of NIfTI files, folder by folder, and the files left out by reason.

    A single file is what it is taken for, unless there are images ``beside_others``, as labels
    are that an earlier run wrote into the study.
    """
    alone = len(files) == 1 and not beside_others
    by_folder: dict[Path, list[Path]] = defaultdict(list)
    for path in files:
        by_folder[path.parent].append(path)
    entries: list[Entry] = []
    skipped: Counter[str] = Counter()
    for folder, members in sorted(by_folder.items()):
        check_cancel(cancel)
        found, left_out = _folder_entries(folder, members, alone)
        entries += found
        skipped += left_out
    return entries, skipped


def _folder_entries(
    folder: Path, files: list[Path], alone: bool
) -> tuple[list[Entry], Counter[str]]:
    skipped: Counter[str] = Counter()
    images = [f for f in files if alone or not is_label_file(f)]
    if len(images) < len(files):
        skipped["label file"] = len(files) - len(images)
    entries: list[Entry] = []
    info = read_info(folder / "Info.cfg")
    if info is not None:
        entry, images, n_frames = acdc_entry(info, images)
        entries += [entry] if entry else []
        if n_frames:
            skipped["frame of a cine that is here whole"] = n_frames
    heads = []
    for path in images:
        try:
            heads.append(read_nifti_head(path))
        except OtherImageError:
            skipped["no grey image of two to four axes"] += 1
        except InputError:
            skipped["damaged" if path.stat().st_size else "empty file"] += 1
    entries += _entries(folder, heads)
    return entries, skipped


def _entries(folder: Path, heads: list[NiftiHead]) -> list[Entry]:
    joins = _join(heads)
    planes = [Plane(j.geometry, j.heads[0].picture_shape[2:], _sequence(j), j.hint) for j in joins]
    worked = [i for i, j in enumerate(joins) if not _left_alone(j)]
    views = dict(zip(worked, guess_views([planes[i] for i in worked]), strict=True))
    return ranked(
        _entry(
            folder,
            join,
            planes[i].sequence,
            *views.get(i, (View.UNKNOWN, "left alone")),
            _apart(join, heads),
        )
        for i, join in enumerate(joins)
    )


def _apart(join: _Join, heads: list[NiftiHead]) -> list[Finding]:
    """That one-slice files would belong to a stack of slices but for their number of phases."""
    first, n_phases = join.heads[0], join.heads[0].shape[3]
    if len(join.heads) < 2:
        return []
    others = [
        h
        for h in heads
        if h.shape[3] not in (1, n_phases) and _same_plane(first, h, any_phases=True)
    ]
    if not others:
        return []
    normal = _from_base_to_apex(first)
    kept = [float(o @ normal) for o in join.geometry.origins]
    gone = [float(h.geometry.origins[0] @ normal) for h in others]
    counts = ", ".join(map(str, sorted({h.shape[3] for h in others})))
    where = whereabouts(gone, kept) or "beside others"
    return [
        Finding(
            "unequal-phases",
            f"{len(others)} slice file(s) {where} have {counts} phases, the others {n_phases}.",
            f"They are stacks of their own, and {consequence(gone, kept)}.",
        )
    ]


def _join(heads: list[NiftiHead]) -> list[_Join]:
    """Put one-slice files of one size, spacing and direction together."""
    groups: list[list[NiftiHead]] = []
    for head in heads:
        home = next((g for g in groups if _same_plane(g[0], head)), None)
        if home is None:
            groups.append([head])
        else:
            home.append(head)
    joins = [join for group in groups for join in _ordered(group)]
    return sorted(joins, key=lambda j: (-len(j.heads), -j.geometry.n_slices, str(j.heads[0].path)))


def _same_plane(a: NiftiHead, b: NiftiHead, *, any_phases: bool = False) -> bool:
    n_axes = 3 if any_phases else 4
    if a.shape[:n_axes] != b.shape[:n_axes] or a.shape[2] != 1:
        return False
    if not (a.geometry.oriented and b.geometry.oriented):
        return False
    spacing = np.allclose(a.geometry.spacing, b.geometry.spacing, atol=1e-3)
    turned = float(np.max(np.abs(a.geometry.axes - b.geometry.axes)))
    kinds = _words(a.path)[0] is _words(b.path)[0]
    return bool(spacing and turned <= _SAME_DIRECTION and kinds)


def _ordered(group: list[NiftiHead]) -> list[_Join]:
    """Slices from base to apex; files at one position stay apart."""
    first = group[0]
    if len(group) == 1:
        return [_Join((first,), first.geometry, first.layout, *_words(first.path))]
    normal = _from_base_to_apex(first)
    group = sorted(group, key=lambda h: (float(h.geometry.origins[0] @ normal), str(h.path)))
    places = np.array([float(h.geometry.origins[0] @ normal) for h in group])
    if np.min(np.diff(places)) < 0.1 * float(np.median(np.diff(places))):
        return [join for head in group for join in _ordered([head])]
    geometry = replace(
        first.geometry,
        origins=np.concatenate([h.geometry.origins for h in group]),
        axes=np.concatenate([h.geometry.axes for h in group]),
    )
    layout = replace(first.layout, affine=_joined_affine(group))
    words = [_words(h.path) for h in group]
    hints = {hint for _, hint in words}
    hint = hints.pop() if len(hints) == 1 else None
    return [_Join(tuple(group), geometry, layout, words[0][0], hint)]


def _from_base_to_apex(head: NiftiHead) -> FloatArray:
    normal = head.geometry.normal
    return normal if normal @ TOWARDS_APEX >= 0 else -normal


def _joined_affine(group: list[NiftiHead]) -> FloatArray:
    """RAS affine of (x, y, slice) of the joined files; uneven steps become their mean."""
    first, last = group[0].layout.affine, group[-1].layout.affine
    assert first is not None
    assert last is not None
    affine = first.copy()
    affine[:3, 2] = (last[:3, 3] - first[:3, 3]) / (len(group) - 1)
    return affine


def _words(path: Path) -> tuple[Kind, View | None]:
    """Kind and view that the sidecar's or the file's own words name."""
    stem = nifti_stem(path)
    beside = path.parent / f"{stem}.json"
    try:
        sidecar = json.loads(beside.read_text(encoding="utf-8") if beside.is_file() else "{}")
        description = str(sidecar.get("SeriesDescription", ""))
        image_type = [str(v) for v in sidecar.get("ImageType", ())]
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        description, image_type = "", []
    kind = kind_of(image_type, description)
    if kind is Kind.PLAIN and not description and kind_of((), stem) is Kind.LGE:
        kind = Kind.LGE  # data sets of late enhancement come without sidecars
    return kind, view_hint(description) or view_hint(stem)


def _left_alone(join: _Join) -> str:
    named = join.kind is not Kind.PLAIN and join.kind not in KIND_SEQUENCES
    return join.kind.value if named else ""


def _sequence(join: _Join) -> Sequence:
    if join.kind in KIND_SEQUENCES:
        return KIND_SEQUENCES[join.kind]
    n_phases = join.heads[0].shape[3]
    return Sequence.CINE if n_phases > 1 and join.kind is Kind.PLAIN else Sequence.OTHER


def _entry(
    folder: Path,
    join: _Join,
    sequence: Sequence,
    view: View,
    basis: str,
    findings: list[Finding],
) -> Entry:
    t, _, y, x = join.heads[0].picture_shape
    shape = (t, join.geometry.n_slices, y, x)
    if t > 1:
        findings.append(_TIMES_UNKNOWN)
    if not join.geometry.spacing_known:
        findings.append(SPACING_UNKNOWN)
    findings += uneven_gaps(join.geometry.positions)
    left_alone = _left_alone(join)
    if left_alone:
        findings.append(left_alone_finding(left_alone))
    files = tuple(h.path for h in join.heads)
    stem = nifti_stem(files[0]) if len(files) == 1 else folder.name
    return Entry(
        stack_id="",
        view=view,
        view_basis=basis,
        sequence=sequence,
        shape=shape,
        geometry=join.geometry,
        subject=stem,
        n_files=len(files),
        source=NiftiFiles((files,), shape, join.layout),
        findings=tuple(findings),
        layout=join.layout,
        left_alone=left_alone,
    )
