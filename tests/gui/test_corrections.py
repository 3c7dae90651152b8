"""Nothing that is drawn in the window is ever lost."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QOpenGLContext
from qtpy.QtWidgets import QApplication, QFileDialog
from vispy.gloo import glir
from vispy.scene.visuals import Rectangle

from napari_cmr.core import Segmentation
from napari_cmr.review import Kind, Project, State, Verdict, default_folder

from .conftest import WAIT_MS, settle
from .hand import canvas, drag, press
from .test_dock import click, segmented  # noqa: F401

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def drawing(segmented, viewer, qtbot):  # noqa: F811
    """A segmented stack with the brush in the hand: structure 2, three pixels wide."""
    click(qtbot, segmented.review.draw)
    layer = segmented.coordinator.stage.contours
    assert layer.mode == "paint"
    layer.selected_label, layer.brush_size = 2, 3
    return segmented


def contours(dock):
    return dock.coordinator.stage.contours


def same(dock):
    """The picture shows what the session has, and the session what the log replays to."""
    labels = dock.session.reading.history.labels
    np.testing.assert_array_equal(contours(dock).data, labels)
    return labels.copy()


def boxes(viewer):
    """The boxes behind overlays that are on the canvas."""
    children = viewer.window._qt_viewer.canvas.view.children
    return [node for node in children if isinstance(node, Rectangle)]


def process(viewer):
    """Draw the canvas as it is now."""
    canvas(viewer).repaint()
    QApplication.processEvents()


def strokes(dock):
    return [r for r in dock.session.project.records() if r.kind is Kind.STROKE]


def test_a_drag_of_the_brush_is_one_stroke_in_the_log_and_the_numbers_follow(
    drawing, viewer, qtbot
):
    viewer.dims.set_current_step(0, 1)
    before = contours(drawing).data.copy()
    mass = drawing.measures.values["mass_g"]
    assert mass.text() == "\N{EN DASH}"
    drag(viewer, contours(drawing), (40, 40), (40, 44))
    after = same(drawing)
    (record,) = strokes(drawing)
    (t0, t1), (z0, z1), *_ = record.patch.box
    assert ((t0, t1), (z0, z1)) == ((1, 2), (3, 4))
    assert (after[1, 3, 40, 40:45] == 2).all()
    assert record.model == "squares 1"
    was, became = record.patch.labels()
    np.testing.assert_array_equal(was, before[record.patch.where])
    np.testing.assert_array_equal(became, after[record.patch.where])
    volumes = drawing.session.measures.myo_volumes_ml
    assert volumes[1] > 0
    qtbot.waitUntil(lambda: "Corrected" in drawing.review.state.text(), timeout=WAIT_MS)


def test_every_tool_of_napari_reaches_the_log(drawing, viewer):
    layer = contours(drawing)
    layer.mode = "erase"
    drag(viewer, layer, (22, 24), (24, 26))
    assert (same(drawing)[0, 3, 22, 24], same(drawing)[0, 3, 24, 26]) == (0, 0)
    layer.mode = "fill"
    drag(viewer, layer, (30, 30))
    assert same(drawing)[0, 3, 30, 30] == 2
    corners = [[0, 3, 5, 5], [0, 3, 5, 15], [0, 3, 15, 15], [0, 3, 15, 5]]
    layer.paint_polygon(np.array(corners), 3)
    assert same(drawing)[0, 3, 10, 10] == 3
    layer.data_setitem((np.array([2, 2]), np.array([1, 4]), np.array([7, 8]), np.array([9, 9])), 1)
    assert same(drawing)[2, 4, 8, 9] == 1
    layer.n_edit_dimensions = 3
    layer.paint((0, 3, 50, 50), 2)
    assert len(strokes(drawing)) == 5


def test_labels_that_a_script_puts_into_the_layer_are_logged(drawing):
    other = np.zeros_like(contours(drawing).data)
    other[3, 2, 10:20, 10:20] = 1
    contours(drawing).data = other
    np.testing.assert_array_equal(same(drawing), other)
    contours(drawing).paint((0, 0, 50, 50), 2)
    assert same(drawing)[0, 0, 50, 50] == 2
    assert len(strokes(drawing)) == 2


def test_undo_by_key_goes_across_slices_and_over_a_prediction_and_says_where(
    drawing, viewer, predictor, qtbot
):
    states = [same(drawing)]
    for phase, index in ((0, 1), (2, 4)):
        viewer.dims.set_current_step((0, 1), (phase, index))
        drag(viewer, contours(drawing), (40, 40), (42, 40))
        states.append(same(drawing))
    click(qtbot, drawing.segment.segment)
    predictor.let_go()
    settle(drawing, qtbot)
    states.append(same(drawing))
    viewer.layers.selection.active = contours(drawing)
    viewer.dims.set_current_step((0, 1), (4, 5))
    press(viewer, Qt.Key.Key_Z, CTRL)
    np.testing.assert_array_equal(same(drawing), states[2])
    assert "a prediction" in drawing.message.text()
    press(viewer, Qt.Key.Key_Z, CTRL)
    np.testing.assert_array_equal(same(drawing), states[1])
    assert drawing.message.text() == "Took back a stroke at phase 2, slice 4."
    assert viewer.dims.current_step[:2] == (2, 4)
    viewer.layers.selection.active = drawing.coordinator.stage.image  # keys work there too
    press(viewer, Qt.Key.Key_Z, CTRL)
    assert viewer.dims.current_step[:2] == (0, 1)
    press(viewer, Qt.Key.Key_Z, CTRL)
    assert contours(drawing) is None or not contours(drawing).data.any()
    for state in states:
        press(viewer, Qt.Key.Key_Z, CTRL | SHIFT)
        np.testing.assert_array_equal(same(drawing), state)
    press(viewer, Qt.Key.Key_Z, CTRL | SHIFT)
    assert "nothing to redo" in drawing.message.text()


def test_undo_and_redo_outline_for_a_moment_what_changed(drawing, viewer, qtbot):
    flash, layer = drawing.coordinator.corrections.flash, contours(drawing)
    flash.timer.setInterval(WAIT_MS)  # a slow machine may take longer than the moment
    before = layer.data[0].copy()
    viewer.dims.set_current_step(0, 0)
    here = drawing.coordinator.stage.slice
    drag(viewer, layer, (30, 40), (30, 44))
    changed = np.argwhere(layer.data[0, here] != before[here])
    listed = len(viewer.layers)
    viewer.dims.set_current_step(0, 3)
    press(viewer, Qt.Key.Key_Z, CTRL)
    process(viewer)
    # The edges of the pixels, and the box that catches the eye, four pixels away.
    edges, box = flash.shown[:-8], flash.shown[-8:]
    for lines, away in ((edges, 0.5), (box, 4.5)):
        np.testing.assert_allclose(lines.min(axis=0), changed.min(axis=0) - away)
        np.testing.assert_allclose(lines.max(axis=0), changed.max(axis=0) + away)
    assert yellow(viewer) > 50
    flash.timer.timeout.emit()  # all that a window hears of a moment in which it was busy
    assert flash.shown is not None
    viewer.dims.set_current_step(0, 1)
    assert flash.shown is None
    viewer.dims.set_current_step(0, 0)
    assert flash.shown is not None
    assert layer.mode == "paint"
    assert len(viewer.layers) == listed
    flash.timer.setInterval(1)
    qtbot.waitUntil(lambda: flash.shown is None, timeout=WAIT_MS)
    flash.timer.setInterval(WAIT_MS)
    press(viewer, Qt.Key.Key_Z, CTRL | SHIFT)
    assert flash.shown is not None
    viewer.layers.remove(drawing.coordinator.stage.image)
    process(viewer)
    assert flash.shown is None


def yellow(viewer):
    """Pixels on the canvas of the colour that outlines what changed."""
    shot = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    return int((np.abs(shot - (255, 224, 138)).max(axis=2) < 30).sum())


def test_naparis_own_undo_cannot_paste_what_is_no_longer_true(drawing, viewer):
    drag(viewer, contours(drawing), (40, 40), (42, 40))
    before = same(drawing)
    contours(drawing).undo()
    contours(drawing).redo()
    np.testing.assert_array_equal(same(drawing), before)


def test_a_structure_that_does_not_exist_is_refused_and_taken_off_again(drawing, viewer, qtbot):
    before = same(drawing)
    contours(drawing).selected_label = 9
    drag(viewer, contours(drawing), (40, 40), (42, 40))
    assert "no structure 9" in drawing.message.text()
    qtbot.waitUntil(lambda: contours(drawing).data.max() < 9, timeout=WAIT_MS)
    np.testing.assert_array_equal(same(drawing), before)


def test_a_new_prediction_leaves_what_was_drawn(drawing, viewer, predictor, qtbot):
    drag(viewer, contours(drawing), (24, 26), (26, 26))
    drawn = same(drawing)
    click(qtbot, drawing.segment.segment)
    predictor.let_go()
    settle(drawing, qtbot)
    np.testing.assert_array_equal(same(drawing), drawn)


def test_another_study_and_back_keeps_contours_state_phases_and_place(
    drawing, viewer, study_folder, open_study, qtbot
):
    viewer.dims.set_current_step((0, 1), (2, 4))
    drag(viewer, contours(drawing), (40, 40), (42, 40))
    drawn = same(drawing)
    click(qtbot, drawing.measures.set_es)
    drawing.coordinator.corrections._note_position()
    open_study(study_folder)
    np.testing.assert_array_equal(same(drawing), drawn)
    assert viewer.dims.current_step[:2] == (2, 4)
    assert drawing.session.measures.es_phase == 2
    assert drawing.session.state is State.CORRECTED
    click(qtbot, drawing.review.undo)
    assert not (same(drawing) == 2).any()


def test_a_study_opened_while_the_brush_is_out_leaves_no_box_of_the_brush_on_the_canvas(
    drawing, viewer, study_folder, open_study, qtbot
):
    """napari's box behind the circle stayed when a layer went, and drawing it has crashed."""
    undrawn = same(drawing)
    for _ in range(3):
        drag(viewer, contours(drawing), (40, 40), (42, 40))
        drawn = same(drawing)
        drawing.coordinator.stage.clear()
        process(viewer)
        assert boxes(viewer) == []
        open_study(study_folder)
        process(viewer)
        assert boxes(viewer) == []
        np.testing.assert_array_equal(same(drawing), drawn)
        click(qtbot, drawing.review.undo)
        np.testing.assert_array_equal(same(drawing), undrawn)
        click(qtbot, drawing.review.draw)
        contours(drawing).selected_label = 2


