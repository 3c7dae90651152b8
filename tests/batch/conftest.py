from __future__ import annotations

import csv
import os
import subprocess

import nibabel as nib
import numpy as np
import pytest


@pytest.fixture
def notes(tmp_path):
    """A folder for what a segmenter notes, with a pipe that a study can wait at."""
    folder = tmp_path / "notes"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    return folder


@pytest.fixture
def studies(tmp_path):
    """Make a folder of tiny cines: 2 phases, 2 slices, 8 x 8 pixels of 1 mL each."""

    def make(*names: str):
        folder = tmp_path / "studies"
        folder.mkdir(exist_ok=True)
        for name in names:
            pixels = np.random.default_rng(0).normal(100, 20, (8, 8, 2, 2)).astype(np.float32)
            nib.save(
                nib.Nifti1Image(pixels, np.diag([10.0, 10.0, 10.0, 1.0])), folder / f"{name}.nii"
            )
        return folder

    return make


@pytest.fixture
def table():
    """The rows of a table."""

    def read(out):
        with (out / "measures.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 64 KiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
