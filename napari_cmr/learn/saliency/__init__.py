"""Why a network says what it says: maps on the images' grid, each with its scores."""

from napari_cmr.learn.saliency.asking import TARGETS, ask
from napari_cmr.learn.saliency.explaining import Explanation, explain
from napari_cmr.learn.saliency.methods import METHODS
from napari_cmr.learn.saliency.question import Question
from napari_cmr.learn.saliency.sanity import Sanity, sanity_check

__all__ = [
    "METHODS",
    "TARGETS",
    "Explanation",
    "Question",
    "Sanity",
    "ask",
    "explain",
    "sanity_check",
]
