"""Landmarks dragged in the window are corrections in the session."""

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_cmr.review import Kind, State
from napari_cmr.review.landmarks import landmarks_of

from .conftest import WAIT_MS
from .hand import drag, press
from .test_dock import click


def test_a_dragged_landmark_is_a_correction_and_undo_puts_it_back(
    open_study, study_folder, study, viewer, qtbot
):
    dock = open_study(study_folder)
    dock.session.apply_prediction(study.segmentation)
    frame = (0, 3)
    found = landmarks_of(dock.session.reading, frame).points
    click(qtbot, dock.viewing.landmarks)
    points = dock.coordinator.viewing.points
    np.testing.assert_allclose(points.layer.data, found)
    moved = found.copy()
    moved[0] += (1.0, -1.0)
    points.layer.data = moved  # what napari does while a point is dragged
    qtbot.waitUntil(lambda: dock.session.state is State.CORRECTED, timeout=WAIT_MS)
    assert tuple(landmarks_of(dock.session.reading, frame).points[0]) == tuple(moved[0])
    moved[2] = moved[1] + 0.1
    points.layer.data = moved
    qtbot.waitUntil(lambda: "septum" in dock.message.text(), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not np.allclose(points.layer.data[2], moved[2]), timeout=WAIT_MS)
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_allclose(points.layer.data, found)
    assert dock.session.state is State.PREDICTED
    viewer.dims.set_current_step(0, 2)
    assert not np.allclose(points.layer.data, found)
    click(qtbot, dock.viewing.landmarks)
    assert len(viewer.layers) == 2


def test_a_drag_of_a_landmark_is_one_step_whatever_its_way(
    open_study, study_folder, study, viewer, qtbot
):
    dock = open_study(study_folder)
    dock.session.apply_prediction(study.segmentation)
    click(qtbot, dock.viewing.landmarks)
    layer = dock.coordinator.viewing.points.layer
    found = layer.data.copy()
    row, column = (float(v) for v in found[0])

    def rest(_at):
        for _ in range(10):
            QApplication.processEvents()  # a hand is slower than the window

    way = [(row + n, column) for n in (0, 1, 2, 3)]
    drag(viewer, dock.coordinator.stage.image, *way, rest=rest)
    qtbot.waitUntil(lambda: dock.session.state is State.CORRECTED, timeout=WAIT_MS)
    assert abs(layer.data[0, 0] - row - 3) < 0.5
    placed = [r for r in dock.session.project.records() if r.kind is Kind.LANDMARK]
    assert len(placed) == 1
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_allclose(layer.data, found)
