import os
import subprocess
import sys

import napari
import numpy as np
import pytest
from qtpy.QtGui import QGuiApplication

from napari_cmr import io, ui

from .conftest import WAIT_MS


@pytest.fixture
def launched(make_napari_viewer, monkeypatch):
    """`launch` makes its window through napari.Viewer; here the test's own factory makes it."""
    monkeypatch.setattr(
        napari, "Viewer", lambda **options: make_napari_viewer(show=True, **options)
    )
    return ui.launch


def dock_of(viewer):
    (dock,) = viewer.window.dock_widgets.values()
    return dock


def test_launch_opens_a_window_with_the_dock(launched, qtbot):
    dock = dock_of(launched(block=False))
    qtbot.waitUntil(dock.research_use.isVisible, timeout=WAIT_MS)
    assert dock.session.catalogue is None


def test_launch_with_a_study_opens_it(launched, study_folder, qtbot):
    dock = dock_of(launched(study_folder, block=False))
    qtbot.waitUntil(lambda: dock.session.stack is not None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=WAIT_MS)
    assert dock.session.stack.view == "SAX"


def test_launch_takes_a_study_that_was_scanned_already(launched, study_folder, qtbot):
    catalogue = io.scan(study_folder)
    dock = dock_of(launched(catalogue, block=False))
    qtbot.waitUntil(lambda: dock.session.stack is not None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=WAIT_MS)
    assert dock.session.catalogue is catalogue


def test_launch_makes_room_for_picture_and_numbers(launched, qtbot):
    viewer = launched(block=False)
    room = QGuiApplication.primaryScreen().availableGeometry()
    wanted = min(1500, room.width()), min(960, room.height())
    qtbot.waitUntil(
        lambda: bool(np.all(np.array(viewer.window.geometry()[2:]) >= wanted)), timeout=WAIT_MS
    )


def test_launch_tells_what_was_measured_when_it_is_done(launched, study_folder, qtbot):
    from napari_cmr.core import Segmentation

    def all_lv(stack, progress, cancel):
        return Segmentation.on(stack, np.ones(stack.shape, np.uint8), "all")

    told = []
    dock = dock_of(
        launched(study_folder, segment=True, predictor=all_lv, segmented=told.append, block=False)
    )
    qtbot.waitUntil(lambda: bool(told), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=WAIT_MS)
    assert told == [dock.session]
    assert dock.session.measures.edv_ml > 0


def test_a_command_of_the_manifest_starts_with_the_packages_name():
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-cmr")
    assert all(c.id.startswith("napari-cmr.") for c in manifest.contributions.commands)
    for command in manifest.contributions.commands:
        assert callable(command.python_name and import_named(command.python_name))


def import_named(python_name):
    from importlib import import_module

    module, name = python_name.split(":")
    return getattr(import_module(module), name)


ENDLESS = """
import sys, time
from pathlib import Path
from qtpy.QtCore import QTimer
from napari_cmr import ui
from napari_cmr.core import check_cancel

def endless(stack, progress, cancel):
    running.append(1)
    while True:
        check_cancel(cancel)
        time.sleep(0.01)

def close_once_running():
    if running:
        timer.stop()
        viewer.window._qt_window.close()

running = []
viewer = ui.launch(block=False)
(dock,) = viewer.window.dock_widgets.values()
dock.coordinator.predictor = endless
dock.open(Path(sys.argv[1]), segment=True)
timer = QTimer()
timer.timeout.connect(close_once_running)
timer.start(50)
import napari
napari.run()
print("left")
"""


def test_the_process_ends_when_its_window_is_closed_while_segmenting(study_folder, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", ENDLESS, str(study_folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "NAPARI_CONFIG": str(tmp_path / "settings.yaml")},
    )
    assert ended.returncode == 0, ended.stderr
    assert "left" in ended.stdout
    assert "Traceback" not in ended.stderr
