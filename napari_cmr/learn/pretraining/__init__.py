"""Self-supervised pretraining: one file a method, one engine for all."""

from napari_cmr.learn.pretraining.pretrain import pretrain
from napari_cmr.learn.pretraining.registry import METHODS
from napari_cmr.learn.pretraining.run import RunConfig

__all__ = ["METHODS", "RunConfig", "pretrain"]
