"""One tiny study, a predictor with known areas, and sessions on a project in a folder."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cmr import phantom
from napari_cmr.core import Segmentation
from napari_cmr.review import Project, ReviewSession

TINY = phantom.PhantomConfig(n_phases=4, n_slices=5, rows=40, columns=44, pixel_mm=(3.6, 3.6))


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    phantom.write_dicom_study(phantom.make(TINY), folder)
    return folder


@pytest.fixture
def project(tmp_path):
    project = Project.open(tmp_path / "project")
    yield project
    project.close()


@pytest.fixture
def session(tiny_folder, project):
    return opened(tiny_folder, project)


def opened(folder, project=None, reader="ada"):
    """A session with the study's short axis chosen."""
    session = ReviewSession(project, reader)
    session.open(folder)
    session.choose(session.suggest())
    return session


def square(stack, progress=None, cancel=None):
    """An LV of 10 x 10 pixels in every frame."""
    labels = np.zeros(stack.shape, np.uint8)
    labels[:, :, 10:20, 10:20] = 1
    return Segmentation.on(stack, labels, "squares 1")


def dab(session, phase=1, index=2, row=12, column=12, size=3, label=2):
    """A square stroke in one frame."""
    box = ((phase, phase + 1), (index, index + 1), (row, row + size), (column, column + size))
    return session.correct(box, np.full((1, 1, size, size), label, np.uint8))


def labels_of(session):
    return session.reading.history.labels.copy()
