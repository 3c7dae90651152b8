"""The versions of a project: made from corrections, judged, kept, exchanged.

A name is imported when it is first used, so that what only lists versions does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_cmr.learn.versions.holdout import Holdout, TrainingRows
    from napari_cmr.learn.versions.parcel import export_version, import_version
    from napari_cmr.learn.versions.record import Correction, Judgement, Pair, VersionRecord
    from napari_cmr.learn.versions.retraining import Retrained, judge_versions, retrain
    from napari_cmr.learn.versions.store import Activation, VersionStore

_HOMES = {
    "Activation": "store",
    "Correction": "record",
    "Holdout": "holdout",
    "Judgement": "record",
    "Pair": "record",
    "Retrained": "retraining",
    "TrainingRows": "holdout",
    "VersionRecord": "record",
    "VersionStore": "store",
    "export_version": "parcel",
    "import_version": "parcel",
    "judge_versions": "retraining",
    "retrain": "retraining",
}
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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
