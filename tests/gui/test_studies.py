"""The list of studies: filled in the background, opened by double click, walked through by key."""

import numpy as np
import pydicom
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_cmr import phantom
from napari_cmr.core import Segmentation
from napari_cmr.review import State
from napari_cmr.review.worklist import Order, Unreadable
from napari_cmr.ui.tabs import Tab

from .conftest import WAIT_MS, settle
from .hand import press, reveal
from .test_dock import click

KEY = Qt.Key
SMALL = {"n_phases": 3, "n_slices": 3, "rows": 24, "columns": 26, "pixel_mm": (7.0, 7.0)}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    for seed in range(3):
        study = phantom.make(phantom.PhantomConfig(seed=seed, **SMALL))
        for path in phantom.write_dicom_study(study, folder / f"p{seed}"):
            dataset = pydicom.dcmread(path)
            dataset.PatientName = f"Doe{seed}^Jane"
            dataset.save_as(path)
    (folder / "notes").mkdir()
    (folder / "notes" / "text.txt").write_text("no image")
    return folder


@pytest.fixture
def listed(dock, cohort, qtbot):
    dock.open(cohort)
    settle(dock, qtbot)
    return dock


def titles(dock):
    tree = dock.studies.list
    return [tree.topLevelItem(i).text(0) for i in range(tree.topLevelItemCount())]


def row(dock, index):
    return dock.studies.list.topLevelItem(index)


def double_click(dock, item, qtbot):
    reveal(dock.studies.list)
    tree = dock.studies.list
    where = tree.visualItemRect(item).center()
    qtbot.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=where)
    qtbot.mouseDClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=where)
    settle(dock, qtbot)


def test_a_folder_of_studies_is_listed_with_what_each_is_and_a_picture(listed):
    assert titles(listed) == ["1  Doe0, Jane", "2  Doe1, Jane", "3  Doe2, Jane"]
    assert [row(listed, 0).text(c) for c in range(1, 5)] == ["new", "SAX", "cine", "3 x 3"]
    assert all(not row(listed, i).icon(0).isNull() for i in range(3))
    assert "1 could not be read as a study" in listed.studies.notes.text()
    assert listed.session.catalogue is None


def test_listing_does_not_hold_up_the_window(dock, cohort, qtbot, monkeypatch):
    import threading

    from napari_cmr.ui import studies

    may_go_on = threading.Event()

    def slow(folder, cancel):
        for found in real(folder, cancel):
            yield found
            assert isinstance(found[2], Unreadable) or may_go_on.wait(60)

    real = studies.studies_in
    monkeypatch.setattr(studies, "studies_in", slow)
    dock.open(cohort)
    qtbot.waitUntil(lambda: len(titles(dock)) == 1, timeout=WAIT_MS)  # while the rest is read
    assert dock.studies.stop.isVisible()
    double_click_now(dock, row(dock, 0), qtbot)
    assert dock.session.stack.stack_id == "sax-1"
    may_go_on.set()
    settle(dock, qtbot)
    assert len(titles(dock)) == 3
    assert row(dock, 0).font(0).bold()


def double_click_now(dock, item, qtbot):
    dock.studies.list.itemActivated.emit(item, 0)
    qtbot.waitUntil(
        lambda: dock.session.stack is not None and not dock.runner.busy, timeout=WAIT_MS
    )


def test_a_double_click_opens_and_brings_the_picture_and_a_key_the_next(listed, viewer, qtbot):
    double_click(listed, row(listed, 1), qtbot)
    assert listed.tabs.shown is Tab.SEGMENT
    assert row(listed, 1).font(0).bold()
    second = listed.session.catalogue
    press(viewer, KEY.Key_N)
    settle(listed, qtbot)
    assert listed.session.catalogue is not second
    assert row(listed, 2).font(0).bold()
    assert [layer.data.shape for layer in viewer.layers] == [(3, 3, 24, 26)]
    press(viewer, KEY.Key_N)
    assert "last study" in listed.message.text()
    press(viewer, KEY.Key_N, Qt.KeyboardModifier.ShiftModifier)
    settle(listed, qtbot)
    assert listed.session.catalogue is second


def test_keys_work_while_the_list_has_the_focus(listed, viewer, qtbot):
    double_click(listed, row(listed, 0), qtbot)
    reveal(listed.studies.list)
    tree = listed.studies.list
    tree.setFocus()
    qtbot.keyClick(tree, KEY.Key_I)
    assert titles(listed) == ["Study 1", "Study 2", "Study 3"]
    qtbot.keyClick(tree, KEY.Key_N)
    settle(listed, qtbot)
    assert listed.session.catalogue.path.name == "p1"
    qtbot.keyClick(tree, KEY.Key_Down)
    assert tree.currentItem() is row(listed, 2)


