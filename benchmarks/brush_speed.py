"""The window's speed against bare napari, in one window, turn by turn.

`xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/brush_speed.py [--repeats 100]`

On a study of (25, 12, 256, 256), contours drawn as lines. Medians of interleaved repeats; processor
time of the window's thread.

- a dab: press and release of napari's own brush, on a labels layer that nobody listens to and on
  the contours, the log included; without drawing it, and with all that the window then draws
- scrubbing: from one phase to the next, drawn; the image alone with the dock deaf, against contours
  and the dock following
- a new prediction of one frame: taken into the session and drawn
- the dock: from asking for it to having it, in a fresh process whose napari window is open already;
  the first, in which Python may still have to compile the modules, is not counted
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SHAPE = (25, 12, 256, 256)
_DOCK = """
import sys, time
import napari
viewer = napari.Viewer()
from qtpy.QtWidgets import QApplication
QApplication.processEvents()
started, wall = time.thread_time(), time.perf_counter()
viewer.window.add_plugin_dock_widget("napari-cmr", "Cardiac MR")
QApplication.processEvents()
print(time.thread_time() - started, time.perf_counter() - wall, int("torch" in sys.modules))
viewer.close()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--docks", type=int, default=5, help="how often the dock is opened")
    parser.add_argument("--only-dabs", action="store_true", help="no docks, no scrubbing")
    given = parser.parse_args()
    _docks(0 if given.only_dabs else given.docks)
    import napari

    from napari_cmr.ui.dock import CardiacDock

    with tempfile.TemporaryDirectory() as folder:
        viewer = napari.Viewer()
        dock = CardiacDock(viewer)
        viewer.window.add_dock_widget(dock)
        _open(dock, Path(folder))
        _dabs(viewer, dock, given.repeats)
        if not given.only_dabs:
            _scrubbing(viewer, dock, given.repeats)
            _predictions(dock, given.repeats)
        dock.session.project.close()
        viewer.close()


def _docks(count: int) -> None:
    # Compiled modules are kept, as they are after any installation.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    found = []
    for _ in range(count and count + 1):
        told = subprocess.run(
            [sys.executable, "-c", _DOCK],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        ).stdout.split()
        found.append([float(v) for v in told[-3:]])
    if found:
        processor, wall, torch = np.median(found[1:], axis=0)
        print(
            f"dock: {1e3 * processor:.0f} ms processor, {1e3 * wall:.0f} ms by the clock; "
            f"torch imported: {'yes' if torch else 'no'}",
            flush=True,
        )


def _open(dock, folder: Path) -> None:
    from napari_cmr import io
    from napari_cmr.core import Geometry, Segmentation, Stack
    from napari_cmr.review import Project

    random = np.random.default_rng(0)
    pixels = random.integers(0, 500, SHAPE, np.int16)
    geometry = Geometry.regular(SHAPE[1], (8.0, 1.4, 1.4))
    io.write_nifti(Stack(pixels, geometry), folder / "cine.nii.gz")
    dock.session.use_project(Project.open(folder / "project"))
    dock.session.open(folder / "cine.nii.gz")
    stack = dock.session.choose(dock.session.suggest())
    rows, columns = np.mgrid[: SHAPE[2], : SHAPE[3]]
    away = (rows - 128) ** 2 + (columns - 128) ** 2
    frame = np.where(away < 30**2, 1, np.where(away < 38**2, 2, 0)).astype(np.uint8)
    frame[100:160, 60:85] = 3
    labels = np.broadcast_to(frame, SHAPE).copy()
    dock.session.apply_prediction(Segmentation.on(stack, labels, "squares 1"))
    dock.coordinator.corrections.draw()


def _dabs(viewer, dock, repeats: int) -> None:
    ours = dock.coordinator.stage.contours
    bare = viewer.add_labels(
        ours.data.copy(), scale=ours.scale, units=ours.units, colormap=ours.colormap
    )
    bare.contour = ours.contour
    viewer.layers.selection.active = ours
    random = np.random.default_rng(1)
    places = random.integers(20, 230, (2 * repeats, 2))
    turns = iter(range(10**6))

    def dab(layer) -> Callable[[], None]:
        def act() -> None:
            number = next(turns)
            row, column = (int(v) for v in places[number // 2 % len(places)])
            with layer.block_history():
                layer.paint((0, 6, row, column), 1 + number // 2 % 3)

        return act

    _compare("a dab", 1.2, dab(bare), dab(ours), repeats, drawn=False)
    _compare("a dab, drawn", 1.2, dab(bare), dab(ours), repeats, drawn=True)
    viewer.layers.remove(bare)
    dock.session.project.flush()


def _scrubbing(viewer, dock, repeats: int) -> None:
    stage, phases = dock.coordinator.stage, iter(range(10**6))
    stage.contours.mode = "pan_zoom"

    def step() -> None:
        viewer.dims.set_current_step(0, next(phases) % SHAPE[0])

    def alone() -> None:
        stage.contours.visible = False
        viewer.dims.events.point.disconnect(stage._moved)

    def together() -> None:
        stage.contours.visible = True
        viewer.dims.events.point.connect(stage._moved)

    _compare("a phase step", 1.5, step, step, repeats, drawn=True, first=alone, second=together)


def _predictions(dock, repeats: int) -> None:
    session = dock.session
    random = np.random.default_rng(2)
    taken = []
    for _ in range(min(repeats, 40)):
        frame = (dock.coordinator.stage.phase, dock.coordinator.stage.slice)
        labels = session.reading.history.labels.copy()
        row, column = (int(v) for v in random.integers(90, 160, 2))
        labels[frame] = 0
        labels[frame][row : row + 40, column : column + 40] = 1
        found = session.segmentation.with_labels(labels)
        taken.append(_timed(lambda found=found: session.apply_prediction(found), drawn=True))
    print(
        f"a new prediction of one frame: {1e3 * np.median(taken):.1f} ms (at most 50)", flush=True
    )


def _compare(
    name: str,
    most: float,
    bare: Callable[[], None],
    ours: Callable[[], None],
    repeats: int,
    *,
    drawn: bool,
    first: Callable[[], None] = lambda: None,
    second: Callable[[], None] = lambda: None,
) -> None:
    times = {"bare napari": [], "with the dock": []}
    for _ in range(repeats):
        for one, prepare, act in zip(times, (first, second), (bare, ours), strict=True):
            prepare()
            times[one].append(_timed(act, drawn=drawn))
    alone, together = (1e3 * float(np.median(t)) for t in times.values())
    print(
        f"{name}: bare napari {alone:.2f} ms, with the dock {together:.2f} ms, "
        f"ratio {together / alone:.2f} (at most {most})",
        flush=True,
    )


def _timed(act: Callable[[], None], *, drawn: bool) -> float:
    from qtpy.QtWidgets import QApplication

    QApplication.processEvents()
    started = time.thread_time()
    act()
    if drawn:
        QApplication.processEvents()
    taken = time.thread_time() - started
    QApplication.processEvents()
    return taken


if __name__ == "__main__":
    main()
