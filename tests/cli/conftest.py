from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).parent / "napari-cmr"


@pytest.fixture
def run(tmp_path):
    """Run the program as a user would, in a folder of its own and on no display unless named."""

    def call(
        *arguments: object, code: int = 0, display: str = ""
    ) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "XAUTHORITY")}
        if display:
            environment["DISPLAY"] = display
        done = subprocess.run(
            [str(PROGRAM), *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr + done.stdout
        return done

    return call
