"""The verb that says why: a map on the images' grid, and how far it can be believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_cmr.cli.options import (
    GivenLabels,
    JsonFile,
    LabelMapName,
    ModelName,
    SpacingText,
    StackId,
    StudyPath,
    write_json,
)
from napari_cmr.cli.progress import progress
from napari_cmr.core import InputError

if TYPE_CHECKING:
    from napari_cmr.io import Entry
    from napari_cmr.learn.saliency import Explanation
    from napari_cmr.review import ReviewSession

OF_CINE = ("volume", "ef", "mass", "disease")
OF_TRANSFORMER = ("rollout", "head")
VOLUMES = ("LV", "MYO", "RV", "INFARCT", "MVO")
SCARRED = ("INFARCT", "MVO")
METHODS = ("integrated", "gradcam", "occlusion", "gradient", *OF_TRANSFORMER)
CASCADE = (0.1, 0.25, 0.5, 0.75)


def explain(
    path: StudyPath,
    target: Annotated[
        str,
        typer.Option(
            help="volume:LV, volume:MYO, volume:RV (of LGE INFARCT, MVO and no RV), ef, mass, "
            "disease[:CLASS], sequence[:CLASS], view[:CLASS], scar[:CLASS], feature."
        ),
    ],
    out: Annotated[Path, typer.Option(help="NIfTI to write the map to; a .json goes beside it.")],
    method: Annotated[
        str,
        typer.Option(
            help="integrated, gradcam, occlusion, gradient; rollout or head for a transformer."
        ),
    ] = "integrated",
    phases: Annotated[
        str, typer.Option(help="For a volume: ed,es, all, or numbers from 0 with commas.")
    ] = "ed,es",
    model: ModelName = None,
    stack: StackId = None,
    spacing: SpacingText = "",
    labels: GivenLabels = None,
    label_map: LabelMapName = "cmr",
    block: Annotated[int, typer.Option(help="For the method head; -1 is the last.")] = -1,
    head: Annotated[int, typer.Option(help="For the method head, from 0.")] = 0,
    check: Annotated[
        bool, typer.Option(help="Make the map again with shuffled weights, and compare.")
    ] = True,
    cascade: Annotated[
        bool, typer.Option("--cascade", help="Shuffle the weights layer by layer, too.")
    ] = False,
    dicom: Annotated[
        Path | None,
        typer.Option(help="Folder for the map as DICOM parametric maps, one a phase."),
    ] = None,
    json: JsonFile = None,
) -> None:
    """Say why: which pixels a volume, EF, a mass or a class hangs on."""
    from napari_cmr import io
    from napari_cmr.review.explaining import explained

    if not out.name.endswith((".nii", ".nii.gz")):
        raise InputError(f"The map is a NIfTI; name it {out.name}.nii.gz.")
    _check_words(target, method, model)
    wanted = _wanted(phases)

    def check_phases(entry: Entry) -> None:
        if not all(phase in range(entry.shape[0]) for phase in wanted if isinstance(phase, int)):
            raise InputError(
                f"{entry.stack_id} has the phases 0 to {entry.shape[0] - 1}, not all of {phases}."
            )

    session, entry = _opened(path, target, stack, spacing, labels, label_map, check_phases)
    if session.stack is None:
        raise RuntimeError("a stack was chosen but is not there")
    measures = session.measures
    ed, es = (0, 0) if measures is None else (measures.ed_phase, measures.es_phase)
    options: dict[str, Any] = {"block": block, "head": head} if method == "head" else {}
    with progress("Explaining") as advance:
        found = explained(
            session.stack,
            target,
            method,
            segmentation=session.segmentation,
            ed=ed,
            es=es,
            phases=_numbers(wanted, session.stack.shape[0], ed, es),
            model=model,
            check=check,
            stages=CASCADE if cascade else (),
            options=options,
            progress=advance,
        )
    io.write_nifti(replace(session.stack, pixels=found.maps), out)
    told = found.as_json()
    write_json(json or _beside(out), told)
    for line in found.lines:
        typer.echo(line)
    typer.echo(f"wrote {out} and {json or _beside(out)}")
    if dicom is not None:
        _write_dicom(found, entry, dicom)


def _check_words(target: str, method: str, model: str | None) -> None:
    """Refuse what cannot be explained before minutes of segmenting."""
    from napari_cmr.review.explaining import check_target

    if method not in METHODS:
        raise InputError(f"There is no method '{method}'; there are {', '.join(METHODS)}.")
    check_target(target, model)
    kind, _, what = target.partition(":")
    if kind not in OF_CINE:
        return  # nothing is segmented for it
    if kind == "volume" and what.upper() not in ("", *VOLUMES):
        known = ", ".join(f"volume:{name}" for name in VOLUMES)
        raise InputError(f"There is no structure '{what}'; there are {known}.")
    if method in OF_TRANSFORMER and model is None:
        raise InputError(
            "Attention is a transformer's, and the shelf's segmenter is none; choose another "
            "method, or name a model on vit_small_patch8."
        )


def _opened(
    path: Path,
    target: str,
    stack: str | None,
    spacing: str,
    labels: Path | None,
    label_map: str,
    check: Callable[[Entry], None],
) -> tuple[ReviewSession, Entry]:
    """The stack that the target is asked of, with labels where they are given or needed.

    ``check`` refuses it by its headers.
    """
    from napari_cmr import io
    from napari_cmr.cli.work import read_and_segment
    from napari_cmr.review import ReviewSession

    if labels is None and target.partition(":")[0] in OF_CINE:
        scarred = target.partition(":")[2].upper() in SCARRED  # seen in late enhancement alone
        session = read_and_segment(
            path,
            model=None,
            stack=stack,
            spacing=spacing,
            choose=io.sax_late_enhancement if scarred else io.sax_cine,
            check=check,
        )
    else:
        session = ReviewSession()
        with progress("Reading headers") as advance:
            catalogue = session.open(path, progress=advance)
        name = stack or session.suggest()
        for entry in catalogue.entries:
            if entry.stack_id == name:
                check(entry)
        with progress("Loading images") as advance:
            given = io.parse_spacing(spacing)
            session.choose(name, spacing=given, progress=advance)
    if session.catalogue is None or session.stack is None:
        raise RuntimeError("a stack was chosen but is not there")
    name = session.stack.stack_id
    entry = next(e for e in session.catalogue.entries if e.stack_id == name)
    if labels is not None:
        session.apply_prediction(io.labels_on_stack(labels, entry, map_name=label_map))
    return session, entry


def _wanted(text: str) -> list[str | int]:
    """The phases that were named: numbers, ``ed`` and ``es``, or ``all`` alone."""
    names = text.lower().split(",")
    if names == ["all"]:
        return ["all"]
    try:
        return [name if name in ("ed", "es") else int(name) for name in names]
    except ValueError:
        raise InputError(f"'{text}' names no phases; say ed,es, all, or numbers.") from None


def _numbers(wanted: list[str | int], n: int, ed: int, es: int) -> list[int]:
    if wanted == ["all"]:
        return list(range(n))
    named = {"ed": ed, "es": es}
    return sorted({named[p] if isinstance(p, str) else p for p in wanted})


def _beside(out: Path) -> Path:
    return out.with_name(out.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def _write_dicom(found: Explanation, entry: Entry, folder: Path) -> None:
    from napari_cmr import io

    with progress("Writing parametric maps") as advance:
        files = io.write_parametric_map(
            found.maps, io.source_images(entry), folder, progress=advance
        )
    typer.echo(f"wrote {len(files)} parametric map(s) to {folder}")
