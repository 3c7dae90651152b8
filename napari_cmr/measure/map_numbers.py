"""T1, T2 and extracellular volume as numbers for a reader."""

from __future__ import annotations

from collections.abc import Iterator

from napari_cmr.core import Finding, InputError, Segmentation, Stack
from napari_cmr.core.measures import PAPILLARY_IN_CAVITY
from napari_cmr.measure import aha
from napari_cmr.measure.insertion import Insertions
from napari_cmr.measure.mapping import MapValues, Spread, ecv_by_segment, ecv_percent, map_values
from napari_cmr.measure.measurement import Measurement
from napari_cmr.measure.number import Number

ONE_PHASE = "one phase of a map, its trigger delay is the scanner's"
KINDS = ("t1", "t2")
_ECV = (
    "(1 - haematocrit) x (1/T1 wall after - 1/T1 wall before) / (1/T1 blood after - 1/T1 blood "
    "before) of means (Arheden 1999, Messroghli 2017)"
)
_LONGEST_MS = 5000.0


def map_measurement(
    stack: Stack,
    segmentation: Segmentation,
    kind: str,
    *,
    margin_pixels: int = 1,
    septum: Insertions | None = None,
) -> Measurement:
    """Mean and spread of a T1 or T2 map in the wall, the blood and the segments.

    Parameters
    ----------
    stack, segmentation, margin_pixels, septum
        As `napari_cmr.measure.map_values`; the map is in milliseconds.
    kind
        ``t1`` or ``t2``.

    Raises
    ------
    GeometryError, InputError
        As `napari_cmr.measure.map_values`; if there is no wall in the labels, or its mean cannot be
        milliseconds.
    """
    if kind not in KINDS:
        raise InputError(f"A map is one of {', '.join(KINDS)}, not '{kind}'.")
    values, findings = _values(stack, segmentation, margin_pixels, septum)
    how = _how(margin_pixels)
    numbers = [*_spread(kind, "wall", "wall", values.wall, how)]
    numbers += _spread(kind, "blood", "blood in the LV", values.blood, how)
    for segment, spread in values.segments.items():
        name, title = f"segment_{segment:02d}", f"{aha.TITLES[segment - 1]} ({segment})"
        numbers += _spread(kind, name, title, spread, f"{how}; {aha.METHOD}")
    return Measurement(kind, tuple(numbers), findings)


def ecv_measurement(
    before: tuple[Stack, Segmentation],
    after: tuple[Stack, Segmentation],
    haematocrit: float,
    *,
    margin_pixels: int = 1,
    septum: Insertions | None = None,
) -> Measurement:
    """Extracellular volume of the wall and its segments from two T1 maps and the haematocrit.

    Means of regions are combined, so the maps need not lie on one grid.

    Parameters
    ----------
    before, after
        T1 map and labels before and after contrast.
    haematocrit
        Fraction from 0 to 1.

    Raises
    ------
    GeometryError, InputError
        As `napari_cmr.measure.map_values` and `napari_cmr.measure.ecv_percent`.
    """
    (native, findings), (late, more) = (
        _values(*pair, margin_pixels, septum) for pair in (before, after)
    )
    if native.blood is None or late.blood is None:
        raise InputError(
            "The extracellular volume needs the LV cavity labelled in both maps, farther than "
            f"{margin_pixels} pixel(s) from its border."
        )
    assert native.wall is not None  # told by _values
    assert late.wall is not None
    how = f"{_ECV}; haematocrit {haematocrit:g}; {_how(margin_pixels)}"
    means = native.wall.mean, late.wall.mean, native.blood.mean, late.blood.mean
    whole = ecv_percent(*means, haematocrit)
    numbers = [_number("ecv_wall_percent", "ECV of the wall", whole, "%", 1, how)]
    for segment, percent in ecv_by_segment(native, late, haematocrit).items():
        title = f"ECV, {aha.TITLES[segment - 1]} ({segment})"
        name = f"segment_{segment:02d}_ecv_percent"
        numbers.append(_number(name, title, percent, "%", 1, f"{how}; {aha.METHOD}"))
    for name, title, spread in (
        ("t1_wall_before_ms", "T1 of the wall before", native.wall),
        ("t1_wall_after_ms", "T1 of the wall after", late.wall),
        ("t1_blood_before_ms", "T1 of the blood before", native.blood),
        ("t1_blood_after_ms", "T1 of the blood after", late.blood),
    ):
        numbers.append(_number(name, title, spread.mean, "ms", 0, _how(margin_pixels)))
    entered = "entered, from a blood sample"
    numbers.append(_number("haematocrit", "Haematocrit", haematocrit, "1", 2, entered))
    return Measurement("ecv", tuple(numbers), tuple(dict.fromkeys((*findings, *more))))


def _values(
    stack: Stack, segmentation: Segmentation, margin: int, septum: Insertions | None
) -> tuple[MapValues, tuple[Finding, ...]]:
    values = map_values(stack, segmentation, margin_pixels=margin, septum=septum)
    if values.wall is None:
        raise InputError(
            f"No pixel of the wall lies farther than {margin} pixel(s) from its borders; label the "
            "myocardium or give a smaller margin."
        )
    if values.wall.mean > _LONGEST_MS or values.wall.mean < 1:
        raise InputError(
            f"The wall's mean is {values.wall.mean:.4g}, which is no relaxation time in "
            "milliseconds; give a map in milliseconds."
        )
    model = aha.segment_model(segmentation, 0, septum)
    if model is None:
        return values, (aha.why_no_segments(segmentation, 0),)
    return values, model.findings


def _how(margin: int) -> str:
    return f"mean of pixels farther than {margin} from a border, failed fits left out"


def _spread(kind: str, name: str, title: str, spread: Spread | None, how: str) -> Iterator[Number]:
    mean = None if spread is None else spread.mean
    sd = None if spread is None else spread.sd
    upper, decimals = kind.upper(), 0 if kind == "t1" else 1
    count = "no pixel" if spread is None else f"{spread.n} pixels"
    yield _number(f"{kind}_{name}_ms", f"{upper}, {title}", mean, "ms", decimals, f"{how}; {count}")
    spread_how = f"standard deviation over the same pixels; {count}"
    yield _number(f"{kind}_{name}_sd_ms", f"{upper}, {title}, SD", sd, "ms", decimals, spread_how)


def _number(
    name: str, title: str, value: float | None, unit: str, decimals: int, method: str
) -> Number:
    return Number(name, title, value, unit, decimals, method, ONE_PHASE, PAPILLARY_IN_CAVITY)
