from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_cmr.cli import main

PROGRAM = Path(sys.executable).parent / "napari-cmr"


@pytest.fixture
def run(tmp_path):
    """Run the program as a user would, in a folder of its own and on no display unless named."""

    def call(
        *arguments: object, code: int = 0, display: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return run_in(tmp_path, *arguments, code=code, display=display)

    return call


def run_in(
    folder: Path, *arguments: object, code: int = 0, display: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder."""
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "XAUTHORITY")}
    if display:
        environment["DISPLAY"] = display
    done = subprocess.run(
        [str(PROGRAM), *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr + done.stdout
    return done


@pytest.fixture
def run_here(tmp_path, monkeypatch, capsys):
    """Run the program in this process, whose libraries are loaded once for all tests."""
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "XAUTHORITY"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        given = [str(argument) for argument in arguments]
        monkeypatch.setattr(sys, "argv", ["napari-cmr", *given])
        left = 0
        try:
            main()
        except SystemExit as leaving:
            left = leaving.code or 0
        told = capsys.readouterr()
        assert left == code, told.err + told.out
        return subprocess.CompletedProcess(given, left, told.out, told.err)

    return call
