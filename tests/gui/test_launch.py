import napari
import pytest

from napari_cmr import ui

from .conftest import WAIT_MS


@pytest.fixture
def launched(make_napari_viewer, monkeypatch):
    """`launch` makes its window through napari.Viewer; here the test's own factory makes it."""
    monkeypatch.setattr(
        napari, "Viewer", lambda **options: make_napari_viewer(show=True, **options)
    )
    return ui.launch


def dock_of(viewer):
    (dock,) = viewer.window.dock_widgets.values()
    return dock


def test_launch_opens_a_window_with_the_dock(launched, qtbot):
    dock = dock_of(launched(block=False))
    qtbot.waitUntil(dock.research_use.isVisible, timeout=WAIT_MS)
    assert dock.session.catalogue is None


def test_launch_with_a_study_opens_it(launched, study_folder, qtbot):
    dock = dock_of(launched(study_folder, block=False))
    qtbot.waitUntil(lambda: dock.session.stack is not None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=WAIT_MS)
    assert dock.session.stack.view == "SAX"


def test_a_command_of_the_manifest_starts_with_the_packages_name():
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-cmr")
    assert all(c.id.startswith("napari-cmr.") for c in manifest.contributions.commands)
    for command in manifest.contributions.commands:
        assert callable(command.python_name and import_named(command.python_name))


def import_named(python_name):
    from importlib import import_module

    module, name = python_name.split(":")
    return getattr(import_module(module), name)
