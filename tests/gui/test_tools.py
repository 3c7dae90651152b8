"""The tools of the Correct tab under a real pointer and real keys."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_cmr import io
from napari_cmr.core import Segmentation, Structure
from napari_cmr.review import Kind

from .conftest import settle
from .hand import drag, press
from .test_corrections import contours, drawing, same, segmented, strokes  # noqa: F401
from .test_dock import click

SHIFT = Qt.KeyboardModifier.ShiftModifier


def labels_here(dock):
    return same(dock)[0, 3]


def test_keys_choose_structures_and_the_panel_shows_them(drawing, viewer):  # noqa: F811
    tools = drawing.review.tools
    press(viewer, Qt.Key.Key_3)
    assert contours(drawing).selected_label == 3
    assert tools.structures[Structure.RV].isChecked()
    contours(drawing).selected_label = 6  # in napari's own box
    assert tools.structures[Structure.INFARCT].isChecked()
    press(viewer, Qt.Key.Key_E)
    assert [t.value for t, b in tools.tools.items() if b.isChecked()] == ["erase"]


def test_keys_find_the_contours_whatever_layer_is_in_the_hand(drawing, viewer):  # noqa: F811
    viewer.layers.selection.active = drawing.coordinator.stage.image
    for key, mode in ((Qt.Key.Key_P, "paint"), (Qt.Key.Key_F, "fill"), (Qt.Key.Key_E, "erase")):
        press(viewer, Qt.Key.Key_E, Qt.KeyboardModifier.AltModifier)
        assert viewer.layers.selection.active.mode == "add_ellipse"
        press(viewer, key)
        assert viewer.layers.selection.active is contours(drawing)
        assert contours(drawing).mode == mode


def test_keys_of_the_review_mean_the_same_after_a_ruler_was_drawn(drawing, viewer):  # noqa: F811
    press(viewer, Qt.Key.Key_L)
    ruler = viewer.layers.selection.active
    press(viewer, Qt.Key.Key_3)
    press(viewer, Qt.Key.Key_A)
    assert ruler.mode == "add_line"
    assert drawing.review.tools.structures[Structure.RV].isChecked()
    assert drawing.message.text().endswith("is accepted.")
    press(viewer, Qt.Key.Key_R)
    assert drawing.message.text().endswith("is rejected.")


def test_a_contour_is_nudged_as_one_step_and_shown_meanwhile(drawing, viewer, qtbot):  # noqa: F811
    before = labels_here(drawing).copy()  # an LV of 12 x 12 from (20, 22)
    press(viewer, Qt.Key.Key_M)
    assert drawing.review.tools.reach.isVisibleTo(drawing.review)
    drag(viewer, contours(drawing), (26, 33), (26, 35), (26, 37))
    after = labels_here(drawing)
    assert (after[26, 34:36] == 1).all()
    assert (after == 1).sum() > (before == 1).sum()
    np.testing.assert_array_equal(after[:, :26], before[:, :26])
    (record,) = strokes(drawing)
    assert record.body == {"tool": "nudge"}
    click(qtbot, drawing.review.undo)
    np.testing.assert_array_equal(labels_here(drawing), before)
    assert "Took back a nudge at phase 0, slice 3." in drawing.message.text()
    press(viewer, Qt.Key.Key_P)
    drag(viewer, contours(drawing), (40, 40), (40, 42))
    assert labels_here(drawing)[40, 40] > 0  # napari's brush works again


def test_a_cut_takes_the_smaller_part_and_one_that_parts_nothing_leaves_no_trace(
    drawing,  # noqa: F811
    viewer,
    qtbot,
):
    before = labels_here(drawing).copy()
    click(qtbot, drawing.review.tools.tools["cut"])
    drag(viewer, contours(drawing), (25, 24), (25, 26))
    assert "does not part the LV cavity" in drawing.message.text()
    np.testing.assert_array_equal(labels_here(drawing), before)
    drag(viewer, contours(drawing), (16, 31), (26, 31), (36, 31))
    after = labels_here(drawing)
    assert not (after[:, 32:] == 1).any()
    assert (after[20:32, 22:31] == 1).all()
    assert [r.body["tool"] for r in strokes(drawing)] == ["cut"]


def test_growth_and_holes_are_steps_too(drawing, viewer):  # noqa: F811
    press(viewer, Qt.Key.Key_1)
    press(viewer, Qt.Key.Key_W, SHIFT)
    assert (labels_here(drawing) == 1).sum() == 12 * 12 + 4 * 12
    press(viewer, Qt.Key.Key_S, SHIFT)
    contours(drawing).data_setitem(
        (np.array([0]), np.array([3]), np.array([26]), np.array([28])), 0
    )
    press(viewer, Qt.Key.Key_F, SHIFT)
    assert labels_here(drawing)[26, 28] == 1
    tools = [r.body.get("tool", "") for r in strokes(drawing)]
    assert tools == ["growth", "shrinking", "", "filling of holes"]
    press(viewer, Qt.Key.Key_3)
    press(viewer, Qt.Key.Key_W, SHIFT)
    assert "There is no RV cavity" in drawing.message.text()


def test_only_the_chosen_structure_changes_under_any_tool(drawing, viewer, qtbot):  # noqa: F811
    before = labels_here(drawing).copy()
    press(viewer, Qt.Key.Key_2)
    click(qtbot, drawing.review.tools.only)
    assert contours(drawing).preserve_labels
    drag(viewer, contours(drawing), (25, 15), (25, 40))
    after = labels_here(drawing)
    np.testing.assert_array_equal(after == 1, before == 1)
    assert (after[25, 15:21] == 2).all()
    assert (after[25, 35:41] == 2).all()
    contours(drawing).data_setitem(
        (np.array([0]), np.array([3]), np.array([26]), np.array([28])), 2
    )  # a script past napari's own protection
    qtbot.waitUntil(lambda: contours(drawing).data[0, 3, 26, 28] == 1)
    press(viewer, Qt.Key.Key_B)
    assert not drawing.review.tools.only.isChecked()
    drag(viewer, contours(drawing), (25, 15), (25, 40))
    assert (labels_here(drawing)[25, 20:34] == 2).all()


def test_slices_are_marked_shown_and_left_out_of_the_numbers(drawing, viewer, qtbot):  # noqa: F811
    whole = drawing.session.measures.edv_ml
    viewer.dims.set_current_step(1, 1)
    press(viewer, Qt.Key.Key_B, SHIFT)
    assert drawing.message.text() == "Out of the volumes: slice 0."
    assert "base" in drawing.review.frame.text()
    viewer.dims.set_current_step(1, 0)
    overlay = viewer.canvas.overlays["napari_cmr_slice_note"]
    assert (overlay.visible, overlay.text) == (True, "out of the volumes")
    assert drawing.session.measures.edv_ml == pytest.approx(whole * 5 / 6)
    qtbot.waitUntil(
        lambda: "Slice 0 is out of the volumes" in drawing.measures.notes.text(), timeout=5000
    )
    press(viewer, Qt.Key.Key_O)
    assert "beyond the marked base" in drawing.message.text()
    viewer.dims.set_current_step(1, 4)
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert viewer.dims.current_step[1] == 1
    assert drawing.session.measures.edv_ml == pytest.approx(whole)


def test_corrected_contours_are_carried_along_the_cycle_in_the_background(
    drawing,  # noqa: F811
    viewer,
    qtbot,
):
    drag(viewer, contours(drawing), (40, 40), (40, 42))
    before = same(drawing)
    click(qtbot, drawing.review.cycle)
    settle(drawing, qtbot)
    assert drawing.coordinator.stage.preview is not None
    assert "4 frames, not of this one" in drawing.review.preview.text()
    assert not drawing.review.take_here.isEnabled()
    np.testing.assert_array_equal(same(drawing), before)
    viewer.dims.set_current_step(0, 2)
    assert drawing.review.take_here.isEnabled()
    click(qtbot, drawing.review.take_all)
    assert (same(drawing)[1:, 3] == 2).any(axis=(1, 2)).all()
    assert drawing.session.reading.history.undoable.kind is Kind.PROPAGATION
    click(qtbot, drawing.review.undo)
    np.testing.assert_array_equal(same(drawing), before)


def test_labels_that_exist_already_are_a_start(
    drawing,  # noqa: F811
    qtbot,
    tmp_path,
    monkeypatch,
):
    labels = np.zeros(drawing.session.stack.shape, np.uint8)
    labels[1, 2, 5:15, 5:15] = 3
    io.write_labels(Segmentation.on(drawing.session.stack, labels), tmp_path / "l.nii.gz")
    before = same(drawing)
    monkeypatch.setattr(
        QFileDialog, "getOpenFileName", lambda *_, **__: (str(tmp_path / "l.nii.gz"), "")
    )
    monkeypatch.setattr(
        "napari_cmr.ui.review_panel.QInputDialog.getItem", lambda *_, **__: ("cmr", True)
    )
    drawing.review.start.menu().actions()[0].trigger()
    settle(drawing, qtbot)
    np.testing.assert_array_equal(same(drawing)[1], labels[1])
    click(qtbot, drawing.review.undo)
    np.testing.assert_array_equal(same(drawing), before)
