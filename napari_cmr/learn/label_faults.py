"""Labelled rows that cannot be right: two people under one id, and labels under the wrong map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import ndimage

from napari_cmr.core import InputError, LabelArray, Structure
from napari_cmr.io.manifest import (
    PICTURES,
    ManifestRow,
    join_slices,
    labelled_slices,
    load_image,
    load_label,
)
from napari_cmr.learn.examples import LabelledRow
from napari_cmr.nets.card import Card

ENCLOSED = 0.6
OPEN = 0.4
_LISTED = 10
TWO_IDS = "The same pictures come under two subject ids; give a person one id everywhere."
_IN_PLANE = ndimage.generate_binary_structure(2, 1)[None]


def refuse_two_of_a_name(rows: Sequence[ManifestRow]) -> None:
    """Refuse two images of one subject that say that they are of the same frame and slice.

    Single pictures that say neither are left alone: they may be slices of one person.

    Raises
    ------
    InputError
        If there are any.
    """
    seen: dict[tuple[str, ...], ManifestRow] = {}
    for row in rows:
        if not (row.frame or row.slice) and row.image.suffix.lower() in PICTURES:
            continue
        of = row.columns.get("stack", "")
        place = (row.subject, row.frame, row.slice, row.view, row.sequence, of)
        other = seen.setdefault(place, row)
        if other.image.resolve() != row.image.resolve():
            raise InputError(
                f"Two images have the same subject id, frame and slice ({row.subject}: "
                f"{other.image.name} and {row.image.name}); if these are two people give them "
                "ids of their own, else say which frame each is."
            )
        if other is not row:
            raise InputError(
                f"{row.subject} has {row.image.name} twice in the manifest; take one row out."
            )


def refuse_wrong_map(loaded: Sequence[LabelledRow]) -> None:
    """Refuse subjects in one of whose images the wall lies round something else than the LV.

    One image is enough: where one person's labels are under another map, not every image of
    them tells, and of those drawn under the right map none looks so.

    Raises
    ------
    InputError
        If there are any; it names them.
    """
    whole = [row for row in loaded if row.in_whole_slices]  # strokes leave gaps
    refuse_labels_under_wrong_map((row.subject, row.labels * row.said) for row in whole)


def refuse_labels_under_wrong_map(drawn: Iterable[tuple[str, LabelArray]]) -> None:
    """The same of subjects and their labels ``(t, z, y, x)`` in map ``cmr``.

    Raises
    ------
    InputError
        If there are any; it names them.
    """
    names = sorted({subject for subject, labels in drawn if under_wrong_map(labels)})
    if names:
        listed = ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
        raise InputError(f"In the labels of {len(names)} subject(s) ({listed}) {WRONG_MAP}")


def refuse_rows_under_wrong_map(rows: Sequence[ManifestRow]) -> None:
    """The same of a manifest's labelled rows, one after the other; strokes do not tell.

    Raises
    ------
    InputError
        If there are any, or a file cannot be read.
    """
    labelled = join_slices([row for row in rows if row.label is not None])
    drawn = ((row, load_label(row, load_image(row))[1].labels) for row in labelled)
    refuse_labels_under_wrong_map((row.subject, described(row, labels)) for row, labels in drawn)


def described(row: ManifestRow, labels: LabelArray) -> LabelArray:
    """Labels ``(t, z, y, x)`` of the slices that a row's label describes; the others empty."""
    kept = np.zeros_like(labels)
    told = labelled_slices(row, labels.shape[1])
    kept[:, told] = labels[:, told]
    return kept


def refuse_unknown_structures(loaded: Sequence[LabelledRow], card: Card) -> None:
    """Refuse labels that name nothing of what a model draws.

    Raises
    ------
    InputError
        If none of them does.
    """
    named = {Structure(one).name for row in loaded for one in row.structures}
    drawn = card.networks["segmenter"].structures
    known = [name for name in drawn if name != Structure.BACKGROUND.name]
    if not named & set(known):
        raise InputError(
            f"The labels name {', '.join(sorted(named)) or 'no structure'} and the model draws "
            f"{', '.join(known)}; nothing can be learnt from them."
        )


WRONG_MAP = (
    "the wall does not lie round what is called LV; give the manifest's column label_map the map "
    "they were drawn in, as acdc."
)


def under_wrong_map(labels: LabelArray) -> bool | None:
    """Whether the wall lies round what is called RV, or away from what is called LV.

    Parameters
    ----------
    labels
        ``(t, z, y, x)`` in map ``cmr``.

    Returns
    -------
    bool or None
        None where labels without wall, or without a cavity, do not tell.
    """
    lv, rv = (_share_in_wall(labels, cavity) for cavity in (Structure.LV, Structure.RV))
    if rv is not None and rv > ENCLOSED and (lv is None or lv < rv):
        return True
    if lv is None:
        return None
    return lv < OPEN


def _share_in_wall(labels: LabelArray, cavity: Structure) -> float | None:
    """What share of a cavity's border touches wall, in the slices that have both; None if none."""
    wall = np.isin(labels, (Structure.MYO, Structure.INFARCT, Structure.MVO))
    inside = labels == cavity
    both = wall.any((2, 3)) & inside.any((2, 3))
    wall, inside = wall[both], inside[both]
    border = ndimage.binary_dilation(inside, _IN_PLANE) & ~inside
    return float(wall[border].mean()) if border.any() else None
