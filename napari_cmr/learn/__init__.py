"""Training and evaluation."""

from napari_cmr.learn.evaluate import evaluate_segmenter, summarise
from napari_cmr.learn.finetune import finetune_segmenter
from napari_cmr.learn.over_manifest import evaluate_manifest, predict_manifest
from napari_cmr.learn.segmenter import SegmenterConfig, StageConfig

__all__ = [
    "SegmenterConfig",
    "StageConfig",
    "evaluate_manifest",
    "evaluate_segmenter",
    "finetune_segmenter",
    "predict_manifest",
    "summarise",
]
