"""The verb manifest: a public data set's own folder as a CSV that the other verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_cmr.cli.options import JsonFile, write_json
from napari_cmr.cli.progress import progress
from napari_cmr.core import InputError


def manifest(
    folder: Annotated[Path, typer.Argument(help="The data set's own folder.")],
    out: Annotated[Path, typer.Option("--out", help="The CSV to write.")],
    layout: Annotated[
        str | None,
        typer.Option("--layout", help="acdc, mnms, sunnybrook, ...; told from the folder if left."),
    ] = None,
    view: Annotated[str, typer.Option(help="Only images of this view: SAX, 4CH, ...")] = "",
    sequence: Annotated[str, typer.Option(help="Only images of it: cine, LGE, ...")] = "",
    validation: Annotated[
        int | None,
        typer.Option(help="So many subjects at the end validate; else the data set's own split."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an older one.")] = False,
    json: JsonFile = None,
) -> None:
    """List a public data set as a manifest, so that every verb works on it."""
    if out.is_file() and not overwrite:
        raise InputError(f"{out} is there already; choose another name, or say --overwrite.")
    from napari_cmr.io.layouts import make_manifest

    with progress("Reading subjects") as advance:
        written = make_manifest(
            folder,
            out,
            layout=layout,
            view=view,
            sequence=sequence,
            validation=validation,
            progress=advance,
        )
    for subject, reason in written.left_out.items():
        typer.echo(f"left out: {subject}: {reason}")
    typer.echo(
        f"wrote {written.path}: {written.layout}, {written.n_rows} images of "
        f"{written.n_subjects} subjects, {written.n_labelled} labelled"
    )
    if json is not None:
        write_json(json, written.as_dict())
