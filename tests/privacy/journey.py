"""Everything that is done with a study, in one process: started by the test with a fresh home.

``python -m tests.privacy.journey STUDY OUT`` prints nothing of its own.
"""

from __future__ import annotations

import csv
import sys
import zipfile
from pathlib import Path
from unittest import mock

import pydicom
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from napari_cmr import io
from tests.privacy.calling import IDENTIFIED, call
from tests.privacy.marked import UID_ROOT, WORD
from tests.privacy.network import in_the_dock, over_the_pacs
from tests.privacy.reviewed import corrected, discs, read_back, trained


def verbs(study: Path, out: Path) -> None:
    """The terminal's verbs over the study."""
    call("scan", study, "--json", out / "scan.json")
    call("segment", study, "--out", out / "segment")
    labels = out / "segment" / "labels.nii.gz"
    call("measure", labels, "--json", out / "measure.json")
    call("report", study, "--labels", labels, "--out", out / "report")
    call("export", study, "--labels", labels, "--nifti", "--csv", "--out", out / "export")
    call("export", study, "--labels", labels, "--dicom", "--out", out / IDENTIFIED)
    call("export", study, "--deidentify", "--out", out / "deidentified")
    asked = ("--target", "volume:LV", "--method", "gradient", "--no-check", "--labels", labels)
    maps = ("--out", out / "explain" / "map.nii.gz", "--dicom", out / IDENTIFIED)
    call("explain", study, *asked, *maps)
    call("demo", study, "--headless", "--out", out / "demo")


def cohort(study: Path, out: Path) -> None:
    """A cohort on a worker of its own: the study, one with a damaged image, the same packed."""
    bad = study.parent / "bad"
    bad.mkdir()
    for path in study.rglob("*.dcm"):
        dataset = pydicom.dcmread(path)
        dataset.compress(RLELossless, encoding_plugin="pydicom")
        if path.stem.endswith("000"):
            dataset.PixelData = encapsulate([b"\xff" * 500])
        dataset.save_as(bad / path.name)
    with zipfile.ZipFile(study.parent / "packed.zip", "w") as archive:
        for path in bad.iterdir():
            archive.write(path, path.name)
    call("batch", study.parent, "--out", out / "batch", "--workers", "1")


def learning(study: Path, out: Path) -> None:
    """Fine-tune for a step; predict and evaluate with what came of it."""
    from napari_cmr.learn import finetune_segmenter
    from tests.learn.test_finetune import config

    manifest = out / "manifest.csv"
    with manifest.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("subject", "image", "label", "split"))
        writer.writerow(("p1", study, out / "segment" / "labels.nii.gz", "train"))
    version = out / "version"
    finetune_segmenter(
        [manifest], version, config(1, 1), name="n", version="1.0.0", threads=1, say=print
    )
    call("predict", "--manifest", manifest, "--model", version, "--out", out / "predict")
    call("evaluate", "--manifest", manifest, "--model", version, "--json", out / "evaluate.json")


def failures(study: Path, out: Path) -> None:
    """A bug whose own message names the patient, and files that cannot be read."""
    for error in (RuntimeError, ValueError):
        told = error(f"{WORD}^Name, {UID_ROOT}.7")
        with (
            mock.patch("napari_cmr.io.scanning.read_headers", side_effect=told),
            mock.patch("napari_cmr.io.scanning.SkipError", KeyboardInterrupt),
        ):
            call("scan", study, "--json", out / "never.json", code=1)
    damaged = out.parent / "damaged"
    for path in sorted(study.rglob("*.dcm")):
        target = damaged / path.relative_to(study)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (damaged / f"{WORD}.zip").write_bytes(b"PK\x03\x04 damaged")
    call("scan", damaged, code=2)
    whole = sorted(study.rglob("*.dcm"))
    (damaged / "more").mkdir()
    for path in whole:
        (damaged / "more" / path.name).write_bytes(path.read_bytes())
    call("scan", damaged, "--json", out / "damaged.json")


def window(study: Path, out: Path) -> None:
    """The dock and napari's own reader: open, segment, save, fail; all words of the window."""
    import napari
    from napari.settings import get_settings
    from qtpy.QtWidgets import QApplication, QWidget

    from napari_cmr import ui

    viewer = ui.launch(study, segment=True, predictor=discs, block=False)
    dock = next(w for w in QApplication.allWidgets() if type(w).__name__ == "CardiacDock")
    while dock.session.measures is None or dock.runner.busy:
        QApplication.processEvents()
    dock.coordinator.save(out / "window")
    broken = RuntimeError(f"{WORD}^Name")
    dock.coordinator.predictor = mock.Mock(side_effect=broken)
    dock.coordinator.segment()
    while dock.runner.busy:
        QApplication.processEvents()
    texts = [dock.message.text()]
    viewer.layers.clear()
    viewer.open(study, plugin="napari-cmr")
    texts += [
        viewer.title,
        viewer.status if isinstance(viewer.status, str) else repr(viewer.status),
    ]
    texts += [f"{layer.name} {sorted(layer.metadata)}" for layer in viewer.layers]
    texts += [line for layer in viewer.layers for line in layer.metadata["findings"]]
    for widget in QApplication.allWidgets():
        texts += _texts(widget)
    (out / "window.txt").write_text("\n".join(texts), encoding="utf-8")
    in_the_dock(viewer, study, out)
    get_settings().save()
    napari.current_viewer().close()
    assert isinstance(dock, QWidget)


def _texts(widget: object) -> list[str]:
    found = []
    for name in ("windowTitle", "text", "toolTip", "placeholderText", "title"):
        said = getattr(widget, name, None)
        if callable(said):
            try:
                found.append(str(said()))
            except (RuntimeError, TypeError):
                continue
    return [text for text in found if text]


def go(study: Path, out: Path) -> None:
    """The whole journey."""
    out.mkdir(parents=True)
    io.scan(study)
    verbs(study, out)
    corrected(study, out)
    read_back(study, out)
    trained(out)
    over_the_pacs(study, out)
    cohort(study, out)
    learning(study, out)
    failures(study, out)
    window(study, out)


if __name__ == "__main__":
    go(Path(sys.argv[1]), Path(sys.argv[2]))
