"""Reading, memory and segmenting of one real study, each against its yardstick in the same run.

usage: python benchmarks/study_speed.py FOLDER [--repeats 5] [--threads 2]
FOLDER holds a short-axis cine as classic DICOM, one image a file.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path


def seconds(call, repeats: int) -> list[float]:
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return taken


def decode_alone(folder: Path) -> None:
    """The yardstick: pydicom reads and decodes the files one after the other."""
    import pydicom

    for path in sorted(folder.rglob("*")):
        if path.is_file():
            _ = pydicom.dcmread(path).pixel_array


def scan_and_load(folder: Path):
    from napari_cmr import io

    catalogue = io.scan(folder)
    return io.load(io.sax_cine(catalogue))


def in_pairs(folder: Path, repeats: int) -> None:
    decode_alone(folder), scan_and_load(folder)  # warm the disk's cache and the imports
    ratios, ours, theirs = [], [], []
    for _ in range(repeats):
        theirs += seconds(lambda: decode_alone(folder), 1)
        ours += seconds(lambda: scan_and_load(folder), 1)
        ratios.append(ours[-1] / theirs[-1])
    print(f"decode alone, median        {statistics.median(theirs):.2f} s")
    print(f"scan and load, median       {statistics.median(ours):.2f} s")
    print(
        f"ratio, median (min..max)    {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f}..{max(ratios):.2f}), wanted at most 1.5"
    )


MEMORY = """
import re, sys
from pathlib import Path
import pydicom
from napari_cmr import io
from napari_cmr.io import loading, scanning

def kilobytes(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

folder = Path(sys.argv[1])
pydicom.dcmread(next(p for p in sorted(folder.rglob("*")) if p.is_file())).pixel_array
Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
base = kilobytes("VmRSS")
stack = io.load(io.sax_cine(io.scan(folder)))
print((kilobytes("VmHWM") - base) * 1024, stack.pixels.nbytes)
"""


def memory(folder: Path) -> None:
    """In a fresh process, since a peak never falls."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(folder)], capture_output=True, text=True, check=True
    )
    peak, pixels = map(int, done.stdout.split())
    print(f"decoded pixels              {pixels / 1e6:.1f} MB")
    print(
        f"peak above the process      {peak / 1e6:.1f} MB, {peak / pixels:.2f} times, "
        "wanted at most 1.5"
    )


def segmenting(folder: Path, repeats: int) -> None:
    from napari_cmr import nets

    stack = scan_and_load(folder)
    model = nets.load_model(task="cine_sax_seg")
    slices = stack.shape[0] * stack.shape[1]
    taken = [s / slices * 1000 for s in seconds(lambda: nets.predict(stack, model), repeats)]
    print(
        f"segmenting {stack.shape}, ms a slice, median (min..max)  "
        f"{statistics.median(taken):.1f} ({min(taken):.1f}..{max(taken):.1f}), "
        "wanted at most 60"
    )


def help_time(repeats: int) -> None:
    program = Path(sys.executable).parent / "napari-cmr"
    taken = seconds(
        lambda: subprocess.run([program, "--help"], capture_output=True, check=True), repeats
    )
    print(f"napari-cmr --help, median   {statistics.median(taken):.2f} s, wanted under 0.5")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    print(
        f"{platform.machine()}, {arguments.threads} threads, Python "
        f"{platform.python_version()}, "
        + ", ".join(f"{p} {version(p)}" for p in ("torch", "pydicom", "numpy"))
    )
    in_pairs(arguments.folder, arguments.repeats)
    memory(arguments.folder)
    help_time(arguments.repeats)
    segmenting(arguments.folder, arguments.repeats)


if __name__ == "__main__":
    main()
