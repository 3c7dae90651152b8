"""Frames while phases are scrubbed, with a training beside the window and with none.

`xvfb-run -a python benchmarks/scrub_while_training.py [--study FOLDER] [--tier lora] [--rounds 6]`:
the dock's own window with contours on a short-axis cine (a phantom of 25 phases x 10 slices of
256 x 256 if no study is named); the training is the button's own process on that study's accepted
phase, with the shelf's model. It waits (its pause) and runs turn by turn, so both see the same
machine. A frame is a step of the phase until it is drawn, by the wall; the ratio is of medians.

Nothing is scrubbed before the training has made steps, and each of its turns lasts until it has
made some more: a training that stands still says nothing of a window beside it, so then the
benchmark ends with an error. Give it a machine with a core to spare (`uptime`).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

TURN_S = 120.0
"""A turn in which the training makes no step for so long measures nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path)
    parser.add_argument("--tier", default="lora")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--frames", type=int, default=40, help="a turn, at least")
    parser.add_argument("--steps", type=int, default=2, help="of the training, a turn, at least")
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
    try:
        _wait(lambda: _steps(job) > 1, 600)
        times: dict[str, list[float]] = {"idle": [], "training": []}
        made = []
        for _ in range(arguments.rounds):
            job.pause()
            _wait(lambda: job.status().state.value == "paused", 60)
            times["idle"] += _scrub(viewer, dock, QApplication, arguments.frames)
            before = _steps(job)
            job.resume()
            _wait(lambda: job.status().state.value == "running", 60)

            def enough(wanted: int = before + arguments.steps) -> bool:
                return _steps(job) >= wanted

            times["training"] += _scrub(viewer, dock, QApplication, arguments.frames, enough)
            made.append(_steps(job) - before)
        for name, values in times.items():
            told = np.percentile(np.array(values) * 1e3, [50, 95])
            print(
                f"{name}: {told[0]:.0f} ms a frame at the median, {told[1]:.0f} at the 95th, "
                f"{len(values)} frames"
            )
        ratio = np.median(times["training"]) / np.median(times["idle"])
        print(f"ratio {ratio:.2f} (at most 1.3); steps of the training in its turns: {made}")
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print(f"status: {job.status().device}")
    finally:
        job.stop()
        _wait(lambda: not job.status().state.active, 600)
        project.close()
        viewer.close()


def _scrub(viewer, dock, application, frames: int, enough=lambda: True) -> list[float]:
    """Seconds of at least so many frames, and of so many more until there is enough."""
    canvas = viewer.window._qt_viewer.canvas._scene_canvas
    drawn = [0]

    def count(_event: object) -> None:
        drawn[0] += 1

    canvas.events.draw.connect(count)
    times: list[float] = []
    phases = dock.session.stack.shape[0]
    started = time.monotonic()
    while len(times) < frames or not enough():
        if time.monotonic() - started > TURN_S:
            raise SystemExit(
                f"The training made no step within {TURN_S} s beside the window, so there is "
                "nothing to compare; run this on a machine with a core to spare."
            )
        before, begun = drawn[0], time.perf_counter()
        dock.coordinator.stage.go_to(phase=(len(times) * 3 + 1) % phases)
        while drawn[0] == before and time.perf_counter() - begun < 5:
            application.processEvents()
        times.append(time.perf_counter() - begun)
    canvas.events.draw.disconnect(count)
    return times[3:]


def _steps(job) -> int:
    """Steps made so far by a training that still runs."""
    status = job.status()
    if not status.state.active:
        raise SystemExit(f"The training ended before it was measured: {status.sentence}")
    return len(job.curve().losses)


def _wait(what, at_most_s: float) -> None:
    begun = time.monotonic()
    while not what():
        if time.monotonic() - begun > at_most_s:
            raise SystemExit(f"Not within {at_most_s:.0f} s; the machine is too busy.")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
