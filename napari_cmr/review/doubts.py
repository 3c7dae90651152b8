"""How unsure the model was of each stack of a project, to look at the most doubtful first."""

from __future__ import annotations

from collections.abc import Callable

from napari_cmr.core import InputError, Segmentation
from napari_cmr.review.project import Project
from napari_cmr.review.record import Kind


def study_uncertainty(segmentation: Segmentation) -> float:
    """One number to order studies by, 0 (sure) to 1: `Uncertainty.study`.

    Raises
    ------
    InputError
        If the model was not asked, or the labels are an expert's.
    """
    if segmentation.uncertainty is None:
        raise InputError("These labels do not say how sure the model was; segment the stack again.")
    return segmentation.uncertainty.study


def known_uncertainty(project: Project) -> Callable[[str], float | None]:
    """What the last prediction of each stack said, by the stack's key; None where nobody knows.

    Reads the log once; ask again after a prediction.
    """
    found: dict[str, float | None] = {}
    for record in project.records():
        if record.kind is Kind.PREDICTION:
            found[record.stack] = record.body.get("uncertainty")
    return found.get
