"""The one door through which a study is reviewed. No Qt."""

from napari_cmr.review.events import Event, PhasesSet, Segmented, StackChosen, StudyOpened
from napari_cmr.review.session import (
    Predictor,
    Reading,
    ReviewSession,
    Spacing,
    sax_predictor,
    suggested,
)
from napari_cmr.review.task import Task

__all__ = [
    "Event",
    "PhasesSet",
    "Predictor",
    "Reading",
    "ReviewSession",
    "Segmented",
    "Spacing",
    "StackChosen",
    "StudyOpened",
    "Task",
    "sax_predictor",
    "suggested",
]
