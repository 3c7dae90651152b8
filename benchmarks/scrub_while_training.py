"""Frames while phases are scrubbed, with a training beside the window and with none.

`xvfb-run -a python benchmarks/scrub_while_training.py [--study FOLDER] [--tier lora] [--rounds 4]`:
the dock's own window with contours on a short-axis cine (a phantom of 25 phases x 10 slices of
256 x 256 if no study is named); the training is the button's own process on that study's accepted
phase, with the shelf's model. It waits (its pause) and runs turn by turn, so both see the same
machine. A frame is a step of the phase until it is drawn, by the wall; the ratio is of medians.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path)
    parser.add_argument("--tier", default="lora")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--frames", type=int, default=40)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder
        _measure(arguments, Path(folder))


def _measure(arguments: argparse.Namespace, folder: Path) -> None:
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_cmr import io, phantom
    from napari_cmr.core import Segmentation
    from napari_cmr.review import Project, Verdict
    from napari_cmr.review.cases import keep_case
    from napari_cmr.review.training import TrainingJob, threads
    from napari_cmr.ui.dock import CardiacDock

    if arguments.study is None:
        study = phantom.make(
            phantom.PhantomConfig(
                n_phases=25, n_slices=10, rows=256, columns=256, pixel_mm=(1.4, 1.4)
            )
        )
        arguments.study = folder / "study"
        phantom.write_dicom_study(study, arguments.study)
    viewer = napari.Viewer()
    dock = CardiacDock(viewer)
    viewer.window.add_dock_widget(dock)
    project = Project.open(folder / "project")
    dock.session.use_project(project)
    dock.session.adopt(io.scan(arguments.study))
    dock.session.choose(dock.session.suggest())
    stack = dock.session.stack
    labels = np.zeros(stack.shape, np.uint8)
    rows, columns = np.mgrid[: stack.shape[2], : stack.shape[3]]
    distance = np.hypot(rows - stack.shape[2] / 2, columns - stack.shape[3] / 2)
    labels[:, :, distance < 30], labels[:, :, distance < 20] = 2, 1
    dock.session.apply_prediction(Segmentation.on(stack, labels, "circles"))
    dock.session.judge([(0, z) for z in range(stack.shape[1])], Verdict.ACCEPTED)
    project.flush()
    keep_case(project, dock.session.reading)

    job = TrainingJob(project.folder)
    job.start(project, dock.session.reader, tier=arguments.tier, steps=100_000)
    print(f"{stack.shape}, tier {arguments.tier}, {threads()} thread(s) for the training")
    _wait(lambda: len(job.curve().losses) > 1 or not job.status().state.active)
    try:
        times: dict[str, list[float]] = {"idle": [], "training": []}
        done = 0
        for _ in range(arguments.rounds):
            job.pause()
            _wait(lambda: job.status().state.value == "paused")
            times["idle"] += _scrub(viewer, dock, QApplication, arguments.frames)
            before = len(job.curve().losses)
            job.resume()
            _wait(lambda: job.status().state.value == "running")
            times["training"] += _scrub(viewer, dock, QApplication, arguments.frames)
            done += len(job.curve().losses) - before
        for name, values in times.items():
            told = np.percentile(np.array(values) * 1e3, [50, 95])
            print(f"{name}: {told[0]:.0f} ms a frame at the median, {told[1]:.0f} at the 95th")
        ratio = np.median(times["training"]) / np.median(times["idle"])
        print(f"ratio {ratio:.2f}; {done} steps of the training meanwhile")
        print(f"status: {job.status().device}")
    finally:
        job.stop()
        _wait(lambda: not job.status().state.active)
        project.close()
        viewer.close()


def _scrub(viewer, dock, application, frames: int) -> list[float]:
    canvas = viewer.window._qt_viewer.canvas._scene_canvas
    drawn = [0]

    def count(_event: object) -> None:
        drawn[0] += 1

    canvas.events.draw.connect(count)
    times = []
    phases = dock.session.stack.shape[0]
    for number in range(frames):
        before, begun = drawn[0], time.perf_counter()
        dock.coordinator.stage.go_to(phase=(number * 3 + 1) % phases)
        while drawn[0] == before and time.perf_counter() - begun < 5:
            application.processEvents()
        times.append(time.perf_counter() - begun)
    canvas.events.draw.disconnect(count)
    return times[3:]


def _wait(what) -> None:
    begun = time.monotonic()
    while not what():
        if time.monotonic() - begun > 600:
            raise TimeoutError
        time.sleep(0.1)


if __name__ == "__main__":
    main()
