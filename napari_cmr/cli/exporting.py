"""The verb that writes results back: DICOM, NIfTI, CSV, or a de-identified copy of the images."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_cmr.cli.options import (
    GivenLabels,
    LabelMapName,
    MadeBy,
    ModelName,
    OutFolder,
    ResampleTime,
    SpacingText,
    StackId,
    StudyPath,
)
from napari_cmr.cli.progress import progress
from napari_cmr.core import InputError, View, placing

if TYPE_CHECKING:
    from napari_cmr.cli.labelled import Wanted
    from napari_cmr.core import Measures, Segmentation
    from napari_cmr.io import Entry

REPORT, CSV = "report.dcm", "measures.csv"
# Names that count up: one call's phases or copies must not stand among another call's.
_SEGMENTATIONS, _COPIES = "seg-*.dcm", "[0-9][0-9][0-9][0-9]*.dcm"


def export(
    path: StudyPath,
    out: OutFolder,
    labels: GivenLabels = None,
    dicom: Annotated[
        bool, typer.Option("--dicom", help="DICOM SEG, one a phase, and a measurement report.")
    ] = False,
    nifti: Annotated[bool, typer.Option("--nifti", help="Labels as NIfTI.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="The numbers, with units.")] = False,
    deidentify: Annotated[
        bool, typer.Option("--deidentify", help="De-identified copies of the images.")
    ] = False,
    model: ModelName = None,
    stack: StackId = None,
    spacing: SpacingText = "",
    resample_time: ResampleTime = False,
    label_map: LabelMapName = "cmr",
    as_map: Annotated[
        str, typer.Option("--as-map", help="How the written NIfTI numbers structures.")
    ] = "cmr",
    made_by: MadeBy = "",
    reader: Annotated[
        str, typer.Option("--reader", help="Who signs the report (Family^Given); else unverified.")
    ] = "",
    organisation: Annotated[str, typer.Option("--organisation", help="The reader's.")] = "",
    salt_file: Annotated[
        Path | None,
        typer.Option("--salt-file", help="A secret; the same one gives the same new UIDs."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace older files.")] = False,
) -> None:
    """Write results back: DICOM, NIfTI, CSV, or a de-identified copy."""
    if deidentify and (dicom or nifti or csv):
        raise InputError("De-identified copies want a folder of their own; export them alone.")
    if resample_time and (deidentify or dicom):
        raise InputError(
            "--resample-time lets an image stand for several phases, which neither DICOM labels "
            "nor copies of the images can say; it goes with --nifti and --csv."
        )
    if deidentify:
        written = _deidentified(path, out, salt_file, overwrite)
    elif dicom or nifti or csv:
        _check_signature(reader, organisation, dicom)
        _check_labels(labels, model, label_map, made_by)
        _check_map(as_map, nifti)
        from napari_cmr.cli.labelled import Wanted

        wanted = Wanted(path, stack, spacing, resample_time)
        entry, segmentation, measures = _labelled(wanted, labels, model, label_map, made_by)
        with placing(out, overwrite=overwrite, series=(_SEGMENTATIONS,)) as folder:
            if dicom:
                _write_dicom(folder, entry, segmentation, measures, reader, organisation)
            if nifti:
                _write_nifti(folder, segmentation, as_map)
            if csv:
                _write_csv(folder, entry, measures)
            written = sorted(f.name for f in folder.iterdir())
    else:
        raise InputError("Say what to export: --dicom, --nifti, --csv or --deidentify.")
    shown = ", ".join(written[:3]) + (f" ... {written[-1]}" if len(written) > 3 else "")
    typer.echo(f"wrote {len(written)} file(s) to {out}: {shown}")


def _check_signature(reader: str, organisation: str, dicom: bool) -> None:
    if (reader or organisation) and not dicom:
        raise InputError("A reader signs the DICOM report; add --dicom.")
    if bool(reader) != bool(organisation):
        raise InputError("A signature needs both --reader and --organisation.")


def _check_labels(labels: Path | None, model: str | None, label_map: str, made_by: str) -> None:
    """Refuse what would be ignored, so that no result rests on less than was said."""
    if labels is not None and model is not None:
        raise InputError("Give one of --labels and --model, not both.")
    if labels is None and (made_by or label_map != "cmr"):
        raise InputError("--made-by and --label-map are of --labels; give the labels too.")


def _check_map(as_map: str, nifti: bool) -> None:
    from napari_cmr.core import label_map

    label_map(as_map)
    if as_map != "cmr" and not nifti:
        raise InputError("--as-map is of the label NIfTI; add --nifti.")


def _labelled(
    wanted: Wanted, labels: Path | None, model: str | None, label_map: str, made_by: str
) -> tuple[Entry, Segmentation, Measures | None]:
    """The stack, its labels, and the numbers where the stack is a short axis."""
    from napari_cmr import measure
    from napari_cmr.cli.labelled import check_there, labels_given

    if labels is None:
        return _segmented(wanted, model)
    check_there(labels)
    entry = wanted.entry()
    segmentation = labels_given(
        labels, entry, label_map=label_map, spacing=wanted.spacing, made_by=made_by
    )
    short_axis = entry.view in (View.SAX, View.UNKNOWN)
    return entry, segmentation, measure.function(segmentation) if short_axis else None


def _segmented(wanted: Wanted, model: str | None) -> tuple[Entry, Segmentation, Measures | None]:
    from napari_cmr.cli.work import read_and_segment

    session = read_and_segment(
        wanted.path,
        model=model,
        stack=wanted.stack,
        spacing=wanted.spacing,
        resample_time=wanted.resample_time,
    )
    catalogue, chosen, segmentation = session.catalogue, session.stack, session.segmentation
    if catalogue is None or chosen is None or segmentation is None:
        raise RuntimeError("a session that segmented has no labels")
    entry = next(e for e in catalogue.entries if e.stack_id == chosen.stack_id)
    return entry, segmentation, session.measures


def _write_dicom(
    folder: Path,
    entry: Entry,
    segmentation: Segmentation,
    measures: Measures | None,
    reader: str,
    organisation: str,
) -> None:
    from napari_cmr import io

    sources = io.source_images(entry)
    with progress("Writing segmentations") as advance:
        files = io.write_seg(segmentation, sources, folder, progress=advance)
    if measures is None:
        typer.echo(f"{entry.stack_id} is no short axis, so there is no report of volumes.")
        return
    io.write_report(
        measures,
        sources,
        folder / REPORT,
        segmentations=files,
        model=segmentation.model,
        reader=reader,
        organisation=organisation,
    )


def _write_nifti(folder: Path, segmentation: Segmentation, as_map: str) -> None:
    from napari_cmr import io

    name = "labels.nii.gz" if as_map == "cmr" else f"labels-{as_map}.nii.gz"
    io.write_labels(segmentation, folder / name, map_name=as_map)


def _write_csv(folder: Path, entry: Entry, measures: Measures | None) -> None:
    from napari_cmr import measure

    if measures is None:
        raise InputError(f"{entry.stack_id} is no short axis, so there are no volumes to write.")
    measure.write_csv(folder / CSV, measures)


def _deidentified(path: Path, out: Path, salt_file: Path | None, overwrite: bool) -> list[str]:
    from napari_cmr import io

    inside = out.resolve()
    if path.is_dir() and path.resolve() in (inside, *inside.parents):
        raise InputError(
            f"{out} lies in the study's own folder, where the images name the person; "
            "choose another folder for the copies."
        )
    salt = _salt(salt_file)
    with progress("Reading headers") as advance:
        catalogue = io.scan(path, progress=advance)
    files = io.dicom_files(catalogue)
    with (
        placing(out, overwrite=overwrite, series=(_COPIES,)) as folder,
        progress("De-identifying") as advance,
    ):
        copies = io.deidentified_copy(files, folder, salt, progress=advance)
        written = [f.name for f in copies.files]
    for finding in copies.findings:
        typer.echo(f"warning: {finding}", err=True)
    for reason, count in catalogue.skipped.items():
        typer.echo(f"left out: {count} ({reason})")
    return written


def _salt(file: Path | None) -> str:
    """The secret in a file, or a new one that nobody keeps."""
    if file is None:
        return secrets.token_hex(32)
    if not file.is_file():
        raise InputError(f"There is no file {file}; give one with a secret.")
    try:
        salt = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read as text; give a file with a secret.") from error
    if len(salt) < 16:
        raise InputError(f"The secret in {file} is too short; use at least 16 characters.")
    return salt
