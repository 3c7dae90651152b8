import json
import threading

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt, QTimer
from qtpy.QtWidgets import QFileDialog

from napari_cmr.core import InputError
from napari_cmr.ui.dock import RESEARCH_USE
from napari_cmr.ui.volume_plot import VolumePlot

from .conftest import WAIT_MS, settle
from .hand import reveal

LEFT = Qt.MouseButton.LeftButton


def click(qtbot, button):
    reveal(button)
    assert button.isEnabled()
    assert button.isVisible()
    qtbot.mouseClick(button, LEFT)


@pytest.fixture
def segmented(open_study, study_folder, predictor, dock, qtbot):
    open_study(study_folder)
    click(qtbot, dock.segment.segment)
    predictor.let_go()
    settle(dock, qtbot)
    return dock


def choose_in_list(dock, qtbot, row):
    item = dock.study.stacks.topLevelItem(row)
    tree = dock.study.stacks
    reveal(tree)
    qtbot.mouseClick(tree.viewport(), LEFT, pos=tree.visualItemRect(item).center())
    settle(dock, qtbot)


def test_open_button_lists_stacks_and_shows_the_short_axis(
    dock, viewer, study_folder, qtbot, monkeypatch
):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(study_folder))
    click(qtbot, dock.studies.open_folder)
    qtbot.waitUntil(lambda: dock.session.stack is not None, timeout=WAIT_MS)
    settle(dock, qtbot)
    stacks = dock.study.stacks
    rows = [
        [stacks.topLevelItem(row).text(column) for column in range(4)]
        for row in range(stacks.topLevelItemCount())
    ]
    assert ["sax-1", "SAX", "cine", "5 x 6"] in rows
    assert [row[3] for row in rows].count("5 x 1") == 3
    assert stacks.currentItem().text(0) == "sax-1"
    assert [layer.data.shape for layer in viewer.layers] == [(5, 6, 56, 60)]
    assert tuple(viewer.dims.axis_labels) == ("phase", "slice", "row", "column")
    assert viewer.dims.current_step[:2] == (0, 3)
    assert viewer.dims.ndisplay == 2
    assert tuple(viewer.dims.displayed) == (2, 3)


def test_first_view_has_contrast_from_percentiles_and_fills_the_canvas(
    open_study, study_folder, study, viewer
):
    open_study(study_folder)
    image = viewer.layers[0]
    low, high = image.contrast_limits
    assert low == pytest.approx(np.percentile(study.sax.pixels[:, 3], 1), abs=2)
    assert high == pytest.approx(np.percentile(study.sax.pixels[:, 3], 99), abs=2)
    shown_mm = np.array(viewer.window._qt_viewer.canvas.size) / viewer.scene.camera.zoom
    picture_mm = np.array((56, 60)) * 3.6
    assert 0.9 < max(picture_mm / shown_mm) <= 1.0


def test_choosing_in_the_list_shows_that_stack_alone(open_study, study_folder, viewer, dock, qtbot):
    open_study(study_folder)
    row = next(r for r in range(4) if dock.study.stacks.topLevelItem(r).text(1) == "4CH")
    choose_in_list(dock, qtbot, row)
    assert dock.session.stack.view == "4CH"
    assert [layer.metadata["view"] for layer in viewer.layers] == ["4CH"]
    assert viewer.layers[0].data.shape[:2] == (5, 1)


def test_segment_shows_progress_and_then_contours_which_can_be_saved(
    open_study, study_folder, predictor, dock, viewer, qtbot
):
    open_study(study_folder)
    assert not dock.save.isEnabled()
    click(qtbot, dock.segment.segment)
    assert not dock.segment.segment.isEnabled()
    predictor.let_go(2)
    qtbot.waitUntil(lambda: dock.segment.bar.value() == 2, timeout=WAIT_MS)
    assert dock.segment.bar.maximum() == 5
    assert dock.session.segmentation is None
    assert len(viewer.layers) == 1
    predictor.let_go(3)
    settle(dock, qtbot)
    assert dock.segment.bar.isHidden()
    assert dock.save.isEnabled()
    image, contours = viewer.layers
    assert contours.data.dtype == np.uint8
    np.testing.assert_array_equal(contours.data, dock.session.segmentation.labels)
    np.testing.assert_array_equal(contours.scale, image.scale)
    np.testing.assert_array_equal(contours.translate, image.translate)
    assert contours.units == image.units
    assert contours.contour in (1, 2)
    world = image.data_to_world((0, 3, 21, 23))
    assert contours.get_value(world, world=True) == 1


def test_prediction_is_computed_in_another_thread_and_committed_in_the_windows(
    open_study, study_folder, predictor, dock, qtbot
):
    open_study(study_folder)
    told_in = []

    def listener(_event):
        told_in.append(threading.current_thread())

    dock.session.changed.connect(listener)
    click(qtbot, dock.segment.segment)
    predictor.let_go()
    settle(dock, qtbot)
    assert predictor.thread is not threading.main_thread()
    assert told_in == [threading.main_thread()]


