import numpy as np
import pytest
from napari._qt.dialogs.qt_reader_dialog import QtReaderDialog
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog

from napari_cmr import io
from napari_cmr.ui.reader import get_reader

from .conftest import WAIT_MS, settle


@pytest.fixture
def choose_cardiac_reader(monkeypatch):
    """napari asks which reader to take, since its own claims every folder."""
    monkeypatch.setattr(QtReaderDialog, "get_user_choices", lambda _: ("Cardiac MR", False))


@pytest.fixture
def notifications(viewer):
    from napari.utils.notifications import notification_manager

    notification_manager.records.clear()
    return notification_manager.records


def test_a_dicom_folder_becomes_four_dimensional_layers(viewer, study_folder, study):
    layers = viewer.open(study_folder, plugin="napari-cmr")
    assert {tuple(layer.data.shape) for layer in layers} == {
        (5, 6, 56, 60),
        *(s.shape for s in study.stacks.values()),
    }
    assert [layer.visible for layer in layers] == [False, False, False, True]
    sax = layers[-1]
    assert sax.metadata["view"] == "SAX"
    assert sax.metadata["stack_id"] == "sax-1"
    assert sax.axis_labels == ("phase", "slice", "row", "column")
    assert [str(unit) for unit in sax.units] == ["pixel", "millimeter", "millimeter", "millimeter"]
    np.testing.assert_allclose(sax.scale, (1, 8, 3.6, 3.6), rtol=1e-4)
    np.testing.assert_array_equal(sax.data, study.sax.pixels)
    np.testing.assert_allclose(sax.metadata["affine_lps"], study.sax.geometry.affine, atol=1e-3)
    assert tuple(viewer.dims.axis_labels) == ("phase", "slice", "row", "column")


def test_a_nifti_file_becomes_a_layer(viewer, study, tmp_path):
    file = tmp_path / "cine.nii.gz"
    io.write_nifti(study.sax, file)
    (layer,) = viewer.open(file, plugin="napari-cmr")
    assert layer.data.shape[:2] == (5, 6)
    np.testing.assert_allclose(sorted(layer.scale), sorted((1, 8, 3.6, 3.6)), rtol=1e-4)


def test_a_folder_of_several_subjects_opens_one_and_says_so(viewer, study, tmp_path, notifications):
    for name in ("anna", "bert"):
        io.write_nifti(study.sax, tmp_path / f"{name}.nii.gz")
    assert len(viewer.open(tmp_path, plugin="napari-cmr")) == 1
    assert "several subjects" in notifications[-1].message


def test_an_empty_folder_is_a_notification_without_a_traceback(viewer, tmp_path, notifications):
    assert viewer.open(tmp_path, plugin="napari-cmr") == []
    assert "empty" in notifications[-1].message
    assert not hasattr(notifications[-1], "exception")


def test_a_zarr_folder_or_several_files_are_left_to_others():
    assert get_reader("images.zarr") is None
    assert get_reader(["a.dcm", "b.dcm"]) is None
    assert get_reader(["a.dcm"]) is not None


def drop(viewer, path):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    viewer.window._qt_viewer.dropEvent(event)


def test_a_dropped_folder_is_taken_up_by_the_dock(
    dock, viewer, study_folder, choose_cardiac_reader, predictor, qtbot
):
    drop(viewer, study_folder)
    qtbot.waitUntil(lambda: dock.session.stack is not None, timeout=WAIT_MS)
    assert dock.study.stacks.currentItem().text(0) == "sax-1"
    assert [layer.metadata["stack_id"] for layer in viewer.layers] == ["sax-1"]
    assert viewer.dims.current_step[:2] == (0, 3)
    predictor.let_go()
    dock.segment.segment.click()
    settle(dock, qtbot)
    assert len(viewer.layers) == 2
    assert dock.session.measures.ef_percent == pytest.approx(100 * (1 - 64 / 144))


def test_file_menu_opens_a_folder(viewer, study_folder, choose_cardiac_reader, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(study_folder))
    viewer.window._qt_viewer._open_folder_dialog()
    assert len(viewer.layers) == 4


def test_a_dock_opened_later_takes_up_the_study_in_the_viewer(viewer, study_folder):
    viewer.open(study_folder, plugin="napari-cmr")
    _, dock = viewer.window.add_plugin_dock_widget("napari-cmr", "Cardiac MR")
    assert dock.session.stack.stack_id == "sax-1"
    assert dock.study.stacks.topLevelItemCount() == 4


def test_another_study_replaces_the_first_and_other_layers_stay(
    open_study, study_folder, study, viewer, tmp_path
):
    dock = open_study(study_folder)
    other = viewer.add_labels(np.zeros((5, 6, 56, 60), np.uint8), name="mine")
    file = tmp_path / "cine.nii.gz"
    io.write_nifti(study.sax, file)
    open_study(file)
    assert dock.session.catalogue.path == file
    assert other in viewer.layers
    assert len(viewer.layers) == 2
