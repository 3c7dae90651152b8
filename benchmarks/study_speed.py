"""Reading, memory and segmenting of one real study, each against its yardstick in the same run.

usage: python benchmarks/study_speed.py FOLDER [--repeats 5] [--threads 2]
FOLDER holds a study with a short-axis cine as classic DICOM, one image a file. Every stack of it
is read: by us, by pydicom file by file, and by dcm2niix with nibabel (skipped where dcm2niix is
not installed; uncompressed NIfTI in a temporary folder).
"""

from __future__ import annotations

import argparse
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
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
    """A yardstick: pydicom reads and decodes the files one after the other."""
    import pydicom

    for path in sorted(folder.rglob("*")):
        if path.is_file():
            _ = pydicom.dcmread(path).pixel_array


def convert_and_read(folder: Path) -> None:
    """A yardstick: dcm2niix converts the folder, nibabel reads what came of it."""
    import nibabel
    import numpy as np

    with tempfile.TemporaryDirectory() as out:
        convert = ["dcm2niix", "-b", "n", "-z", "n", "-o", out, str(folder)]
        subprocess.run(convert, capture_output=True, check=True)
        for file in Path(out).glob("*.nii"):
            np.asarray(nibabel.load(file).dataobj)


def open_study(folder: Path):
    """Ours: scan, and load each stack; the short-axis cine is given back."""
    from napari_cmr import io

    catalogue = io.scan(folder)
    chosen = io.sax_cine(catalogue)
    return [io.load(e) for e in catalogue.entries if e is not chosen], io.load(chosen)


def in_turns(folder: Path, repeats: int) -> None:
    """Each repeat runs all of them, so that other work on the machine hits them alike."""
    runners = {"pydicom alone": (decode_alone, 1.5), "dcm2niix + nibabel": (convert_and_read, 5)}
    if shutil.which("dcm2niix") is None:
        del runners["dcm2niix + nibabel"]
        print("dcm2niix is not installed, so it is not compared with")
    taken: dict[str, list[float]] = {name: [] for name in (*runners, "ours")}
    for repeat in range(repeats + 1):
        for name in taken:
            run = open_study if name == "ours" else runners[name][0]
            (once,) = seconds(lambda run=run: run(folder), 1)
            if repeat:  # the first one warms the disk's cache and the imports
                taken[name].append(once)
    for name, times in taken.items():
        print(f"{name + ', median':<27} {spread(times)} s")
    for name, (_, wanted) in runners.items():
        ratios = [us / them for us, them in zip(taken["ours"], taken[name], strict=True)]
        print(f"ours over {name:<17} {spread(ratios)}, wanted at most {wanted}")


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f})"


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

    _, stack = open_study(folder)
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
    parser.add_argument("--reading-only", action="store_true")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    print(
        f"{platform.machine()}, {arguments.threads} threads, Python "
        f"{platform.python_version()}, "
        + ", ".join(f"{p} {version(p)}" for p in ("torch", "pydicom", "numpy"))
    )
    in_turns(arguments.folder, arguments.repeats)
    memory(arguments.folder)
    help_time(arguments.repeats)
    if not arguments.reading_only:
        segmenting(arguments.folder, arguments.repeats)


if __name__ == "__main__":
    main()
