"""Looking at pictures: playing, jumping, contrast, contours and the list of keys."""

import json

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QAction, QKeySequence, QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_cmr.core import InputError
from napari_cmr.ui.keys import Keys
from napari_cmr.ui.windowing import windowed

from .conftest import WAIT_MS, settle
from .hand import canvas, drag, press
from .test_dock import click, segmented  # noqa: F401

KEY = Qt.Key
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def opened(open_study, study_folder, qtbot):
    return open_study(study_folder)


def test_k_plays_the_phases_at_the_hearts_rate_with_the_slice_held(opened, viewer, qtbot):
    cine = opened.coordinator.viewing.cine
    press(viewer, KEY.Key_K)
    seen = set()
    qtbot.waitUntil(
        lambda: seen.add(opened.coordinator.stage.phase) or len(seen) > 2, timeout=WAIT_MS
    )
    assert "/min" in opened.viewing.playing.text()
    rr = opened.session.stack.rr_ms
    cine.show_at(rr * 2.5)  # half a beat on, whatever the clock says
    assert opened.coordinator.stage.phase == 2
    assert opened.coordinator.stage.slice == 3
    press(viewer, KEY.Key_K)
    assert not opened.viewing.playing.isVisible()
    assert not cine._timer.isActive()


def test_slices_are_played_with_the_phase_held(opened, viewer, qtbot):
    press(viewer, KEY.Key_Period)
    click(qtbot, opened.viewing.slices)
    qtbot.waitUntil(lambda: opened.coordinator.stage.slice != 3, timeout=WAIT_MS)
    assert opened.coordinator.stage.phase == 1
    opened.coordinator.viewing.cine.stop()


def test_keys_step_through_phases_round_the_cycle_and_slices_to_the_ends(opened, viewer):
    stage = opened.coordinator.stage
    press(viewer, KEY.Key_Comma)
    assert stage.phase == 4
    press(viewer, KEY.Key_Period)
    assert stage.phase == 0
    for _ in range(4):
        press(viewer, KEY.Key_PageDown)
    assert stage.slice == 5
    press(viewer, KEY.Key_PageUp)
    assert stage.slice == 4


def test_d_and_s_jump_to_ed_and_es_also_while_drawing(segmented, viewer, qtbot):  # noqa: F811
    click(qtbot, segmented.review.draw)
    press(viewer, KEY.Key_S)
    assert segmented.coordinator.stage.phase == 2
    press(viewer, KEY.Key_D)
    assert segmented.coordinator.stage.phase == 0


def test_contours_are_filled_or_lines_and_stay_so_on_the_next_segmentation(
    segmented,  # noqa: F811
    predictor,
    viewer,
    qtbot,
):
    press(viewer, KEY.Key_T)
    assert viewer.layers[1].contour == 0
    assert segmented.viewing.filled.isChecked()
    click(qtbot, segmented.segment.segment)
    predictor.let_go()
    settle(segmented, qtbot)
    assert viewer.layers[1].contour == 0
    click(qtbot, segmented.viewing.filled)
    assert viewer.layers[1].contour == 1


