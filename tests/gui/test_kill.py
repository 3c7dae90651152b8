"""A window is killed while its reader draws; another window goes on where it was."""

import hashlib
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from napari_cmr.review import Kind
from tests.conftest import REPOSITORY

from .test_corrections import contours, same


@pytest.mark.parametrize("strokes", [3, 8])
def test_a_killed_window_loses_at_most_the_stroke_under_the_pointer(
    study_folder, viewer, strokes, qtbot, request
):
    last = draw_until_killed(study_folder, strokes)
    dock = request.getfixturevalue("dock")  # opened on the same project, once the other is dead
    assert not dock.review.trouble.isVisible()
    request.getfixturevalue("open_study")(study_folder)
    kept = [r for r in dock.session.project.records() if r.kind is Kind.STROKE]
    assert len(kept) >= last["begin"] - 1
    shown = same(dock)
    while len(kept) > last["end"]:  # the stroke under the pointer may have arrived
        dock.session.undo()
        kept.pop()
    assert hashlib.sha256(same(dock)).hexdigest() == last["sha"]
    assert dock.session.segmentation.model == "squares 1"
    for _ in range(last["end"] + 1):
        dock.session.undo()
    assert not dock.session.reading.history.labels.any()
    assert np.count_nonzero(shown)
    assert contours(dock) is None or not contours(dock).data.any()


def draw_until_killed(study, strokes):
    """The last stroke that was begun, the last that ended, and the labels it left."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.gui.drawn_and_killed", study, str(strokes)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    last = {"begin": 0, "end": 0, "sha": ""}
    for line in child.stdout:
        note(last, line)
        if last["begin"] == strokes and child.poll() is None:
            child.send_signal(signal.SIGKILL)
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    return last


def note(last, line):
    what, number, *sha = line.split()
    if what in last:
        last[what] = int(number)
        last["sha"] = sha[0] if sha else last["sha"]
