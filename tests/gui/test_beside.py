"""Another view, or another study, beside the one under review."""

import numpy as np
import pytest

from napari_cmr.core import Segmentation
from napari_cmr.review.beside import Pair
from napari_cmr.ui.beside_pane import BesidePane
from napari_cmr.ui.orientation import edges

from .conftest import WAIT_MS, settle
from .test_studies import cohort, double_click, listed, row  # noqa: F401


def choose(dock, qtbot, index):
    combo = dock.viewing.beside
    combo.setCurrentIndex(index)
    combo.activated.emit(index)
    beside = dock.coordinator.beside
    qtbot.waitUntil(lambda: not beside.runner.busy, timeout=WAIT_MS)
    return beside


def test_a_long_axis_stands_beside_with_the_line_of_each_in_the_other(
    open_study, study_folder, viewer, qtbot
):
    dock = open_study(study_folder)
    combo = dock.viewing.beside
    assert {combo.itemText(i).split(",")[0] for i in range(1, combo.count())} == {
        "2CH",
        "3CH",
        "4CH",
    }
    beside = choose(dock, qtbot, 1)
    qtbot.waitUntil(beside.pane.isVisible, timeout=WAIT_MS)
    assert beside.pane.picture.line is not None
    assert beside.pane.picture.edges == edges(beside.reading.stack.geometry, 0)
    assert beside.pane.picture.edges is not None
    before = np.array(beside.pane.picture.line)
    viewer.dims.set_current_step(1, 5)
    assert not np.allclose(beside.pane.picture.line, before)
    viewer.dims.set_current_step(0, 2)
    assert "phase 2" in beside.pane.title.text()
    assert beside.line in viewer.layers
    assert viewer.layers.selection.active is viewer.layers[0]
    assert beside.pane.numbers.isHidden()
    choose(dock, qtbot, 0)
    assert beside.pane is None
    assert len(viewer.layers) == 1


def test_who_chooses_again_before_the_first_is_loaded_gets_the_last(
    open_study, study_folder, qtbot
):
    dock = open_study(study_folder)
    combo, beside = dock.viewing.beside, dock.coordinator.beside
    for index in (1, 2, 3):
        combo.setCurrentIndex(index)
        combo.activated.emit(index)
    assert not dock.message.isVisible()
    view = combo.itemText(3).split(",")[0]
    qtbot.waitUntil(
        lambda: beside.pane is not None and beside.pane.title.text().startswith(view),
        timeout=WAIT_MS,
    )
    combo.setCurrentIndex(1)
    combo.activated.emit(1)
    combo.setCurrentIndex(0)
    combo.activated.emit(0)
    qtbot.waitUntil(lambda: not beside.runner.busy, timeout=WAIT_MS)
    assert beside.pane is None


def test_another_stack_takes_away_what_was_beside_the_first(
    open_study, study_folder, viewer, qtbot
):
    dock = open_study(study_folder)
    beside = choose(dock, qtbot, 1)
    dock.coordinator.choose(dock.viewing.beside.itemData(1))
    settle(dock, qtbot)
    assert beside.pane is None
    assert len(viewer.layers) == 1


def test_two_studies_stand_beside_each_other_with_their_numbers(listed, viewer, qtbot):  # noqa: F811
    values = []
    for index, side in ((1, 8), (0, 10)):
        double_click(listed, row(listed, index), qtbot)
        stack = listed.session.stack
        labels = np.zeros(stack.shape, np.uint8)
        labels[..., 2 : 2 + side, 2 : 2 + side] = 1
        listed.session.apply_prediction(Segmentation.on(stack, labels, "squares"))
        values.append(listed.session.measures.edv_ml)
    listed.session.project.flush()
    listed.studies.list.setCurrentItem(row(listed, 1))
    listed.studies.beside.click()
    beside = listed.coordinator.beside
    qtbot.waitUntil(lambda: beside.pane is not None and not beside.runner.busy, timeout=WAIT_MS)
    text = beside.pane.numbers.text()
    assert f"{values[1]:.0f}" in text
    assert f"{values[0]:.0f}" in text
    assert f"{values[0] - values[1]:+.0f}" in text
    assert values[1] / values[0] == pytest.approx(100 / 64)
    assert "ANOTHER NAME" in beside.pane.title.text()
    assert "Doe1" in beside.pane.title.text()
    listed.studies.names.click()
    assert "Doe1" not in beside.pane.title.text()
    assert beside.line is None


def test_a_difference_of_less_than_half_has_no_minus(qtbot):
    pane = BesidePane()
    qtbot.addWidget(pane)
    pane.show_numbers([Pair("LV EF", "%", 64.3, 64.0)])
    assert "-0" not in pane.numbers.text()
    assert "+0" in pane.numbers.text()
