"""Verbs of the PACS: pacs search, fetch, store."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_cmr.cli.options import JsonFile, OutFolder, write_json
from napari_cmr.cli.progress import progress
from napari_cmr.core import InputError, NothingToReadError

if TYPE_CHECKING:
    from napari_cmr.io.dicomweb import Pacs
    from napari_cmr.io.pacs_search import FoundStudy

app = typer.Typer(
    no_args_is_help=True,
    help="A PACS that speaks DICOMweb. Logins come from the environment or the keyring.",
)

Url = Annotated[
    str,
    typer.Option("--server", envvar="NAPARI_CMR_PACS_URL", help="https://host/path of DICOMweb."),
]
CaFile = Annotated[
    Path | None,
    typer.Option("--ca-file", envvar="NAPARI_CMR_PACS_CA_FILE", help="Certificates to trust, PEM."),
]
Timeout = Annotated[
    float, typer.Option("--timeout", help="Seconds to wait for the next piece of an answer.")
]
PlainHttp = Annotated[
    bool,
    typer.Option("--plain-http", help="Send without encryption; everyone on the way can read it."),
]


@app.command()
def search(
    server: Url = "",
    patient_id: Annotated[str, typer.Option(help="The patient's number; * and ? stand.")] = "",
    name: Annotated[str, typer.Option(help="Family^Given; * and ? stand.")] = "",
    date: Annotated[str, typer.Option(help="2024-05-01, or 2024-05-01..2024-05-31.")] = "",
    modality: Annotated[str, typer.Option(help="Such as MR.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many studies.")] = 100,
    ca_file: CaFile = None,
    timeout: Timeout = 30.0,
    plain_http: PlainHttp = False,
    json: JsonFile = None,
) -> None:
    """List studies that match; no match exits with 2."""
    from napari_cmr.io.pacs_search import Query

    query = Query(patient_id=patient_id, name=name, date=date, modality=modality)
    found = _pacs(server, ca_file, timeout, plain_http).search(query, limit=limit)
    if json is not None:
        studies = [asdict(study) for study in found.studies]
        write_json(json, {"studies": studies, "more": found.more})
    if not found.studies:
        raise NothingToReadError("No study matches; check the spelling, or search more widely.")
    for study in found.studies:
        typer.echo(_line(study))
    if found.more:
        typer.echo("There are more; search more narrowly, or raise --limit.", err=True)


@app.command()
def fetch(
    study: Annotated[str, typer.Argument(help="The study's UID, as the search lists it.")],
    out: OutFolder,
    server: Url = "",
    ca_file: CaFile = None,
    timeout: Timeout = 30.0,
    plain_http: PlainHttp = False,
) -> None:
    """Fetch a study into a folder; again, what the folder lacks."""
    pacs = _pacs(server, ca_file, timeout, plain_http)
    with progress("Fetching") as advance:
        fetched = pacs.fetch(study, out, progress=advance)
    before = f" ({fetched.had} were there)" if fetched.had else ""
    typer.echo(f"fetched {fetched.came} file(s){before}; open with: napari-cmr review {out}")


@app.command()
def store(
    paths: Annotated[
        list[Path], typer.Argument(help="DICOM files, or folders: their SEG, SR and maps.")
    ],
    server: Url = "",
    ca_file: CaFile = None,
    timeout: Timeout = 30.0,
    plain_http: PlainHttp = False,
) -> None:
    """Send results to the PACS."""
    from napari_cmr.io.dicomweb import results_in

    files = results_in(paths)
    pacs = _pacs(server, ca_file, timeout, plain_http)
    with progress("Storing") as advance:
        stored = pacs.store(files, progress=advance)
    typer.echo(f"stored {len(stored.taken)} of {len(files)} file(s)")
    for file, reason in stored.refused:
        typer.echo(f"not stored: {file}: {reason}", err=True)
    if stored.refused:
        raise InputError(
            f"{len(stored.refused)} of {len(files)} file(s) were not stored; "
            "see the reason of each above, then give the same command again."
        )


def _pacs(url: str, ca_file: Path | None, timeout: float, plain_http: bool) -> Pacs:
    from napari_cmr.io.dicomweb import Pacs
    from napari_cmr.io.pacs_login import find_login
    from napari_cmr.io.pacs_server import Server

    if not url:
        raise InputError("Say which PACS: --server, or NAPARI_CMR_PACS_URL in the environment.")
    server = Server(url, ca_file=ca_file, timeout_s=timeout, plain_http=plain_http)
    if server.is_readable_on_the_way:
        typer.echo(
            "warning: not encrypted; the login and patients' data can be read on the way.", err=True
        )
    return Pacs(server, find_login(url))


def _line(study: FoundStudy) -> str:
    day = study.date
    date = f"{day[:4]}-{day[4:6]}-{day[6:]}" if len(day) == 8 else day
    images = "" if study.n_images is None else f"{study.n_images} images"
    modalities = "/".join(study.modalities)
    known = [date, modalities, study.description, images, study.patient_id, study.name]
    line = "  ".join([study.uid, *(text for text in known if text)])
    # What a server sends must not steer the terminal.
    return "".join(c if c.isprintable() else " " for c in line)
