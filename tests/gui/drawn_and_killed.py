"""Run in a process of its own: a window whose reader draws until it is killed.

`python -m tests.gui.drawn_and_killed STUDY SEED` says ``begin N`` before each stroke and
``end N SHA256`` of the labels on show once the log has had the time that a hand leaves it.
"""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from pathlib import Path

import numpy as np
from qtpy.QtWidgets import QApplication

from napari_cmr import ui
from napari_cmr.core import Segmentation
from napari_cmr.ui.dock import CardiacDock
from tests.gui.hand import drag


def squares(stack, _progress, _cancel):
    labels = np.zeros(stack.shape, np.uint8)
    labels[:, :, 20:32, 22:34] = 1
    return Segmentation.on(stack, labels, "squares 1")


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(study: str, seed: str) -> None:
    viewer = ui.launch(Path(study), segment=True, predictor=squares, block=False)
    docks = viewer.window.dock_widgets.values()
    dock = next(widget for widget in docks if isinstance(widget, CardiacDock))
    end = time.monotonic() + 120
    while dock.session.segmentation is None or dock.runner.busy:
        QApplication.processEvents()
        assert time.monotonic() < end, dock.message.text()
    dock.coordinator.corrections.draw()
    layer = dock.coordinator.stage.contours
    random = np.random.default_rng(int(seed))
    number = 0
    while threading.main_thread().is_alive():
        number += 1
        viewer.dims.set_current_step((0, 1), tuple(int(v) for v in random.integers(0, (5, 6))))
        layer.selected_label = int(random.integers(1, 4))
        row, column = (int(v) for v in random.integers(5, 45, 2))
        say("begin", number)
        drag(viewer, layer, (row, column), (row + 4, column + 6))
        QApplication.processEvents()
        assert dock.session.project.flush()
        say("end", number, hashlib.sha256(np.ascontiguousarray(layer.data)).hexdigest())


if __name__ == "__main__":
    main(*sys.argv[1:])
