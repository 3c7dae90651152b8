"""What Debian's dciodvfy says is wrong with a DICOM file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def errors_of(path: Path) -> list[str]:
    """Its lines of errors; warnings are left out."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed (Debian: dicom3tools)")
    done = subprocess.run(["dciodvfy", path], capture_output=True, text=True, errors="replace")
    lines = (done.stdout + done.stderr).splitlines()
    assert lines, "dciodvfy said nothing"  # it names the object at least
    return [line for line in lines if "Error" in line]
