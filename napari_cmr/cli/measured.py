"""What the verb measure does: read images and labels, measure, print and write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import typer

from napari_cmr import io, measure
from napari_cmr.cli.labelled import Wanted, check_there
from napari_cmr.cli.progress import progress
from napari_cmr.cli.reported import Reported, of_project
from napari_cmr.cli.request import Request
from napari_cmr.cli.summary import rows, table
from napari_cmr.core import (
    Geometry,
    InputError,
    Measures,
    Segmentation,
    Sequence,
    Stack,
    View,
)
from napari_cmr.measure import Clinical, Insertions, Measurement, Remote, ScarMethod
from napari_cmr.measure.reference import SHIPPED
from napari_cmr.measure.wall import Septa
from napari_cmr.report import ReviewRecord
from napari_cmr.report.style import RESEARCH_USE


def run(kind: str, request: Request, json: Path | None, csv: Path | None) -> None:
    """Measure, print a table, and write JSON and CSV where asked for."""
    if kind == "cine":
        _cine(request, json, csv)
        return
    if kind == "4ch":
        found = measure.long_axis_measurement(
            _labels(request, View.CH4), ed=request.ed, es=request.es
        )
    elif kind == "lge":
        found = enhancement(request).measurement
    elif kind == "ecv":
        found = _ecv(request)
    else:
        stack, segmentation = _pair(request, request.images, request.given, _SEQUENCES[kind])
        found = measure.map_measurement(
            stack,
            segmentation,
            kind,
            margin_pixels=request.margin,
            septum=_septum(request, segmentation),
        )
    print_numbers(found)
    if json is not None:
        measure.write_numbers_json(json, found)
    if csv is not None:
        measure.write_numbers_csv(csv, found)


_SEQUENCES = {
    "cine": Sequence.CINE,
    "4ch": Sequence.CINE,
    "lge": Sequence.LGE,
    "t1": Sequence.T1,
    "t2": Sequence.T2,
    "ecv": Sequence.T1,
}


def print_numbers(measurement: Measurement) -> None:
    """Print titles, values and units, one a line, and the findings."""
    typer.echo(rows(measurement))
    for finding in measurement.findings:
        typer.echo(f"note: {finding}")
    typer.echo(RESEARCH_USE)


def _cine(request: Request, json: Path | None, csv: Path | None) -> None:
    """The contract's numbers stand at the top of the JSON, every number with its method below."""
    clinical_of = clinical(request)
    segmentation = _labels(request)
    measures, numbers = clinical_of(segmentation, request.ed, request.es, {})
    found = measure.cine_measurement(numbers)
    typer.echo(table(measures))
    for finding in (*segmentation.findings, *found.findings):
        typer.echo(f"note: {finding}")
    typer.echo(RESEARCH_USE)
    if json is not None:
        measure.write_numbers_json(json, found, measures.as_dict())
    if csv is not None:
        measure.write_numbers_csv(csv, found)


def clinical(
    request: Request,
) -> Callable[[Segmentation, int | None, int | None, Septa], tuple[Measures, Clinical]]:
    """What measures a cine: its labels, ED, ES, and RV insertion points that a reader placed.

    Raises
    ------
    InputError
        If a number of the person, or the table of ranges, is none; before minutes of reading.
    """
    person = measure.Person(
        request.height_cm,
        request.weight_kg,
        request.heart_rate,
        measure.Sex.parse(request.sex),
        request.age,
    )
    formula = measure.BsaFormula.parse(request.bsa or measure.BsaFormula.MOSTELLER)
    given = request.reference
    ranges = SHIPPED if given is None else measure.read_reference_table(given)

    def of(
        labels: Segmentation, ed: int | None, es: int | None, septa: Septa
    ) -> tuple[Measures, Clinical]:
        measures = measure.function(labels, ed=ed, es=es, heart_rate_bpm=request.heart_rate)
        return measures, measure.clinical_numbers(
            labels, measures, person, bsa_formula=formula, reference=ranges, septa=septa
        )

    return of


@dataclass(frozen=True, eq=False)
class Enhancement:
    """Late enhancement as it was read and measured; no remote region was given if it is None."""

    stack: Stack
    segmentation: Segmentation
    remote: Remote | None
    measurement: Measurement
    review: tuple[ReviewRecord, ...] = ()


def enhancement(request: Request) -> Enhancement:
    """Read late enhancement and its labels and measure scar.

    Where the labels stand in a project's log, the remote wall and the landmarks that a reader
    placed there hold too, save what the request says itself.
    """
    if request.project is None or request.images is None:
        pair = _pair(request, request.images, request.given, Sequence.LGE)
        read = Reported(*pair)
    else:
        entry = _entry(request.images, request.stack, Sequence.LGE)
        wanted = Wanted(request.images, request.stack, request.spacing)
        read = of_project(wanted, entry, request.project, request.reader)
    stack, segmentation = read.stack, read.segmentation
    methods = [_method(text) for text in request.method] or None
    remote = _remote(request, stack, segmentation) or read.remote
    found = measure.scar_measurement(
        stack,
        segmentation,
        remote=remote,
        methods=methods,
        septum=_septum(request, segmentation) or read.septa.get(0),
    )
    return Enhancement(stack, segmentation, remote, found, read.review)


