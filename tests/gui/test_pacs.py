"""The PACS dock in a real window, against a server in this process."""

import keyring
import pydicom
import pytest
from keyring.backends import null
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_cmr import io
from tests.io.dicomweb_server import PASSWORD, USER, DicomWeb, serving

from .conftest import WAIT_MS, settle

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def web(study_folder, monkeypatch):
    monkeypatch.setenv("NAPARI_CMR_PACS_USER", USER)
    monkeypatch.setenv("NAPARI_CMR_PACS_PASSWORD", PASSWORD)
    before = keyring.get_keyring()
    keyring.set_keyring(null.Keyring())
    yield DicomWeb(sorted(study_folder.iterdir()))
    keyring.set_keyring(before)


@pytest.fixture
def url(web):
    with serving(web) as address:
        yield address


@pytest.fixture
def pacs(viewer, url):
    _, widget = viewer.window.add_plugin_dock_widget("napari-cmr", "PACS")
    widget.url.setText(url)
    return widget


def click(qtbot, button):
    assert button.isEnabled()
    qtbot.mouseClick(button, LEFT)


def done(pacs, qtbot):
    """Wait until the server has answered, and what came of it is on show."""
    qtbot.waitUntil(lambda: not pacs.runner.busy, timeout=WAIT_MS)


def search(pacs, qtbot):
    click(qtbot, pacs.search)
    done(pacs, qtbot)


def test_a_study_is_searched_for_fetched_and_opened(
    web, pacs, viewer, qtbot, tmp_path, monkeypatch, study_folder
):
    web.needs_login = True
    assert not pacs.fetch.isEnabled()
    search(pacs, qtbot)
    assert pacs.studies.topLevelItemCount() == 1
    row = pacs.studies.topLevelItem(0)
    assert (row.text(3), row.text(5)) == ("MR", str(len(web.instances)))
    row.setSelected(True)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(tmp_path))
    click(qtbot, pacs.fetch)
    done(pacs, qtbot)
    _, cardiac = viewer.window.add_plugin_dock_widget("napari-cmr", "Cardiac MR")
    qtbot.waitUntil(lambda: cardiac.session.stack is not None, timeout=WAIT_MS)
    settle(cardiac, qtbot)
    assert cardiac.session.stack.stack_id == "sax-1"
    (folder,) = tmp_path.iterdir()
    uid = pydicom.dcmread(next(study_folder.iterdir())).StudyInstanceUID
    assert folder.name == uid
    assert f"{len(web.instances)} files are in" in pacs.message.text()


def test_no_match_a_wrong_login_and_a_wrong_date_are_told_in_the_dock(web, pacs, qtbot):
    pacs.name.setText("Nobody")
    search(pacs, qtbot)
    assert "No study matches" in pacs.message.text()
    pacs.date.setText("yesterday")
    search(pacs, qtbot)
    assert "date cannot be read" in pacs.message.text()
    pacs.date.clear()
    web.needs_login = True
    pacs.url.setText("nowhere")
    search(pacs, qtbot)
    assert "https://host/path" in pacs.message.text()


def test_the_window_answers_while_a_server_does_not_and_cancel_ends_the_wait(web, pacs, qtbot):
    web.silent.set()
    click(qtbot, pacs.search)
    qtbot.waitUntil(lambda: bool(web.requests), timeout=WAIT_MS)
    assert pacs.runner.busy
    assert not pacs.search.isEnabled()
    pacs.name.setText("typed meanwhile")
    click(qtbot, pacs.cancel)
    assert "Stopping" in pacs.message.text()
    web.may_go_on.set()
    done(pacs, qtbot)
    assert "Cancelled" in pacs.message.text()
    assert pacs.studies.topLevelItemCount() == 0
    assert pacs.search.isEnabled()


def test_results_are_stored_and_what_is_refused_is_named(
    web, pacs, qtbot, study, study_folder, tmp_path, monkeypatch
):
    sources = io.source_images(io.sax_cine(io.scan(study_folder)))
    files = io.write_seg(study.segmentation, sources, tmp_path)
    web.broken = (str(pydicom.dcmread(files[1]).SOPInstanceUID),)
    web.refusal = (202, 0x0122)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(tmp_path))
    click(qtbot, pacs.store)
    done(pacs, qtbot)
    assert pacs.message.text().splitlines() == [
        f"{len(files) - 1} files were stored.",
        "seg-002.dcm was not stored: the server does not take this kind of object.",
    ]
