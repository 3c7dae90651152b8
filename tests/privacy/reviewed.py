"""Stages of the journey: a reader corrects, the log is read, a version is trained and handed on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_cmr.core import Segmentation
from napari_cmr.review import Project, ReviewSession
from napari_cmr.review.record import Verdict
from tests.privacy.calling import call


def discs(stack, progress=None, cancel=None) -> Segmentation:
    """A cavity in a wall, in every frame."""
    labels = np.zeros(stack.shape, np.uint8)
    labels[:, :, 30:50, 30:50] = 2
    labels[:, :, 34:46, 34:46] = 1
    return Segmentation.on(stack, labels, "discs 1")


def corrected(study: Path, out: Path) -> None:
    """Two readers correct, set phases, accept, undo; all of it is in the log."""
    for number, reader in enumerate(("ada", "ben")):
        project = Project.open(out / "project")
        session = ReviewSession(project, reader)
        session.open(study)
        session.choose(session.suggest())
        session.predict(discs)
        for phase in (0, 1):
            box = ((phase, phase + 1), (2, 3), (30, 34), (30, 34))
            session.correct(box, np.full((1, 1, 4, 4), number, np.uint8))
        session.undo()
        session.redo()
        session.set_phases(ed=0, es=1)
        session.judge([(0, 2), (1, 2)], Verdict.ACCEPTED)
        session.flag()
        session.note_position(1, 2)
        assert project.flush()
        project.close()


def read_back(study: Path, out: Path) -> None:
    """The verbs of a project, and a report of what stands in its log."""
    project = out / "project"
    for verb in ("list", "log", "replay", "compare"):
        call("project", verb, project, "--json", out / f"project-{verb}.json")
    exported = ("--images", study, "--reader", "ada")
    call("project", "export", project, "--out", out / "corrected", *exported)
    asked = ("--project", project, "--reader", "ada")
    call("report", study, *asked, "--out", out / "report-of-project")


def trained(out: Path) -> None:
    """A version trained on the log's export, listed, and written as one file for another site."""
    from napari_cmr.learn.tiers.head import HeadConfig
    from napari_cmr.learn.versions import retrain
    from tests.learn.corrected import write_start

    project = out / "project"
    retrain(
        project,
        [out / "corrected" / "manifest.csv"],
        start=write_start(out / "start"),
        config=HeadConfig(steps=2, batch=2),
        threads=1,
        say=print,
    )
    call("versions", "list", "--project", project, "--json", out / "versions.json")
    handed_on = ("--project", project, "v0002", "--out", out / "v0002.zip")
    call("versions", "export", *handed_on)
