"""A dab of the brush with the log against bare napari, in one process, turn by turn.

`xvfb-run -a python benchmarks/brush_speed.py [--repeats 200]`: a labels layer of (25, 12, 256, 256)
drawn as contours; each dab is a press and a release of napari's own tool, painted and drawn on
the canvas. Processor time of the window's thread; the ratio is of medians.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

SHAPE = (25, 12, 256, 256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=200)
    repeats = parser.parse_args().repeats
    import napari

    from napari_cmr.core import Geometry, Stack
    from napari_cmr.io import Catalogue
    from napari_cmr.review import Project
    from napari_cmr.ui.dock import CardiacDock
    from napari_cmr.ui.layers import Source

    random = np.random.default_rng(0)
    pixels = random.integers(0, 500, SHAPE, np.int16)
    stack = Stack(pixels, Geometry.regular(SHAPE[1], (8.0, 1.4, 1.4)), stack_id="sax-1")
    viewer = napari.Viewer()
    dock = CardiacDock(viewer)
    with tempfile.TemporaryDirectory() as folder:
        dock.session.use_project(Project.open(Path(folder)))
        reading = _reading(dock.session, stack)
        catalogue = Catalogue(Path("none"), (), {})
        dock.session._state = dock.session._state.__class__(
            catalogue, {}, {"sax-1": reading}, "sax-1"
        )
        dock.coordinator.stage.show_stack(Source(catalogue, stack))
        dock.coordinator.corrections.draw()
        ours = dock.coordinator.stage.contours
        bare = viewer.add_labels(
            np.zeros(SHAPE, np.uint8), scale=ours.scale, units=ours.units, colormap=ours.colormap
        )
        bare.contour = ours.contour
        times = {"bare napari": [], "with the log": []}
        places = random.integers(20, 230, (repeats, 2))
        for number, (row, column) in enumerate(places):
            for name, layer in (("bare napari", bare), ("with the log", ours)):
                times[name].append(_dab(layer, int(row), int(column), 1 + number % 3))
        dock.session.project.flush()
        waits = [_until_written(dock.session.project, ours, n) for n in range(20)]
        medians = {name: float(np.median(t)) for name, t in times.items()}
        for name, value in medians.items():
            print(f"{name}: {1e3 * value:.2f} ms a dab")
        print(f"ratio {medians['with the log'] / medians['bare napari']:.2f}")
        print(f"on the disk after {1e3 * np.median(waits):.0f} ms (at most {1e3 * max(waits):.0f})")
        dock.session.project.close()
    viewer.close()


def _reading(session, stack):
    from napari_cmr.review import History, Reading, StackInfo, stack_key

    key = stack_key(stack)
    session.project.add_stack(StackInfo.of(stack, key, session.project.salt))
    return Reading(stack, key, History(stack.shape))


def _dab(layer, row: int, column: int, label: int) -> float:
    from qtpy.QtWidgets import QApplication

    start = time.thread_time()
    with layer.block_history():
        layer.paint((0, 6, row, column), label)
    taken = time.thread_time() - start
    QApplication.processEvents()
    return taken


def _until_written(project, layer, number: int) -> float:
    start = time.perf_counter()
    with layer.block_history():
        layer.paint((1, 6, 20 + 8 * number, 40), 3)
    project.flush()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
