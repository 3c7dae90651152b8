"""What descriptions and image types say: hints of kind and view, never the last word."""

from __future__ import annotations

import re
from collections.abc import Iterable

from napari_cmr.core import View
from napari_cmr.io.header import Kind

_KIND_WORDS: tuple[tuple[Kind, str], ...] = (
    (Kind.INLINE_RESULT, r"\binline ?vf\b"),
    (Kind.LOCALISER, r"\bloc\b|\blocali[sz]er|\bscouts?\b|\bsurvey\b|\bplanning\b"),
    (Kind.PERFUSION, r"\bperf|\bfirst ?pass\b"),
    (Kind.FLOW, r"\b[q24]?d? ?flow|\bvenc|\bphase ?contrast\b|\bpc ?mr|\bvelocity\b"),
    (Kind.T2_STAR, r"\bt2 ?star|\bt2 ?\*"),
    (Kind.T1, r"molli\b|\bsasha\b|\bt1 ?map"),
    (Kind.T2, r"\bt2 ?map"),
    (
        Kind.LGE,
        r"\blge\b|\bpsir\b|\bmde\b|\bviab|\bdelayed\b|\blate\b|gadolin"
        r"|\bde (?:tf|psir|sax?\b|la|[234] ?ch|highres)",
    ),
)
_CHEST_WORDS = (
    r"\bheart|\bcard|\bchest|\bthora|\bcoron|\bcmr\b|\bmediast|\baort|whole ?body|\btrunk"
)
_OTHER_PARTS = (
    r"\bbrain|\bhead\b|\bskull|\bneuro|\bmprage|\borbit|\bneck\b|\bcarotid|spine\b|\bspinal"
    r"|\babdom|\bliver|\bkidney|\brenal|\bpelvi|\bprostat|\bbreast|\bknee|\bhip\b|\bshoulder"
)
_IMAGE_TYPE_KINDS = {
    "LOCALIZER": Kind.LOCALISER,
    "PERFUSION": Kind.PERFUSION,
    "VELOCITY": Kind.FLOW,
    "MOSAIC": Kind.MOSAIC,
    "DIFFUSION": Kind.DIFFUSION,
    "T1 MAP": Kind.T1,
    "T1_MAP": Kind.T1,
    "T2 MAP": Kind.T2,
    "T2_MAP": Kind.T2,
    "T2_STAR MAP": Kind.T2_STAR,
}
_COMPONENTS = {
    "P": "phase",
    "PHASE": "phase",
    "PHASE MAP": "phase",
    "VELOCITY": "phase",
    "R": "real",
    "REAL": "real",
    "I": "imaginary",
    "IMAGINARY": "imaginary",
    "PSIR": "psir",
    "T1 MAP": "map",
    "T1_MAP": "map",
    "T2 MAP": "map",
    "T2_MAP": "map",
    "T2_STAR MAP": "map",
    "MAP": "map",
}
_VIEW_WORDS: tuple[tuple[View, str], ...] = (
    (View.RV2CH, r"\brv ?(?:2 ?ch|la)|\b2 ?ch ?rv\b|\brvla\b"),
    (View.RVOT, r"\brvot\b"),
    (View.CH4, r"\b4 ?ch|\b4 ?cv?\b|\bfour ?chamber|\bhla\b"),
    (View.CH3, r"\b3 ?ch|\b3 ?cv?\b|\bthree ?chamber|\blvot\b"),
    (View.CH2, r"\b2 ?ch|\b2 ?cv?\b|\btwo ?chamber|\bvla\b"),
    (View.SAX, r"sax\b|\bsa\b|\bshort ?ax|\bshax\b"),
    (View.LAX, r"\blax\b|\blong ?ax"),
)


def kind_of(image_type: Iterable[str], description: str) -> Kind:
    """The kind that an image type or, failing that, a description names."""
    image_type = list(image_type)
    if "MOSAIC" in image_type:  # many slices in one picture, whatever else they show
        return Kind.MOSAIC
    for value in image_type:
        if value.upper() in _IMAGE_TYPE_KINDS:
            return _IMAGE_TYPE_KINDS[value.upper()]
    text = _words(description)
    for kind, pattern in _KIND_WORDS:
        if re.search(pattern, text):
            return kind
    return Kind.PLAIN


def shows_another_part(body_part: str, description: str) -> bool:
    """Whether the body part or, where none is given, a description names no heart."""
    if _words(body_part):
        return re.search(_CHEST_WORDS, _words(body_part)) is None
    text = _words(description)
    return re.search(_OTHER_PARTS, text) is not None and re.search(_CHEST_WORDS, text) is None


def component_of(image_type: Iterable[str]) -> str:
    """Magnitude (``M``), phase, real, imaginary or map. The first two values never say."""
    for value in list(image_type)[2:]:
        if value.upper() in _COMPONENTS:
            return _COMPONENTS[value.upper()]
    return "M"


def view_hint(description: str) -> View | None:
    """The one view that a description names; None where it names none or several."""
    text = _words(description)
    found = {view for view, pattern in _VIEW_WORDS if re.search(pattern, text)}
    if View.RV2CH in found:
        found.discard(View.CH2)
    return found.pop() if len(found) == 1 else None


def _words(text: str) -> str:
    return re.sub(r"[^a-z0-9*]+", " ", text.lower()).strip()
