"""Thousands of mutated files: whatever they hold, they end in a reading or in a sentence."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.conftest import REPOSITORY
from tests.fuzz.readers import READERS

FILES = 2400


def test_mutated_files_end_in_a_reading_or_a_sentence_within_limits_of_time_memory_and_place(
    tmp_path,
):
    told = tmp_path / "told.json"
    command = [sys.executable, "-m", "tests.fuzz.campaign", "--files", FILES, "--json", told]
    # a process of its own: its children are forked, which a window's process must not be
    done = subprocess.run(
        [*map(str, command)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    results = json.loads(told.read_text())
    assert {r["reader"] for r in results} == {r.name for r in READERS}
    assert sum(r["files"] for r in results) >= 2000
    assert all(r["read"] + r["refused"] == r["files"] for r in results)
