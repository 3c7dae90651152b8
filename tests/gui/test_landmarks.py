"""Landmarks dragged in the window are corrections in the session."""

import numpy as np
from qtpy.QtCore import Qt

from napari_cmr.review import State
from napari_cmr.review.landmarks import landmarks_of

from .conftest import WAIT_MS
from .hand import press
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
