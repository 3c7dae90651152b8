"""The versions of a project: made from corrections, judged, kept, exchanged."""

from napari_cmr.learn.versions.holdout import Holdout, TrainingRows
from napari_cmr.learn.versions.parcel import export_version, import_version
from napari_cmr.learn.versions.record import Correction, Judgement, Pair, VersionRecord
from napari_cmr.learn.versions.retrain import Retrained, judge_versions, retrain
from napari_cmr.learn.versions.store import Activation, VersionStore

__all__ = [
    "Activation",
    "Correction",
    "Holdout",
    "Judgement",
    "Pair",
    "Retrained",
    "TrainingRows",
    "VersionRecord",
    "VersionStore",
    "export_version",
    "import_version",
    "judge_versions",
    "retrain",
]
