"""What the sorter knows of one image: a plain record, whatever file it came from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from napari_cmr.core import Sequence, View

Triple = tuple[float, float, float]
Orientation = tuple[float, float, float, float, float, float]


class Kind(StrEnum):
    """What an image says it is; PLAIN says nothing, so its phases decide."""

    PLAIN = "plain"
    LGE = "LGE"
    T1 = "T1"
    T2 = "T2"
    LOCALISER = "localiser"
    PERFUSION = "perfusion"
    FLOW = "flow"
    MOSAIC = "mosaic"
    T2_STAR = "T2 star"
    INLINE_RESULT = "inline result"
    DIFFUSION = "diffusion"


KIND_SEQUENCES = {Kind.LGE: Sequence.LGE, Kind.T1: Sequence.T1, Kind.T2: Sequence.T2}
"""Kinds that are worked on; a plain image's phases decide, the others are left alone."""


@dataclass(frozen=True, slots=True)
class PixelPlace:
    """Where the pixels of one frame lie and how they are stored.

    Parameters
    ----------
    offset, length
        Bytes of the pixel data element's value in the file; offset None where the file must be
        parsed again (deflated).
    kind
        ``i`` signed, ``u`` unsigned, ``f`` floating.
    inverted
        MONOCHROME1: low values are bright.
    """

    path: Path
    frame: int
    n_frames: int
    offset: int | None
    length: int
    syntax: str
    keyword: str
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    kind: str
    inverted: bool
    slope: float
    intercept: float


@dataclass(frozen=True, slots=True)
class Header:
    """One image (one frame of a multi-frame file).

    Lengths are millimetres in LPS, times milliseconds (``trigger_ms`` after the R wave,
    ``acquired_s`` and ``content_s`` seconds of the day or of the epoch). None is unknown.
    ``elsewhere``: its words name another part of the body than the chest.
    """

    uid: str
    study: str
    series: str
    rows: int
    columns: int
    pixels: PixelPlace | None = None
    series_number: int | None = None
    acquisition: int | None = None
    instance: int | None = None
    acquired_s: float | None = None
    content_s: float | None = None
    trigger_ms: float | None = None
    temporal_index: int | None = None
    frame_index: int | None = None
    frame_ms: float | None = None
    position: Triple | None = None
    orientation: Orientation | None = None
    slice_location: float | None = None
    pixel_spacing: tuple[float, float] | None = None
    thickness_mm: float | None = None
    echo_ms: float | None = None
    inversion_ms: float | None = None
    inversion_recovery: bool = False
    component: str = "M"
    kind: Kind = Kind.PLAIN
    view_hint: View | None = None
    elsewhere: bool = False
    phases_claimed: int | None = None
    nominal_rr_ms: float | None = None
    heart_rate: float | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    irregular: tuple[str, ...] = ()