def test_window_answers_while_segmenting_and_opens_nothing_else(
    open_study, study_folder, predictor, dock, viewer, qtbot
):
    open_study(study_folder)
    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    click(qtbot, dock.segment.segment)
    timer.start(0)
    qtbot.waitUntil(lambda: len(ticks) > 20, timeout=WAIT_MS)
    viewer.dims.set_current_step(0, 4)
    timer.stop()
    assert dock.runner.busy
    assert predictor.reached == 0
    assert dock.coordinator.stage.phase == 4
    # and nothing else can be opened meanwhile
    assert not dock.study.stacks.isEnabled()
    assert not dock.studies.open_folder.isEnabled()
    dock.open(study_folder)
    assert "wait for it or cancel it" in dock.message.text()


def test_cancel_stops_and_changes_nothing(segmented, predictor, qtbot):
    dock, before = segmented, segmented.session.reading
    click(qtbot, dock.segment.segment)
    predictor.let_go(1)
    qtbot.waitUntil(lambda: dock.segment.bar.value() == 1, timeout=WAIT_MS)
    click(qtbot, dock.segment.cancel)
    settle(dock, qtbot)
    assert dock.session.reading is before
    assert "Cancelled" in dock.message.text()
    assert dock.segment.segment.isEnabled()
    assert not dock.segment.cancel.isEnabled()


def test_table_and_curve_show_the_sessions_measures_with_units(segmented):
    m, values = segmented.session.measures, segmented.measures.values
    assert m.ef_percent == pytest.approx(100 * (1 - 64 / 144))
    assert values["ef_percent"].text() == "56"
    assert values["edv_ml"].text() == f"{m.edv_ml:.0f}"
    assert values["esv_ml"].text() == f"{m.esv_ml:.0f}"
    assert values["sv_ml"].text() == f"{m.sv_ml:.0f}"
    assert values["cardiac_output_l_min"].text() == f"{m.cardiac_output_l_min:.1f}"
    assert values["heart_rate_bpm"].text() == f"{m.heart_rate_bpm:.0f}"
    assert values["rv_edv_ml"].text() == "\N{EN DASH}"
    assert values["mass_g"].text() == "\N{EN DASH}"
    grid = segmented.measures.layout().itemAt(0).layout()
    units = [grid.itemAtPosition(row, 3).widget().text() for row in range(1, 8)]
    assert units == ["mL", "mL", "mL", "%", "g", "L/min", "/min"]
    curve: VolumePlot = segmented.measures.curve.plot
    lv = curve.getPlotItem().listDataItems()[0]
    np.testing.assert_allclose(lv.xData, m.phase_ms)
    np.testing.assert_allclose(lv.yData, m.lv_volumes_ml)
    assert all(mark.isVisible() for mark in curve._marks.values())


def test_go_to_es_and_a_click_on_the_curve_move_viewer_and_line(segmented, viewer, qtbot):
    click(qtbot, segmented.measures.go_es)
    assert viewer.dims.current_step[0] == 2
    times = segmented.session.measures.phase_ms
    assert segmented.measures.curve.plot.line.value() == pytest.approx(times[2])
    click(qtbot, segmented.measures.go_ed)
    assert viewer.dims.current_step[0] == 0
    curve = segmented.measures.curve.plot
    scene_point = curve.getPlotItem().vb.mapViewToScene(QPointF(*curve.point_of(3)))
    place = curve.mapFromScene(scene_point)
    qtbot.mouseClick(curve.viewport(), LEFT, pos=QPoint(place.x() + 2, place.y()))
    qtbot.waitUntil(lambda: viewer.dims.current_step[0] == 3, timeout=WAIT_MS)


def test_setting_es_by_hand_changes_ef_and_can_be_taken_back(segmented, viewer, qtbot):
    viewer.dims.set_current_step(0, 3)
    click(qtbot, segmented.measures.set_es)
    assert segmented.session.measures.es_phase == 3
    assert segmented.measures.values["ef_percent"].text() == "44"  # 1 - 81 / 144
    assert "set by the reader" in segmented.measures.notes.text()
    viewer.dims.set_current_step(0, 1)
    click(qtbot, segmented.measures.set_ed)
    assert segmented.measures.values["ef_percent"].text() == "33"  # 1 - 81 / 121
    click(qtbot, segmented.measures.automatic)
    assert segmented.measures.values["ef_percent"].text() == "56"


