import subprocess
import sys

import pytest

HEAVY = ("torch", "monai", "napari", "qtpy", "PyQt6", "matplotlib", "pydicom", "nibabel")


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("import napari_cmr", HEAVY),
        ("import napari_cmr.cli", HEAVY),
        ("import napari_cmr.io", ("torch", "napari", "qtpy", "pydicom")),
        ("import napari_cmr.measure", ("torch", "pydicom", "nibabel")),
        ("import napari_cmr.review", ("torch", "napari", "qtpy")),
        ("import napari_cmr.report", ("torch", "napari", "qtpy")),
        ("import napari_cmr.phantom", ("torch", "napari", "qtpy")),
        ("import napari_cmr.ui.dock", ("torch", "monai")),
        ("import napari_cmr.ui.reader", ("torch", "monai")),
    ],
)
def test_importing_a_room_does_not_drag_in_what_it_does_not_need(statement, forbidden):
    code = f"{statement}; import sys; print(*[m for m in {forbidden!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_help_imports_neither_torch_nor_qt():
    code = (
        "import sys; sys.argv = ['napari-cmr', '--help']\n"
        "from napari_cmr.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('|', *[m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    listing, loaded = done.stdout.rsplit("|", 1)
    assert loaded.split() == []
    assert all(verb in listing for verb in ("demo", "scan", "segment", "measure", "finetune"))
