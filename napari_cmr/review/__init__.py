"""The one door through which a study is reviewed. No Qt."""

from napari_cmr.review.events import Event, PhasesSet, Segmented, StackChosen, StudyOpened
from napari_cmr.review.session import (
    Predictor,
    Reading,
    ReviewSession,
    Spacing,
    predict_with_best_model,
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
    "predict_with_best_model",
    "suggested",
]
