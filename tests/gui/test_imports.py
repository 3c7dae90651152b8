import subprocess
import sys

import pytest

MODULES = [
    "napari_cmr.review",
    "napari_cmr.ui",
    "napari_cmr.ui.dock",
    "napari_cmr.ui.reader",
    "napari_cmr.ui.coordinator",
    "napari_cmr.ui.study_panel",
    "napari_cmr.ui.measures_panel",
]


def imported_by(code):
    listing = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return {name.split(".")[0] for name in listing.stdout.split()}


@pytest.mark.parametrize("module", MODULES)
def test_importing_a_panel_or_the_session_imports_no_torch(module):
    assert not {"torch", "monai"} & imported_by(f"import {module}")


def test_the_dock_brings_no_plots_before_there_is_something_to_plot():
    assert "pyqtgraph" not in imported_by("import napari_cmr.ui.dock")


def test_the_session_and_the_launcher_import_no_window():
    assert not {"qtpy", "PyQt6", "napari", "pyqtgraph"} & imported_by(
        "import napari_cmr.review, napari_cmr.ui"
    )


def test_reading_a_study_imports_no_torch(study_folder):
    assert "torch" not in imported_by(
        f"from napari_cmr.ui.reader import read; assert len(read({str(study_folder)!r})) == 4"
    )
