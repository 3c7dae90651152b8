#!/usr/bin/env python3
"""Take the pictures of docs/tutorial.md from the running window, with the bundled study.

usage: xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/tutorial_pictures.py [--out FOLDER]

It opens the real window and does what a reader does, with mouse and keys where a reader has them,
and takes a picture after each step. It needs two to four minutes of a quiet processor and writes
nothing but the pictures: the project that it works in is a temporary one. The training in it is
real, of the last layer alone; one person's study cannot be judged, so the reader goes back then.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageColor

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the tests' hand moves the mouse here too

WINDOW = (1360, 900)
GIF_SIDE = 400
GIF_COLOURS = 64
PATIENCE_S = 600
BASAL, BETWEEN, APICAL = 1, 2, 3
"""Slices that are corrected, and the one between them."""
TO_THE_LATERAL_WALL = np.radians(np.arange(-50, 51, 5))


class Round:
    """One reader's round through the window."""

    def __init__(self, out: Path, work: Path) -> None:
        from napari_cmr.ui.launch import launch

        self.out, self.work = out, work
        self.viewer: Any = launch(block=False)
        self.dock: Any = self._dock()
        self.viewer.window.resize(*WINDOW)

    def go(self) -> None:
        """Do all of it."""
        self.open()
        self.segment()
        self.look()
        self.correct()
        self.fill_in()
        self.accept()
        self.ask_why()
        self.learn()
        self.save()

    def open(self) -> None:
        """Open the bundled person's study."""
        from napari_cmr.io import demo_study
        from napari_cmr.ui.tabs import Tab

        self.dock.studies.folder_wanted.emit(demo_study())
        self.settle()
        self.dock.bring(Tab.STUDIES)
        self.take("01-open")

    def segment(self) -> None:
        """Find the structures in all frames."""
        from napari_cmr.ui.tabs import Tab

        self.dock.bring(Tab.SEGMENT)
        self.click(self.dock.segment.segment)
        self.settle()
        self.take("02-segment")

    def look(self) -> None:
        """ES, the beating heart, and a long axis beside."""
        self.key("S")
        self.take("03-es")
        self.beat()
        views = self.dock.viewing.beside
        views.setCurrentIndex(next(i for i in range(views.count()) if "4CH" in views.itemText(i)))
        views.activated.emit(views.currentIndex())
        self.settle()
        self.take("04-beside")
        views.setCurrentIndex(0)
        views.activated.emit(0)
        self.settle()

    def correct(self) -> None:
        """Thicken the lateral wall with the brush, on two slices at ED."""
        from napari_cmr.ui.tabs import Tab

        self.dock.bring(Tab.CORRECT)
        self.key("D")
        self.look_closer(2.0)
        for index in (APICAL, BASAL):
            self.stage.go_to(slice_index=index)
            self.settle()
            self.paint_along_the_wall()
        self.take("05-correct")

    def fill_in(self) -> None:
        """Contours for the slice between the two."""
        self.click(self.dock.review.slices)
        self.stage.go_to(slice_index=BETWEEN)
        self.settle()
        self.take("06-fill-in")
        self.click(self.dock.review.leave_all)  # what was there follows the pictures better
        self.settle()

    def accept(self) -> None:
        """Say that three slices are right."""
        for index in (APICAL, BETWEEN, BASAL):
            self.stage.go_to(slice_index=index)
            self.settle()
            self.key("A")
        self.take("07-accept")

    def ask_why(self) -> None:
        """Where the model is unsure."""
        from napari_cmr.ui.tabs import Tab

        self.dock.bring(Tab.WHY)
        slices = self.dock.session.reading.uncertainty.slices
        least_sure = np.unravel_index(np.nanargmax(slices), slices.shape)
        strip = self.dock.why.strip
        self.click(strip, strip.cell(*map(int, least_sure)).center().toPoint())
        self.dock.why.show_doubt_box.setChecked(True)
        self.settle()
        self.take("08-how-sure")
        self.dock.why.show_doubt_box.setChecked(False)

    def learn(self) -> None:
        """What there is to learn, a training of the last layer, and what came of it."""
        from napari_cmr.ui.tabs import Tab

        self.dock.bring(Tab.LEARN)
        self.key("D")
        self.stage.go_to(slice_index=BETWEEN)
        panel, outcome, job = self.dock.learn, self.dock.outcome, self.dock.learning.job
        panel.tier.setCurrentIndex(panel.tier.findData("head"))
        self.settle()
        self.take("09-learn")
        self.click(panel.learn)
        self.until(lambda: outcome.isVisible())
        if not job.status().version:
            raise SystemExit(job.status().sentence)
        self.settle()  # both versions run on the open case
        self.click(outcome.show_buttons.buttons()[-1])  # the new version's contours
        self.scroll_to(panel.losses, outcome.back)
        self.take("10-learnt")
        self.click(outcome.back)
        self.settle()

    def save(self) -> None:
        """Write contours and measures."""
        from napari_cmr.ui.tabs import Tab

        self.dock.bring(Tab.SEGMENT)
        self.key("D")
        self.stage.fit()
        self.dock.coordinator.save(self.work / "result")
        self.settle()
        self.take("11-save")

    def beat(self) -> None:
        """Write the beating heart with its contours as GIF."""
        stage = self.stage
        self.look_closer(1.5, GIF_SIDE)
        frames = []
        for phase in range(stage.contours.data.shape[0]):
            stage.go_to(phase=phase, slice_index=BETWEEN)
            self.settle()
            shot = self.viewer.screenshot(canvas_only=True, flash=False)[..., :3]
            top, left = ((side - GIF_SIDE) // 2 for side in shot.shape[:2])
            frames.append(shot[top : top + GIF_SIDE, left : left + GIF_SIDE])
        write_gif(frames, self.out / "beating.gif")
        stage.fit()
        self.key("S")

    def look_closer(self, room: float, side: int | None = None) -> None:
        """Bring the heart to the middle, so many times its size to a side of so many pixels."""
        stage, camera = self.stage, self.viewer.scene.camera
        where = np.argwhere(stage.contours.data[:, BETWEEN] > 0)
        low, high = where.min(axis=0)[1:], where.max(axis=0)[1:]
        pixel = stage.image.scale[-2:]
        side = side or min(self.viewer.window._qt_viewer.canvas.size)
        camera.center = (low + high) / 2 * pixel
        camera.zoom = side / (room * float(max((high - low) * pixel)))

    def paint_along_the_wall(self) -> None:
        """One stroke of the brush along the outer border of the lateral wall."""
        from napari_cmr.core import Structure
        from tests.gui.hand import drag

        panel = self.dock.review
        self.click(panel.tools.structures[Structure.MYO])
        self.click(panel.draw)
        layer = self.stage.contours
        layer.brush_size = 2
        labels = layer.data[self.stage.phase, self.stage.slice]
        drag(self.viewer, layer, *border_points(labels))
        self.settle()

    @property
    def stage(self) -> Any:
        """Where the reader is."""
        return self.dock.coordinator.stage

    def take(self, name: str) -> None:
        """Take a picture of the whole window."""
        self.settle()
        shot = self.viewer.screenshot(canvas_only=False, flash=False)[..., :3]
        with_palette([shot])[0].save(self.out / f"{name}.png", optimize=True)
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()

    def key(self, letter: str) -> None:
        """Press a key on the canvas."""
        from qtpy.QtCore import Qt

        from tests.gui.hand import press

        press(self.viewer, getattr(Qt.Key, f"Key_{letter}"))
        self.settle()

    def click(self, widget: Any, at: Any = None) -> None:
        """Click a widget, in its middle or elsewhere; it must be one that can be clicked."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        if not (widget.isVisible() and widget.isEnabled()):
            raise SystemExit(f"{widget} cannot be clicked")
        middle = widget.rect().center() if at is None else at
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=middle)

    def scroll_to(self, *widgets: Any) -> None:
        """Bring panels of the tab in front into sight, the last of them for sure."""
        for widget in widgets:
            self.dock.tabs.currentWidget().ensureWidgetVisible(widget)

    def settle(self) -> None:
        """Wait until nothing is being done, and a little for what follows a pause."""
        dock = self.dock
        runners = (dock.runner, dock.coordinator.studies.runner, dock.coordinator.beside.runner)
        self.until(lambda: not any(runner.busy for runner in runners))
        self.until(lambda: not dock.learning.busy)
        until_then = time.monotonic() + 0.4
        self.until(lambda: time.monotonic() > until_then)

    def until(self, condition: Callable[[], bool]) -> None:
        """Let the window work until something is so."""
        from qtpy.QtWidgets import QApplication

        late = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > late:
                raise SystemExit("the window did not come to an end of its work")
            QApplication.processEvents()
            time.sleep(0.01)
        QApplication.processEvents()

    def _dock(self) -> Any:
        from napari_cmr.ui.dock import CardiacDock

        window = self.viewer.window._qt_window  # napari offers no public way to a dock's widget
        return window.findChild(CardiacDock)


def border_points(labels: np.ndarray) -> list[tuple[float, float]]:
    """Pixels a little outside the wall on the side away from the RV."""
    from napari_cmr.core import Structure

    cavity = np.argwhere(labels == Structure.LV).mean(axis=0)
    rv = np.argwhere(labels == Structure.RV).mean(axis=0)
    away = np.arctan2(*(cavity - rv))
    points = []
    for turn in TO_THE_LATERAL_WALL:
        step = np.array((np.sin(away + turn), np.cos(away + turn)))
        reach = np.arange(0.0, 80.0, 0.5)
        walked = cavity + reach[:, None] * step
        at = labels[tuple(walked.round().astype(int).T)]
        outer = reach[np.flatnonzero(at == Structure.MYO).max()]
        points.append(tuple(float(v) for v in cavity + (outer - 0.3) * step))
    return points


def write_gif(frames: list[np.ndarray], path: Path) -> None:
    """Write RGB frames in greys and the contours' colours, at about the heart's own rate."""
    from napari_cmr.core.palette import COLOURS

    greys = np.linspace(0, 255, GIF_COLOURS - len(COLOURS)).astype(np.uint8)
    colours = [ImageColor.getrgb(colour)[:3] for colour in COLOURS.values()]
    palette = Image.new("P", (1, 1))
    palette.putpalette([*np.repeat(greys, 3).tolist(), *sum(colours, ())])
    drawn = [_in_colours(frame, palette) for frame in frames]
    drawn[0].save(path, save_all=True, append_images=drawn[1:], duration=40, loop=0, optimize=True)


def with_palette(frames: list[np.ndarray]) -> list[Image.Image]:
    """RGB frames with one palette, in which contours and previews keep their own colours."""
    from napari_cmr.core.palette import COLOURS

    pure = [np.array(ImageColor.getrgb(colour)[:3]) for colour in COLOURS.values()]
    over_grey = [0.4 * rgb + 0.6 * grey for rgb in pure[:3] for grey in range(0, 256, 32)]
    width = frames[0].shape[1]
    rows = [np.full((20, width, 3), rgb).astype(np.uint8) for rgb in (*pure, *over_grey)]
    palette = Image.fromarray(np.concatenate([*frames[::6], *rows])).quantize(256)
    return [_in_colours(frame, palette) for frame in frames]


def _in_colours(frame: np.ndarray, palette: Image.Image) -> Image.Image:
    rgb = Image.fromarray(np.ascontiguousarray(frame))
    return rgb.quantize(palette=palette, dither=Image.Dither.NONE)


def main() -> None:
    """Read the options and go round."""
    parser = argparse.ArgumentParser(description="Take the pictures of docs/tutorial.md.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cmr-") as work:
        for name in ("DATA", "CONFIG", "CACHE"):
            os.environ[f"XDG_{name}_HOME"] = f"{work}/{name.lower()}"
        os.environ["LOGNAME"] = "ada"  # pictures show whose work it is
        one = Round(out, Path(work))
        one.go()
        one.viewer.close()


if __name__ == "__main__":
    main()