def test_a_layer_that_a_reader_removes_while_the_brush_is_out_leaves_no_box(drawing, viewer):
    drag(viewer, contours(drawing), (40, 40), (42, 40))
    viewer.layers.remove(drawing.coordinator.stage.image)
    process(viewer)
    assert boxes(viewer) == []


def test_what_a_layer_had_on_the_graphics_card_is_deleted_where_it_lies(
    drawing, viewer, monkeypatch
):
    """Deleted in another OpenGL context it stays in use on the canvas, and drawing crashes."""
    where = []

    def noting(kind):
        delete = kind.delete

        def noted(deleted):
            where.append(QOpenGLContext.currentContext())
            delete(deleted)

        monkeypatch.setattr(kind, "delete", noted)

    for kind in (glir.GlirTexture2D, glir.GlirProgram, glir.GlirVertexBuffer):
        noting(kind)
    stage = drawing.coordinator.stage
    segmentation = drawing.session.segmentation
    for _ in range(3):
        process(viewer)
        where.clear()
        stage.remove_contours()
        assert where
        assert {context == canvas(viewer).context() for context in where} == {True}
        process(viewer)
        stage.show_segmentation(segmentation)


def test_drawing_begins_on_a_stack_without_contours(open_study, study_folder, viewer, qtbot):
    dock = open_study(study_folder)
    assert len(viewer.layers) == 1
    click(qtbot, dock.review.draw)
    drag(viewer, contours(dock), (20, 20), (24, 20))
    assert (same(dock) == 1).sum() > 20
    assert dock.session.state is State.CORRECTED


