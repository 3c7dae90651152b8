"""Late enhancement as numbers for a reader: mass and share by every method, and by segment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

import numpy as np

from napari_cmr.core import Finding, InputError, Segmentation, Stack, Structure
from napari_cmr.core.measures import PAPILLARY_IN_CAVITY
from napari_cmr.measure import aha
from napari_cmr.measure.borders import BoolArray
from napari_cmr.measure.cardiac_function import MYOCARDIAL_DENSITY_G_PER_ML
from napari_cmr.measure.insertion import Insertions
from napari_cmr.measure.measurement import Measurement
from napari_cmr.measure.number import Number
from napari_cmr.measure.remote import Remote, automatic_remote
from napari_cmr.measure.scar import (
    HALF_MAXIMUM_TOO_LOW,
    Extent,
    Scar,
    ScarMethod,
    scar,
    scar_by_segment,
    wall_of,
)

ONE_PHASE = "one phase of late enhancement, its trigger delay is the scanner's"
KEYS = MappingProxyType(
    {
        ScarMethod.LABELS: "labelled",
        ScarMethod.SD2: "2sd",
        ScarMethod.SD5: "5sd",
        ScarMethod.SD6: "6sd",
        ScarMethod.FWHM: "fwhm",
    }
)
"""What the numbers of a method have in their names, in the order of a table."""
_SOURCES = MappingProxyType(
    {
        ScarMethod.LABELS: "infarct and obstruction as labelled",
        ScarMethod.SD2: "signal above remote mean + 2 SD (Kim 1999)",
        ScarMethod.SD5: "signal above remote mean + 5 SD (Bondarenko 2005)",
        ScarMethod.SD6: "signal above remote mean + 6 SD (Bondarenko 2005)",
        ScarMethod.FWHM: "signal above half of the wall's maximum, if above 5 SD (Amado 2004)",
    }
)
_AREA = "scar's share of the segment's area"
_ACROSS = (
    "scar's share of the wall along radial lines of 3 degrees that meet scar, mean over the segment"
)


def scar_measurement(
    stack: Stack,
    segmentation: Segmentation,
    *,
    remote: BoolArray | Remote | None = None,
    methods: Iterable[ScarMethod] | None = None,
    septum: Insertions | Mapping[int, Insertions] | None = None,
) -> Measurement:
    """Scar mass, share and transmurality by every method.

    Parameters
    ----------
    stack, segmentation
        One phase of late enhancement and its labels, see `napari_cmr.measure.scar`.
    remote
        Healthy wall that a reader chose; else it is chosen automatically and told as a finding.
    methods
        All if None; `ScarMethod.LABELS` is left out where nothing is labelled infarct.
    septum
        RV insertion points that a reader gave, for all slices or by slice; else found from the
        RV's labels.

    Raises
    ------
    GeometryError, InputError
        As `napari_cmr.measure.scar`.
    """
    chosen = tuple(ScarMethod) if methods is None else tuple(methods)
    if not chosen:
        raise InputError("Choose at least one method of measuring scar.")
    wall_of(stack, segmentation)
    labelled = bool(np.isin(segmentation.labels, (Structure.INFARCT, Structure.MVO)).any())
    if methods is None and not labelled:
        chosen = tuple(m for m in chosen if m is not ScarMethod.LABELS)
    chosen = tuple(sorted(chosen, key=list(KEYS).index))
    if remote is None and any(m is not ScarMethod.LABELS for m in chosen):
        remote = automatic_remote(stack, segmentation)
    found = [scar(stack, segmentation, method, remote) for method in chosen]
    model = aha.segment_model(segmentation, 0, septum)
    findings: dict[Finding, None] = dict.fromkeys(f for s in found for f in s.findings)
    findings.update(
        dict.fromkeys([aha.why_no_segments(segmentation, 0)] if model is None else model.findings)
    )
    numbers = [
        _number("lge_wall_g", "LV wall mass", found[0].wall_g, "g", 1, _mass("the whole wall"))
    ]
    for one in found:
        numbers.extend(_whole(one))
    if model is not None:
        for one in found:
            extents = scar_by_segment(segmentation, one.mask, model) if _applies(one) else {}
            numbers.extend(_segments(one, extents))
    return Measurement("lge", tuple(numbers), tuple(findings))


def transmurality(measurement: Measurement, method: ScarMethod) -> dict[int, float]:
    """Segment to infarct transmurality in percent, as a bull's-eye shows it."""
    names = {segment_name(s, method, "transmurality"): s for s in aha.SEGMENTS}
    return {
        names[n.name]: n.value
        for n in measurement.numbers
        if n.name in names and n.value is not None
    }


def method_of(found: Scar) -> str:
    """How scar was told, with the remote wall's place, size and signal."""
    text = _SOURCES[found.method]
    if found.threshold is None or found.remote_mean is None or found.remote_sd is None:
        return text
    return (
        f"{text}; threshold {found.threshold:.4g}; remote wall: {found.remote}, "
        f"{found.remote_pixels} pixels, mean {found.remote_mean:.4g}, SD {found.remote_sd:.3g}"
    )


def _applies(found: Scar) -> bool:
    """A number that a method cannot give is left empty; the finding says why."""
    return all(f.code != HALF_MAXIMUM_TOO_LOW for f in found.findings)


def _whole(found: Scar) -> Iterator[Number]:
    key, name, how = KEYS[found.method], found.method, method_of(found)
    share = f"share of the wall's volume; {how}"
    known = _applies(found)
    for part, title, grams, percent in (
        ("scar", "Scar", found.mass_g, found.percent),
        ("mvo", "Obstruction", found.mvo_g, found.mvo_percent),
    ):
        mass = grams if known else None
        yield _number(f"{part}_{key}_g", f"{title} mass, {name}", mass, "g", 1, _mass(how))
        of_wall = percent if known else None
        yield _number(f"{part}_{key}_percent", f"{title}, {name}", of_wall, "%", 1, share)


def _segments(found: Scar, extents: Mapping[int, Extent]) -> Iterator[Number]:
    for segment in aha.SEGMENTS:
        extent = extents.get(segment)
        where = f"{aha.TITLES[segment - 1]} ({segment})"
        for what, title, value, how in (
            ("area", "scar", None if extent is None else extent.area_percent, _AREA),
            (
                "transmurality",
                "transmurality",
                None if extent is None else extent.transmurality_percent,
                _ACROSS,
            ),
        ):
            yield _number(
                segment_name(segment, found.method, what),
                f"{where}: {title}, {found.method}",
                value,
                "%",
                0,
                f"{how}; {aha.METHOD}; {_SOURCES[found.method]}",
            )


def segment_name(segment: int, method: ScarMethod, what: str) -> str:
    """Name of a segment's ``area`` or ``transmurality`` number."""
    return f"segment_{segment:02d}_scar_{KEYS[method]}_{what}_percent"


def _mass(how: str) -> str:
    return f"volume x {MYOCARDIAL_DENSITY_G_PER_ML} g/mL; {how}"


def _number(
    name: str, title: str, value: float | None, unit: str, decimals: int, method: str
) -> Number:
    return Number(name, title, value, unit, decimals, method, ONE_PHASE, PAPILLARY_IN_CAVITY)
