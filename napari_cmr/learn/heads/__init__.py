"""Light heads that name pictures and people: sequence, view, disease, late enhancement."""

from napari_cmr.learn.heads.biomarkers import BIOMARKERS, biomarkers
from napari_cmr.learn.heads.finetune import finetune_head
from napari_cmr.learn.heads.over_manifest import evaluate_heads, load_head, predict_heads
from napari_cmr.learn.heads.tasks import HEAD_TASKS

__all__ = [
    "BIOMARKERS",
    "HEAD_TASKS",
    "biomarkers",
    "evaluate_heads",
    "finetune_head",
    "load_head",
    "predict_heads",
]
