"""Landmarks: heat maps on a frozen segmenter, taught by a rule on experts' masks."""

from napari_cmr.learn.landmarks.finetune import finetune_landmarks
from napari_cmr.learn.landmarks.over_manifest import evaluate_landmarks, predict_landmarks

__all__ = ["evaluate_landmarks", "finetune_landmarks", "predict_landmarks"]
