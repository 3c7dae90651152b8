"""napari's menus, command palette and preferences reach the dock."""

from pathlib import Path

import pytest
from napari._app_model import get_app_model
from napari.settings import get_plugin_settings
from npe2 import PluginManifest
from qtpy.QtWidgets import QFileDialog

from napari_cmr.review import State
from napari_cmr.ui.tabs import Tab

from .conftest import settle


@pytest.fixture
def contributions():
    return PluginManifest.from_distribution("napari-cmr").contributions


def run(command):
    """As napari's palette does it."""
    return get_app_model().commands.execute_command(f"napari-cmr.{command}").result()


def test_every_menu_is_one_that_napari_shows_and_names_a_command(contributions):
    from napari._app_model.constants import MenuId

    known = {command.id for command in contributions.commands}
    for menu, items in contributions.menus.items():
        assert menu in set(MenuId.contributables())
        assert {item.command for item in items} <= known


def test_a_folder_is_opened_through_the_palette(dock, study_folder, qtbot, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(study_folder))
    run("open_folder")
    settle(dock, qtbot)
    assert dock.session.reading is not None


def test_a_study_is_segmented_accepted_and_taken_back_through_the_palette(
    open_study, study_folder, predictor, qtbot
):
    dock = open_study(study_folder)
    run("undo")
    assert "nothing" in dock.message.text()
    run("segment")
    predictor.let_go()
    settle(dock, qtbot)
    assert dock.session.state is State.PREDICTED
    run("accept_slice")
    assert "accepted" in dock.message.text()
    run("accept_all")
    assert dock.session.state is State.ACCEPTED
    run("undo")
    run("undo")
    assert dock.session.state is State.PREDICTED
    run("redo")
    run("redo")
    assert dock.session.state is State.ACCEPTED
    run("next_study")
    assert "last study" in dock.message.text()


def test_a_report_is_written_where_one_says_and_its_place_is_told(
    open_study, study_folder, predictor, qtbot, tmp_path, monkeypatch
):
    place = tmp_path / "reports" / "someone"  # without .pdf, as people name files
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(place), ""))
    dock = open_study(study_folder)
    assert not dock.report.isEnabled()
    run("report")
    assert "nothing to report yet" in dock.message.text()
    predictor.let_go()
    run("segment")
    settle(dock, qtbot)
    dock.report.click()
    assert dock.runner.busy  # in the background
    settle(dock, qtbot)
    assert f"The report is in {place.parent}: someone.pdf" in dock.message.text()
    assert place.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert place.with_suffix(".html").is_file()


def test_learning_through_the_palette_shows_its_tab_and_says_what_is_wanting(dock, qtbot):
    run("learn")
    qtbot.waitUntil(lambda: not dock.learning.busy, timeout=60_000)
    assert dock.tabs.shown is Tab.LEARN
    assert "corrected" in dock.message.text()
    assert dock.learn.bar.isHidden()


def test_the_dock_opens_as_the_preferences_say(viewer, own_preferences, tmp_path):
    preferences = get_plugin_settings("napari-cmr")
    preferences.project.folder = str(tmp_path / "kept")
    preferences.project.reader = "Ada"
    preferences.display.names = False
    preferences.display.filled = True
    run("undo")  # opens the dock too
    _, dock = viewer.window.add_plugin_dock_widget("napari-cmr", "Cardiac MR")
    assert dock.session.project.folder == Path(tmp_path / "kept")
    assert dock.session.reader == "Ada"
    assert not dock.studies.names.isChecked()
    assert dock.coordinator.stage.filled
    assert (own_preferences / "napari-cmr.yaml").is_file()