def test_accepting_by_key_and_by_button(drawing, viewer, qtbot):
    history = drawing.session.reading.history
    press(viewer, Qt.Key.Key_A)
    assert history.frames_with(Verdict.ACCEPTED) == {(0, 3)}
    viewer.dims.set_current_step(1, 4)
    press(viewer, Qt.Key.Key_R)
    assert history.frames_with(Verdict.REJECTED) == {(0, 4)}
    assert drawing.message.text() == "Phase 0, slice 4 is rejected."
    click(qtbot, drawing.review.accept_all)
    assert drawing.review.state.text().startswith("Accepted")
    drag(viewer, contours(drawing), (40, 40), (42, 40))
    assert drawing.session.state is State.CORRECTED
    click(qtbot, drawing.review.flag)
    assert drawing.session.state is State.FLAGGED


def test_an_interpolation_is_previewed_and_taken_slice_by_slice(drawing, viewer, qtbot):
    stage = drawing.coordinator.stage
    for index in (1, 4):
        viewer.dims.set_current_step(1, index)
        drag(viewer, contours(drawing), (40, 40), (40, 46))
    before = same(drawing)
    click(qtbot, drawing.review.slices)
    assert stage.preview is not None
    np.testing.assert_array_equal(same(drawing), before)
    viewer.dims.set_current_step(1, 2)
    click(qtbot, drawing.review.take_here)
    after = same(drawing)
    assert (after[0, 2] == 2).sum() > 10
    assert not (after[0, 3] == 2).any()
    assert stage.preview is not None
    viewer.dims.set_current_step(1, 3)
    click(qtbot, drawing.review.leave_here)
    assert stage.preview is None
    click(qtbot, drawing.review.undo)
    np.testing.assert_array_equal(same(drawing), before)
    assert viewer.dims.current_step[1] == 2


