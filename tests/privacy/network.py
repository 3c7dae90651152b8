"""A stage of the journey: the study comes from a PACS that fails, and results go back."""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

import keyring
import pydicom
from keyring.backends import null

from tests.io.dicomweb_server import PASSWORD, USER, DicomWeb, serving
from tests.privacy.calling import IDENTIFIED, call

_LOGIN = {"NAPARI_CMR_PACS_USER": USER, "NAPARI_CMR_PACS_PASSWORD": PASSWORD}


def over_the_pacs(study: Path, out: Path) -> None:
    """Search, a wrong login, a fetch that breaks off and goes on, results stored, some refused."""
    files = sorted(study.rglob("*.dcm"))
    web = DicomWeb(files)
    web.needs_login = True
    uid = str(pydicom.dcmread(files[0], stop_before_pixels=True).StudyInstanceUID)
    fetched, results = out / IDENTIFIED / "fetched", out / IDENTIFIED
    keyring.set_keyring(null.Keyring())
    with serving(web) as url, mock.patch.dict(os.environ, {"NAPARI_CMR_PACS_URL": url} | _LOGIN):
        # What was found is shown to who searches, and is in the file that was asked for.
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            call("pacs", "search", "--json", results / "found.json")
        with mock.patch.dict(os.environ, {"NAPARI_CMR_PACS_PASSWORD": "wrong"}):
            call("pacs", "search", code=2)
        web.dies_after = 3
        call("pacs", "fetch", uid, "--out", fetched, code=2)
        web.dies_after, web.broken = None, tuple(web.instances)[-1:]
        call("pacs", "fetch", uid, "--out", fetched, code=2)
        web.broken = ()
        call("pacs", "fetch", uid, "--out", fetched)
        report = pydicom.dcmread(results / "report.dcm")
        web.broken, web.refusal = (str(report.SOPInstanceUID),), (409, 0xA700)
        call("pacs", "store", results / "report.dcm", code=2)
        web.broken = ()
        call("pacs", "store", results / "report.dcm", results / "seg-001.dcm")
    call("scan", fetched, "--json", out / "fetched.json")