def test_dragging_with_the_right_button_changes_window_and_level_and_no_zoom(opened, viewer):
    image = viewer.layers[0]
    low, high = image.contrast_limits
    zoom, centre = viewer.scene.camera.zoom, viewer.scene.camera.center
    widget = canvas(viewer)
    start = QPoint(widget.width() // 2, widget.height() // 2)
    right, none = Qt.MouseButton.RightButton, Qt.MouseButton.NoButton
    for kind, at, button, held in (
        (QEvent.Type.MouseButtonPress, start, right, right),
        (QEvent.Type.MouseMove, start + QPoint(200, 100), none, right),
        (QEvent.Type.MouseButtonRelease, start + QPoint(200, 100), right, none),
    ):
        where = QPointF(widget.mapToGlobal(at))
        modifier = Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(
            widget, QMouseEvent(kind, QPointF(at), where, button, held, modifier)
        )
    new_low, new_high = image.contrast_limits
    assert new_high - new_low == pytest.approx(1.5 * (high - low), rel=0.02)
    assert (new_high + new_low) / 2 == pytest.approx(
        (high + low) / 2 + 0.25 * (high - low), rel=0.02
    )
    assert viewer.scene.camera.zoom == zoom
    np.testing.assert_allclose(viewer.scene.camera.center, centre)
    assert viewer.scene.camera.mouse_pan


def test_a_window_never_closes():
    low, high = windowed((0.0, 100.0), -10_000.0, 0.0)
    assert high > low


def test_a_key_given_to_another_action_is_remembered_by_the_next_window(viewer, tmp_path):
    file, done = tmp_path / "keys.json", []
    keys = Keys(viewer, file)
    keys.add("one", "the first", "K", lambda: done.append("one"))
    keys.add("two", "the second", "N", lambda: done.append("two"))
    with pytest.raises(InputError, match="the second"):
        keys.rebind("one", "N")
    with pytest.raises(InputError, match="smaller brush"):
        keys.rebind("one", "[")
    with pytest.raises(InputError, match="no key"):
        keys.rebind("one", "Hyper")
    keys.rebind("one", "Ctrl+Shift+K")
    press(viewer, KEY.Key_K)
    press(viewer, KEY.Key_K, Qt.KeyboardModifier.ControlModifier | SHIFT)
    assert done == ["one"]
    keys.close()
    assert json.loads(file.read_text()) == {"one": "Ctrl+Shift+K"}
    again = Keys(viewer, file)
    again.add("one", "the first", "K", lambda: done.append("again"))
    press(viewer, KEY.Key_K, Qt.KeyboardModifier.ControlModifier | SHIFT)
    assert done == ["one", "again"]
    again.close()


def test_no_key_is_one_that_the_windows_menus_take_first(opened, viewer):
    window = opened.window()
    taken = {key for act in window.findChildren(QAction) for key in act.shortcuts()}
    taken |= {QKeySequence.mnemonic(act.text()) for act in window.menuBar().actions()}
    ours = {s.key: QKeySequence(s.key) for s in opened.coordinator.keys.table if s.key}
    assert {key for key, sequence in ours.items() if sequence in taken} == set()


def test_the_list_of_keys_has_every_action_and_takes_a_new_key(opened, viewer, qtbot):
    press(viewer, KEY.Key_F1)
    panel = opened.coordinator.viewing.keys_panel
    listed = [panel.list.topLevelItem(i).text(1) for i in range(panel.list.topLevelItemCount())]
    assert "take back the last step" in listed
    assert "smaller brush (napari)" in listed
    panel.list.setCurrentItem(panel.list.topLevelItem(listed.index("next phase")))
    panel.edit.setKeySequence("PgDown")
    panel.apply.click()
    assert "taken: next slice" in panel.message.text()
    panel.edit.setKeySequence("Ctrl+.")
    panel.apply.click()
    press(viewer, KEY.Key_Period, Qt.KeyboardModifier.ControlModifier)
    assert opened.coordinator.stage.phase == 1


def told_by(rulers):
    """The length of the first shape as it lies now, by its corners."""
    (_, _, *start), (_, _, *end) = rulers.layer.data[0]
    return f"{np.hypot(*(np.subtract(end, start) * 3.6)):.1f} mm"


def test_a_ruler_shows_millimetres_and_a_region_its_mean_and_spread(opened, viewer, qtbot):
    click(qtbot, opened.viewing.ruler)
    layer = opened.coordinator.viewing.rulers.layer
    assert layer.mode == "add_line"
    drag(viewer, viewer.layers[0], (10, 10), (30, 40))
    assert layer.shape_type == ["line"]
    rulers = opened.coordinator.viewing.rulers
    qtbot.waitUntil(lambda: rulers.texts() == [told_by(rulers)], timeout=WAIT_MS)
    number, unit = rulers.texts()[0].split()
    assert unit == "mm"
    assert float(number) == pytest.approx(np.hypot(20, 30) * 3.6, rel=0.08)
    click(qtbot, opened.viewing.region)
    drag(viewer, viewer.layers[0], (20, 20), (30, 32))
    qtbot.waitUntil(lambda: len(rulers.texts()) == 2 and "±" in rulers.texts()[1], timeout=WAIT_MS)
    told = rulers.texts()[1]
    picture = opened.session.stack.pixels[0, 3, 20:31, 20:33]
    mean = float(told.split(" ± ")[0])
    assert picture.min() <= mean <= picture.max()
    assert told.endswith("mm²")
    opened.session.choose(opened.study.stacks.topLevelItem(1).text(0))
    assert len(viewer.layers) == 1  # they lay on the other stack's slices


def test_without_a_spacing_a_ruler_tells_pixels(study):
    from dataclasses import replace

    from napari_cmr.ui.rulers import told

    geometry = replace(study.sax.geometry, spacing_known=False)
    bare = replace(study.sax, geometry=geometry)
    assert told(bare, np.array([[0, 2, 0, 0], [0, 2, 3, 4]]), "line") == "5.0 pixels"
