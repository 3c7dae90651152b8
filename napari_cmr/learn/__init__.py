"""Training and evaluation.

A name is imported when it is first used, so that what only reads records does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_cmr.learn.evaluate import evaluate_segmenter, summarise
    from napari_cmr.learn.finetune import finetune_segmenter
    from napari_cmr.learn.finetune_tiers import finetune_by_tier
    from napari_cmr.learn.over_manifest import evaluate_manifest, predict_manifest
    from napari_cmr.learn.segmentation_tasks import SEGMENTATION_TASKS
    from napari_cmr.learn.segmenter import SegmenterConfig, StageConfig

_HOMES = {
    "SEGMENTATION_TASKS": "segmentation_tasks",
    "SegmenterConfig": "segmenter",
    "StageConfig": "segmenter",
    "evaluate_manifest": "over_manifest",
    "evaluate_segmenter": "evaluate",
    "finetune_by_tier": "finetune_tiers",
    "finetune_segmenter": "finetune",
    "predict_manifest": "over_manifest",
    "summarise": "evaluate",
}
__all__ = [
    "SEGMENTATION_TASKS",
    "SegmenterConfig",
    "StageConfig",
    "evaluate_manifest",
    "evaluate_segmenter",
    "finetune_by_tier",
    "finetune_segmenter",
    "predict_manifest",
    "summarise",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
