"""Segmenting a slice, a phase or all, with what was found shown as it comes."""

import threading

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_cmr.core import Segmentation, check_cancel
from napari_cmr.review import Verdict

from .conftest import WAIT_MS, settle
from .hand import press
from .test_dock import click

KEY = Qt.Key


class PhaseByPhase:
    """Finds a square whose side tells the phase; waits before each phase."""

    def __init__(self):
        self._may_go_on = threading.Semaphore(0)
        self.order = []

    def let_go(self, steps):
        self._may_go_on.release(steps)

    def __call__(self, stack, progress, cancel):
        raise AssertionError("a predictor that can go phase by phase is asked to")

    def in_order(self, stack, phases, arrived, progress, cancel):
        labels = np.zeros(stack.shape, np.uint8)
        for done, phase in enumerate(phases, start=1):
            while not self._may_go_on.acquire(timeout=0.01):
                check_cancel(cancel)
            self.order.append(phase)
            labels[phase, :, 20 : 30 + phase, 20:30] = 1
            arrived(phase, labels[phase])
            progress(done, len(phases))
        return Segmentation.on(stack, labels, "squares 2")


@pytest.fixture
def stepwise(dock):
    dock.coordinator.predictor = PhaseByPhase()
    yield dock.coordinator.predictor
    dock.coordinator.predictor.let_go(100)


@pytest.fixture
def opened(open_study, study_folder):
    return open_study(study_folder)


def test_the_visible_phase_is_found_first_and_shown_before_the_others(
    opened, stepwise, viewer, qtbot
):
    viewer.dims.set_current_step(0, 3)
    click(qtbot, opened.segment.segment)
    arriving = opened.coordinator.arriving
    stepwise.let_go(1)
    qtbot.waitUntil(lambda: arriving.layer is not None, timeout=WAIT_MS)
    assert (arriving.layer.data[3] == 1).any()
    assert not arriving.layer.data[[0, 1, 2, 4]].any()
    assert opened.session.segmentation is None
    stepwise.let_go(4)
    settle(opened, qtbot)
    assert stepwise.order == [3, 4, 2, 0, 1]
    assert arriving.layer is None
    assert len(viewer.layers) == 2
    assert opened.session.reading.history.n_steps == 1


def test_cancelled_halfway_nothing_of_it_stays(opened, stepwise, viewer, qtbot):
    click(qtbot, opened.segment.segment)
    stepwise.let_go(2)
    qtbot.waitUntil(lambda: opened.segment.bar.value() == 2, timeout=WAIT_MS)
    click(qtbot, opened.segment.cancel)
    settle(opened, qtbot)
    assert len(viewer.layers) == 1
    assert opened.session.reading.history.n_steps == 0


def test_a_stroke_while_it_is_found_does_not_take_it_along(opened, stepwise, viewer, qtbot):
    click(qtbot, opened.review.draw)
    press(viewer, KEY.Key_G)
    stepwise.let_go(1)
    qtbot.waitUntil(lambda: opened.coordinator.arriving.layer is not None, timeout=WAIT_MS)
    opened.coordinator.stage.contours.paint((0, 3, 25, 25), 2)
    labels = opened.session.reading.history.labels
    assert set(np.unique(labels)) == {0, 2}
    stepwise.let_go(4)
    settle(opened, qtbot)
    assert labels[0, 3, 25, 25] == 2  # the expert's pixel stays
    assert labels[0, 2, 25, 25] == 1


def test_this_phase_and_this_slice_leave_the_other_frames_as_they_are(
    opened, stepwise, viewer, qtbot
):
    stepwise.let_go(100)
    viewer.dims.set_current_step(0, 2)
    click(qtbot, opened.segment.slice)
    settle(opened, qtbot)
    found = opened.session.reading.history.labels
    assert [tuple(f) for f in np.argwhere(found.any(axis=(2, 3)))] == [(2, 3)]
    viewer.dims.set_current_step(0, 4)
    press(viewer, KEY.Key_G, Qt.KeyboardModifier.ShiftModifier)
    settle(opened, qtbot)
    frames = {tuple(f) for f in np.argwhere(found.any(axis=(2, 3)))}
    assert frames == {(2, 3)} | {(4, z) for z in range(6)}
    assert stepwise.order == [2, 4]
    opened.session.judge([(4, 0)], Verdict.ACCEPTED)
    before = found[4, 0].copy()
    found_again = Segmentation.on(opened.session.stack, np.ones_like(found), "ones")
    opened.session.apply_prediction(found_again)
    np.testing.assert_array_equal(found[4, 0], before)


def test_a_slice_can_be_segmented_by_what_only_does_all(opened, predictor, qtbot):
    predictor.let_go()
    click(qtbot, opened.segment.phase)
    settle(opened, qtbot)
    frames = {t for t, _ in np.argwhere(opened.session.reading.history.labels.any(axis=(2, 3)))}
    assert frames == {0}