def test_the_column_of_doubt_is_there_once_there_is_one(listed, qtbot):
    tree = listed.studies.list
    assert tree.isColumnHidden(5)
    listed.coordinator.studies.uncertainty = lambda key: 0.25
    double_click(listed, row(listed, 0), qtbot)
    listed.coordinator.studies.redraw()
    assert not tree.isColumnHidden(5)


def test_enter_opens_too(listed, qtbot):
    reveal(listed.studies.list)
    listed.studies.list.setCurrentItem(row(listed, 2))
    qtbot.keyClick(listed.studies.list, KEY.Key_Return)
    settle(listed, qtbot)
    assert row(listed, 2).font(0).bold()


def test_names_are_hidden_with_a_key_and_written_nowhere(listed, viewer, own_data_folder):
    press(viewer, KEY.Key_I)
    assert titles(listed) == ["Study 1", "Study 2", "Study 3"]
    press(viewer, KEY.Key_I)
    assert titles(listed)[0] == "1  Doe0, Jane"
    listed.session.project.flush()
    written = [p for p in own_data_folder.rglob("*") if p.is_file()]
    assert written
    assert not [p for p in written if b"Doe0" in p.read_bytes()]


def test_the_state_follows_what_is_done_and_is_there_again_in_the_next_window(
    listed, viewer, qtbot, cohort
):
    double_click(listed, row(listed, 0), qtbot)
    stack = listed.session.stack
    listed.session.apply_prediction(Segmentation.on(stack, np.ones(stack.shape, np.uint8), "ones"))
    assert row(listed, 0).text(1) == "predicted"
    press(viewer, KEY.Key_A, Qt.KeyboardModifier.ShiftModifier)
    assert listed.session.state is State.ACCEPTED
    assert row(listed, 0).text(1) == "accepted"
    listed.open(cohort)
    settle(listed, qtbot)
    assert [row(listed, i).text(1) for i in range(3)] == ["accepted", "new", "new"]


def test_the_order_is_random_or_by_uncertainty_and_says_when_there_is_none(listed, qtbot):
    def choose(order):
        listed.studies.order.setCurrentIndex(list(Order).index(order))
        listed.studies.order.activated.emit(list(Order).index(order))

    choose(Order.UNCERTAIN)
    assert "No study's uncertainty is known" in listed.studies.notes.text()
    double_click(listed, row(listed, 2), qtbot)
    listed.coordinator.studies.uncertainty = {listed.session.reading.key: 0.7}.get
    listed.coordinator.studies.redraw()
    assert titles(listed)[0].startswith("3")
    assert row(listed, 0).text(5) == "0.70"
    columns = listed.studies.list.header()  # none is out of sight, however narrow the dock
    assert columns.length() <= listed.studies.list.viewport().width()
    assert "last 2 have no uncertainty" in listed.studies.notes.text()
    choose(Order.RANDOM)
    assert sorted(titles(listed)) == ["1  Doe0, Jane", "2  Doe1, Jane", "3  Doe2, Jane"]
    choose(Order.LISTED)
    assert titles(listed) == sorted(titles(listed))


def test_a_folder_without_a_study_is_one_sentence(dock, tmp_path, qtbot):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    dock.open(tmp_path)
    settle(dock, qtbot)
    assert "empty" in dock.message.text()


def test_a_right_prediction_is_accepted_in_at_most_five_actions_with_the_measures_in_sight(
    dock, study_folder, predictor, viewer, qtbot, monkeypatch
):
    actions = []
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(study_folder))

    def act(what):
        actions.append(what)
        what()
        settle(dock, qtbot)

    predictor.let_go(100)
    assert dock.studies.open_folder.isVisible()
    act(lambda: qtbot.mouseClick(dock.studies.open_folder, Qt.MouseButton.LeftButton))
    actions.append("the folder, in the system's window")
    assert dock.segment.segment.isVisible()
    act(lambda: qtbot.mouseClick(dock.segment.segment, Qt.MouseButton.LeftButton))
    assert not dock.measures.values["ef_percent"].visibleRegion().isEmpty()
    assert dock.measures.values["ef_percent"].text() == "56"
    act(lambda: press(viewer, KEY.Key_A, Qt.KeyboardModifier.ShiftModifier))
    assert dock.session.state is State.ACCEPTED
    assert len(actions) <= 5
    click(qtbot, dock.review.undo)  # under another tab the numbers are still in sight
    assert "EF 56 %" in dock.numbers.text()
    assert not dock.numbers.visibleRegion().isEmpty()
