"""How long DICOM SEG and a report of one real study take to write, and SEG to read back.

usage: python benchmarks/export_speed.py FOLDER [--repeats 3]
FOLDER holds a short-axis cine as DICOM. Labels are rings; what is in them does not matter.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from napari_cmr import io, measure
from napari_cmr.core import Segmentation

WANTED_S = 0.1


def rings(shape) -> np.ndarray:
    t, _, y, x = shape
    rows, columns = np.mgrid[:y, :x]
    radius = np.hypot(rows - y / 2, columns - x / 2) / min(y, x)
    labels = np.zeros(shape, np.uint8)
    for phase in range(t):
        inner = 0.1 + 0.03 * np.cos(2 * np.pi * phase / t)
        labels[phase] = np.select([radius < inner, radius < inner + 0.06, radius < 0.3], [1, 2, 3])
    return labels


class Clock:
    """Seconds by the wall, and of this process alone."""

    def __enter__(self):
        self._begun = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_):
        self.wall = time.perf_counter() - self._begun[0]
        self.cpu = time.process_time() - self._begun[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print(
        f"{platform.machine()}, Python {platform.python_version()}, "
        + ", ".join(f"{p} {version(p)}" for p in ("highdicom", "pydicom", "numpy"))
    )
    entry = io.sax_cine(io.scan(arguments.folder))
    segmentation = Segmentation(
        rings(entry.shape), entry.geometry, "rings 1.0", entry.times_ms, entry.rr_ms
    )
    measures = measure.function(segmentation)
    with Clock() as looking:
        sources = io.source_images(entry)
    with tempfile.TemporaryDirectory() as folder:  # the imports, once
        io.write_seg(segmentation, sources, folder)
    writing, reading, reporting = [], [], []
    for _ in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as folder:
            with Clock() as clock:
                files = io.write_seg(segmentation, sources, folder)
            writing.append(clock)
            with Clock() as clock:
                back = io.read_seg(files, sources)
            reading.append(clock)
            assert np.array_equal(back.labels, segmentation.labels)
            with Clock() as clock:
                io.write_report(measures, sources, Path(folder, "sr.dcm"), segmentations=files)
            reporting.append(clock)
    t, z = entry.shape[:2]
    print(f"{t} phases x {z} slices, three structures")
    print(f"headers of the images       {looking.wall:.2f} s, of it working {looking.cpu:.2f}")
    for title, clocks, n in (
        ("SEG written, a phase", writing, t),
        ("SEG read, a phase", reading, t),
        ("report written", reporting, 1),
    ):
        wall = [c.wall / n for c in clocks]
        cpu = statistics.median(c.cpu / n for c in clocks)
        print(
            f"{title:<28}{statistics.median(wall):.3f} s ({min(wall):.3f}..{max(wall):.3f}), "
            f"of it working {cpu:.3f}"
        )
    print(f"wanted: SEG written in at most {WANTED_S} s a phase")


if __name__ == "__main__":
    main()