def test_what_speaks_against_the_numbers_is_counted_beside_them(segmented, viewer, qtbot):
    measures = segmented.measures
    assert not measures.doubts.isVisible()
    click(qtbot, measures.set_es)  # both in the phase on show
    assert [mark.isVisible() for mark in measures.curve.plot._marks.values()] == [True, False]
    assert "1 remark below" in measures.doubts.text()
    assert "there is no EF" in measures.doubts.toolTip()
    segmented.resize(segmented.width(), 300)
    qtbot.waitUntil(lambda: measures.notes.visibleRegion().isEmpty(), timeout=WAIT_MS)
    reveal(measures.doubts)
    qtbot.mouseClick(measures.doubts, LEFT, pos=QPoint(20, measures.doubts.height() // 2))
    qtbot.waitUntil(lambda: not measures.notes.visibleRegion().isEmpty(), timeout=WAIT_MS)
    reveal(segmented.studies)
    assert segmented.numbers.isVisible()
    assert "1 remark in the tab Segment" in segmented.numbers.text()


def test_what_was_said_in_one_tab_does_not_stay_under_another(dock):
    dock.say("Saved.")
    assert dock.message.isVisible()
    reveal(dock.review.undo)
    assert dock.message.isHidden()
    dock.say("Took back a stroke.")
    reveal(dock.review.undo)  # the same tab again
    assert dock.message.text() == "Took back a stroke."


def test_another_stack_and_back_shows_the_same_contours_and_numbers(segmented, viewer, qtbot):
    ef = segmented.measures.values["ef_percent"].text()
    choose_in_list(segmented, qtbot, 1)
    assert segmented.measures.values["ef_percent"].text() == "\N{EN DASH}"
    assert len(viewer.layers) == 1
    choose_in_list(segmented, qtbot, 0)
    assert segmented.measures.values["ef_percent"].text() == ef
    assert len(viewer.layers) == 2


def test_what_is_painted_is_in_the_session_at_once(segmented, viewer):
    contours = viewer.layers[1]
    assert contours.data is not segmented.session.segmentation.labels
    contours.paint((1, 2, 40, 40), 3)
    np.testing.assert_array_equal(contours.data, segmented.session.segmentation.labels)
    assert segmented.session.segmentation.labels[1, 2, 40, 40] == 3


def test_save_writes_labels_and_measures_where_the_reader_says(
    segmented, tmp_path, qtbot, monkeypatch
):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(tmp_path))
    qtbot.mouseClick(segmented.save, LEFT)
    assert (tmp_path / "labels.nii.gz").is_file()
    saved = json.loads((tmp_path / "measures.json").read_text())
    assert saved["ef_percent"] == pytest.approx(segmented.session.measures.ef_percent, abs=1e-3)
    assert "Saved" in segmented.message.text()


def test_an_empty_folder_is_one_sentence_and_keeps_the_open_study(
    open_study, study_folder, tmp_path, viewer
):
    dock = open_study(study_folder)
    open_study(tmp_path)
    assert "empty" in dock.message.text()
    assert "Traceback" not in dock.message.text()
    assert dock.message.isVisible()
    assert dock.session.stack.stack_id == "sax-1"
    assert len(viewer.layers) == 1


def test_a_failing_prediction_is_one_sentence_and_our_own_fault_is_logged(
    open_study, study_folder, dock, qtbot, caplog
):
    def fails(stack, progress, cancel):
        raise InputError("The weights have a wrong hash; install the model again.")

    dock.coordinator.predictor = fails
    open_study(study_folder)
    click(qtbot, dock.segment.segment)
    settle(dock, qtbot)
    assert dock.message.text() == "The weights have a wrong hash; install the model again."

    def breaks(stack, progress, cancel):
        raise ZeroDivisionError("boom")

    dock.coordinator.predictor = breaks
    click(qtbot, dock.segment.segment)
    settle(dock, qtbot)
    assert "should not have (ZeroDivisionError)" in dock.message.text()
    assert "in breaks" in caplog.text
    for told in (dock.message.text(), caplog.text):
        assert "boom" not in told  # an error's own words could identify a person


def test_a_long_axis_is_refused_with_what_to_do(open_study, study_folder, dock, qtbot):
    open_study(study_folder)
    choose_in_list(dock, qtbot, 1)
    click(qtbot, dock.segment.segment)
    settle(dock, qtbot)
    assert "No model covers 2ch-1, which is 2CH cine" in dock.message.text()


def test_research_use_is_always_visible(dock):
    assert RESEARCH_USE == "For research use only. Not for diagnosis."
    assert dock.research_use.text() == RESEARCH_USE
    assert dock.research_use.isVisible()
    assert not dock.research_use.visibleRegion().isEmpty()


def test_opening_and_segmenting_at_once(open_study, study_folder, predictor, dock, qtbot):
    predictor.let_go()
    dock.open(study_folder, segment=True)
    qtbot.waitUntil(lambda: dock.session.segmentation is not None, timeout=WAIT_MS)
    settle(dock, qtbot)


def test_closing_the_window_while_segmenting_stops_the_thread(
    open_study, study_folder, predictor, dock, viewer, qtbot
):
    session = dock.session
    open_study(study_folder)
    click(qtbot, dock.segment.segment)
    qtbot.waitUntil(lambda: predictor.thread is not None, timeout=WAIT_MS)
    viewer.close()
    qtbot.waitUntil(lambda: not predictor.thread.is_alive(), timeout=WAIT_MS)
    assert session.segmentation is None


def test_closing_the_dock_alone_leaves_the_viewer_usable(segmented, viewer, qtbot):
    viewer.window.remove_dock_widget(segmented)
    segmented.deleteLater()
    qtbot.wait(0)
    viewer.dims.set_current_step(0, 2)
    assert [layer.visible for layer in viewer.layers] == [True, True]