def test_a_second_window_on_a_project_is_told(viewer, qtbot):
    first = Project.open(default_folder())
    _, dock = viewer.window.add_plugin_dock_widget("napari-cmr", "Cardiac MR")
    assert "open in another window or program" in dock.review.trouble.text()
    qtbot.waitUntil(dock.review.trouble.isVisible, timeout=WAIT_MS)
    first.close()


def test_a_refusing_disk_is_said_and_the_work_is_saved_elsewhere(
    drawing, viewer, tmp_path, qtbot, monkeypatch
):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_cmr.review.log_writer.write", full)
    drag(viewer, contours(drawing), (40, 40), (42, 40))
    qtbot.waitUntil(lambda: drawing.review.trouble.isVisible(), timeout=WAIT_MS)
    assert "No space left" in drawing.review.trouble.text()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(tmp_path))
    drawn = same(drawing)
    click(qtbot, drawing.review.save)
    assert not drawing.review.trouble.isVisible()
    assert str(tmp_path) in drawing.review.project.text()
    assert drawing.session.project.flush()
    np.testing.assert_array_equal(same(drawing), drawn)


def test_a_prediction_of_another_size_changes_nothing(drawing):
    before = same(drawing)
    found = drawing.session.segmentation
    small = Segmentation(found.labels[:2], found.geometry, "small 1")
    with pytest.raises(Exception, match="not on the grid"):
        drawing.session.apply_prediction(small)
    np.testing.assert_array_equal(same(drawing), before)


def test_a_folder_that_cannot_be_written_is_refused_and_the_work_stays_where_it_is(
    drawing, tmp_path
):
    project, before = drawing.session.project, same(drawing).copy()
    (tmp_path / "file").write_text("no folder")
    drawing.review.project_wanted.emit(tmp_path / "file" / "below")
    assert "choose a folder to write to" in drawing.message.text()
    assert drawing.session.project is project
    assert drawing.review.trouble.isHidden()
    np.testing.assert_array_equal(same(drawing), before)


def test_drags_in_quick_succession_are_logged_as_the_layer_has_them(drawing, viewer):
    """napari itself passes over moves that follow within five milliseconds."""
    viewer.dims.set_current_step(0, 1)
    for row in range(30, 55, 5):
        drag(viewer, contours(drawing), (row, 20), (row, 30), (row, 40))
    assert (same(drawing)[1, 3, 30:55:5, 20] == 2).all()
    assert len(strokes(drawing)) == 5
