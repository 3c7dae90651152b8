"""How soon the rest of an open study follows an accepted slice.

`python benchmarks/live_speed.py STUDY [...] [--repeats 5] [--threads 1]`: opens the short-axis
cine, asks the shelf's model once (the cold cache), then accepts one slice after another and redraws
the study each time as the window's Follow does. From the verdict to the labels in the session, by
the wall and in processor time, with a warm cache; the window's own drawing comes on top.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", type=Path, nargs="+")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    for study in arguments.studies:
        with tempfile.TemporaryDirectory() as folder:
            _measure(study, arguments.repeats, Path(folder))


def _measure(study: Path, repeats: int, folder: Path) -> None:
    from napari_cmr.review import Project, ReviewSession, Verdict
    from napari_cmr.review.live import LiveDrafts

    project = Project.open(folder)
    session = ReviewSession(project)
    session.open(study)
    stack = session.choose(session.suggest())
    live = LiveDrafts()
    cold = _timed(lambda: live.warming(session)())
    session.predict()
    times = []
    for number in range(repeats + 1):
        frame = (number % stack.shape[0], stack.shape[1] // 2)
        session.judge([frame], Verdict.ACCEPTED)
        seen: list[float] = []
        clock = time.process_time()
        task = live.drafting(
            session,
            visible=frame[0],
            arrived=lambda *_, seen=seen: seen.append(time.process_time()),
        )
        times.append((*_timed(task), seen[0] - clock))
    first, rest = times[0], np.array(times[1:])
    print(f"{study.name} {stack.shape}: {stack.shape[0] * stack.shape[1]} slices")
    print(f"  looking at the study once: {cold[0]:.1f} s, processor {cold[1]:.1f} s")
    print(f"  the first draft: {first[0]:.2f} s, processor {first[1]:.2f} s")
    wall, processor, shown = np.median(rest, axis=0)
    print(
        f"  then: {wall:.2f} s ({rest[:, 0].min():.2f}..{rest[:, 0].max():.2f}), processor "
        f"{processor:.2f} s ({rest[:, 1].min():.2f}..{rest[:, 1].max():.2f}), the phase on show "
        f"after {shown:.2f} s of it"
    )
    live.close()
    project.close()


def _timed(do) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    do()
    return time.perf_counter() - wall, time.process_time() - processor


if __name__ == "__main__":
    main()