def _ecv(request: Request) -> Measurement:
    if request.after is None or request.haematocrit is None:
        raise InputError(
            "The extracellular volume needs --after, the T1 map after contrast, and --haematocrit."
        )
    person = measure.Person(haematocrit=request.haematocrit)
    assert person.haematocrit is not None
    before = _pair(request, request.images, request.given, Sequence.T1)
    late = replace(request, stack=None)  # a name in the first study is none in the other
    after = _pair(late, request.after, request.after_labels or request.given, Sequence.T1)
    return measure.ecv_measurement(
        before,
        after,
        person.haematocrit,
        margin_pixels=request.margin,
        septum=_septum(request, before[1]),
    )


def _labels(request: Request, view: View = View.SAX) -> Segmentation:
    """Labels, on their images' grid where images are given."""
    given, spacing = request.given, io.parse_spacing(request.spacing)
    if request.images is None:
        if given.is_dir() or not given.name.endswith((".nii", ".nii.gz")):
            check_there(given)
            raise InputError(
                f"{given} is no NIfTI file; labels in DICOM need --images, the images "
                "that they are of."
            )
        return io.read_labels(given, map_name=request.label_map, spacing=spacing)
    entry = _entry(request.images, request.stack, Sequence.CINE, view)
    check_there(given)
    return io.labels_on_stack(given, entry, map_name=request.label_map, spacing=spacing)


def _pair(
    request: Request, images: Path | None, labels: Path, sequence: Sequence
) -> tuple[Stack, Segmentation]:
    """Images and their labels."""
    if images is None:
        raise InputError("This measurement looks at the images; give them with --images.")
    check_there(labels)
    spacing = io.parse_spacing(request.spacing)
    entry = _entry(images, request.stack, sequence)
    with progress("Loading images") as advance:
        stack = io.load(entry, spacing=spacing, progress=advance)
    found = io.labels_on_stack(
        labels, entry, map_name=request.label_map, spacing=spacing, made_by=request.made_by
    )
    return stack, found


def _entry(path: Path, stack_id: str | None, sequence: Sequence, view: View = View.SAX) -> io.Entry:
    """The stack that was named, else the only one of the sequence, of the view, or of all."""
    with progress("Reading headers") as advance:
        catalogue = io.scan(path, progress=advance)
    if stack_id is not None:
        return io.sax_cine(catalogue, stack_id)
    right = [e for e in catalogue.entries if e.sequence is sequence]
    seen = [e for e in right if e.view is view]
    for some in (right, seen, catalogue.entries):
        if len(some) == 1:
            return some[0]
    held = ", ".join(f"{e.stack_id} ({e.view} {e.sequence})" for e in catalogue.entries[:12])
    raise InputError(
        f"{path} holds {len(right) or 'no'} {sequence} stack(s) among {held}; name one by --stack."
    )


def _method(text: str) -> ScarMethod:
    for method in ScarMethod:
        if text.casefold().replace("-", "") == method.casefold().replace("-", ""):
            return method
    raise InputError(f"There is no scar method '{text}'; there are {', '.join(ScarMethod)}.")


def _remote(request: Request, stack: Stack, segmentation: Segmentation) -> Remote | None:
    if request.remote is not None and request.remote_sector:
        raise InputError("Give --remote or --remote-sector, not both.")
    if request.remote_slices and not request.remote_sector:
        raise InputError("--remote-slices are those of --remote-sector; give it too.")
    if request.remote is not None:
        return Remote(_mask(request.remote, stack), by_hand=True)
    if not request.remote_sector:
        return None
    start, end = _angles(request.remote_sector, "--remote-sector", "30,90")
    slices = _slices(request.remote_slices) if request.remote_slices else None
    return measure.remote_sector(segmentation, start, end, slices)


def _mask(path: Path, stack: Stack) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """A region drawn on the images: a NIfTI of their grid, in the same layout."""
    drawn = io.read_nifti(path)
    if drawn.shape != (1, *stack.shape[1:]) or not _same_place(drawn.geometry, stack.geometry):
        raise InputError(
            f"{path.name} is not drawn on these images: its grid is {drawn.shape[1:]} (slice, row, "
            f"column), theirs {stack.shape[1:]}; draw the remote region on them."
        )
    return np.asarray(drawn.pixels[0] != 0)


def _same_place(drawn: Geometry, images: Geometry) -> bool:
    """Whether slices lie at one place, where both files say it."""
    if not (drawn.oriented and images.oriented):
        return True
    near = 0.1 * min(images.pixel_spacing)
    same_axes = np.allclose(drawn.axes, images.axes, atol=1e-3)
    return same_axes and bool(np.allclose(drawn.origins, images.origins, atol=max(near, 0.05)))


def _septum(request: Request, segmentation: Segmentation) -> Insertions | None:
    if not request.septum:
        return None
    return measure.given_insertions(segmentation, *_angles(request.septum, "--septum", "120,240"))


def _angles(text: str, option: str, example: str) -> tuple[float, float]:
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"{option} is two angles in degrees such as {example}, not '{text}'."
        ) from None
    return first, second


def _slices(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"--remote-slices are whole numbers such as 3,4,5, not '{text}'."
        ) from None
