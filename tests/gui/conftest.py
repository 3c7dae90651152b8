"""A real window with the dock in it."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from napari import settings

from napari_cmr import phantom
from napari_cmr.core import Segmentation, check_cancel

CONFIG = phantom.PhantomConfig(
    n_phases=5, n_slices=6, rows=56, columns=60, pixel_mm=(3.6, 3.6), long_axes=True
)
WAIT_MS = 60_000


@pytest.fixture(autouse=True)
def own_preferences(tmp_path_factory, monkeypatch):
    """Preferences of the test's own, never the user's; the folder that they are kept in."""
    folder = tmp_path_factory.mktemp("preferences")
    monkeypatch.setattr("napari.settings._CFG_PATH", str(folder / "settings.yaml"))
    settings._clear_plugin_settings_cache()
    yield folder
    settings._clear_plugin_settings_cache()


@pytest.fixture(scope="session")
def study():
    return phantom.make(CONFIG)


@pytest.fixture(scope="session")
def study_folder(study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dicom")
    phantom.write_dicom_study(study, folder)
    return folder


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


@pytest.fixture
def dock(viewer):
    _, widget = viewer.window.add_plugin_dock_widget("napari-cmr", "Cardiac MR")
    return widget


@pytest.fixture
def open_study(dock, qtbot):
    """Open a path through the dock and wait until a stack is shown or a sentence says why not."""

    def open_and_wait(path, **options):
        dock.open(path, **options)
        settle(dock, qtbot)
        return dock

    return open_and_wait


def settle(dock, qtbot):
    """Wait until nothing is being done."""
    studies = dock.coordinator.studies.runner
    qtbot.waitUntil(lambda: not (dock.runner.busy or studies.busy), timeout=WAIT_MS)


class StepwisePredictor:
    """Waits for the test before each phase, so that a test sees every state on the way.

    LV squares of 12 x 12 pixels that shrink to 8 x 8 in the third phase: EF = 1 - 64 / 144.
    """

    sides = (12, 11, 8, 9, 10)

    def __init__(self):
        self._may_go_on = threading.Semaphore(0)
        self.reached = 0
        self.thread = None

    def let_go(self, steps=5):
        self._may_go_on.release(steps)

    def __call__(self, stack, progress, cancel):
        self.thread = threading.current_thread()
        labels = np.zeros(stack.shape, np.uint8)
        for phase, side in enumerate(self.sides):
            while not self._may_go_on.acquire(timeout=0.01):
                check_cancel(cancel)
            check_cancel(cancel)
            labels[phase, :, 20 : 20 + side, 22 : 22 + side] = 1
            self.reached = phase + 1
            progress(phase + 1, len(self.sides))
        return Segmentation.on(stack, labels, "squares 1")


@pytest.fixture
def predictor(dock):
    stepwise = StepwisePredictor()
    dock.coordinator.predictor = stepwise
    yield stepwise
    stepwise.let_go(100)
