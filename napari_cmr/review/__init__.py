"""The one door through which a study is reviewed. No Qt."""

from napari_cmr.report import ReviewRecord
from napari_cmr.review.doubts import known_uncertainty, study_uncertainty
from napari_cmr.review.enhancement import enhancement_of
from napari_cmr.review.events import (
    Corrected,
    Event,
    Judged,
    LandmarkPlaced,
    PhasesSet,
    ProjectChosen,
    RemoteChosen,
    Segmented,
    SlicesMarked,
    StackChosen,
    StudyOpened,
    Undone,
)
from napari_cmr.review.extent import Extent, in_volume
from napari_cmr.review.given_labels import GivenLabels
from napari_cmr.review.history import History, State, Touch
from napari_cmr.review.interpolation import between_phases, between_slices
from napari_cmr.review.open_study import Spacing
from napari_cmr.review.predictors import Predictor, sax_predictor, suggested
from napari_cmr.review.project import Project, default_folder, default_reader
from napari_cmr.review.propagation import propagated, propagating
from napari_cmr.review.proposal import Proposal
from napari_cmr.review.reading import Reading, replay
from napari_cmr.review.record import Box, Frame, Kind, Patch, Record, Verdict, changed_box
from napari_cmr.review.records import review_records
from napari_cmr.review.session import ReviewSession
from napari_cmr.review.study_key import StackInfo, stack_key
from napari_cmr.review.task import Task

__all__ = [
    "Box",
    "Corrected",
    "Event",
    "Extent",
    "Frame",
    "GivenLabels",
    "History",
    "Judged",
    "Kind",
    "LandmarkPlaced",
    "Patch",
    "PhasesSet",
    "Predictor",
    "Project",
    "ProjectChosen",
    "Proposal",
    "Reading",
    "Record",
    "RemoteChosen",
    "ReviewRecord",
    "ReviewSession",
    "Segmented",
    "SlicesMarked",
    "Spacing",
    "StackChosen",
    "StackInfo",
    "State",
    "StudyOpened",
    "Task",
    "Touch",
    "Undone",
    "Verdict",
    "between_phases",
    "between_slices",
    "changed_box",
    "default_folder",
    "default_reader",
    "enhancement_of",
    "in_volume",
    "known_uncertainty",
    "propagated",
    "propagating",
    "replay",
    "review_records",
    "sax_predictor",
    "stack_key",
    "study_uncertainty",
    "suggested",
]
