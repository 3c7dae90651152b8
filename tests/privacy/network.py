"""Stages of the journey: the study comes from a PACS, one that fails too; results go back."""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

import keyring
import pydicom
from keyring.backends import null
from qtpy.QtCore import Qt

from tests.io.dicomweb_server import PASSWORD, USER, DicomWeb, serving
from tests.privacy.calling import IDENTIFIED, call
from tests.privacy.marked import WORD

_LOGIN = {"NAPARI_CMR_PACS_USER": USER, "NAPARI_CMR_PACS_PASSWORD": PASSWORD}


def in_the_dock(viewer: Any, study: Path, out: Path) -> None:
    """Search, fetch and open in the window, where names are shown, and in no title."""
    from qtpy.QtWidgets import QApplication, QFileDialog

    target = out / IDENTIFIED / "dock"
    target.mkdir()
    with serving(DicomWeb(sorted(study.rglob("*.dcm")))) as url:
        _, dock = viewer.window.add_plugin_dock_widget("napari-cmr", "PACS")
        dock.url.setText(url)
        dock.search.click()
        while dock.runner.busy:
            QApplication.processEvents()
        (row,) = dock.studies.findItems("*", Qt.MatchFlag.MatchWildcard)
        assert WORD in row.text(1)
        row.setSelected(True)
        with mock.patch.object(QFileDialog, "getExistingDirectory", return_value=str(target)):
            dock.fetch.click()
        while dock.runner.busy:
            QApplication.processEvents()
    (fetched,) = target.iterdir()
    assert len(list(fetched.iterdir())) == len(list(study.rglob("*.dcm")))
    titles = [viewer.title, *(widget.windowTitle() for widget in QApplication.allWidgets())]
    (out / "titles.txt").write_text("\n".join(titles), encoding="utf-8")


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
