import subprocess
import sys

import pytest

HEAVY = ("torch", "monai", "napari", "qtpy", "PyQt6", "matplotlib", "pydicom", "nibabel")


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("import napari_cmr", HEAVY),
        ("import napari_cmr.cli", (*HEAVY, "numpy", "napari_cmr.review")),
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


def listing_and_loaded(*arguments: str) -> tuple[str, list[str]]:
    """What the program prints, and the heavy packages that it loaded for it."""
    code = (
        f"import sys; sys.argv = {['napari-cmr', *arguments]!r}\n"
        "from napari_cmr.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('|', *[m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    listing, loaded = done.stdout.rsplit("|", 1)
    return listing, loaded.split()


def test_help_imports_neither_torch_nor_qt():
    listing, loaded = listing_and_loaded("--help")
    assert loaded == []
    assert all(verb in listing for verb in ("demo", "scan", "segment", "measure", "finetune"))


@pytest.mark.parametrize("verb", [("list",), ("show", "cine-sax-unet")])
def test_models_are_named_from_their_cards_without_loading_any(verb):
    listing, loaded = listing_and_loaded("models", *verb)
    assert "cine-sax-unet" in listing
    assert loaded == []
