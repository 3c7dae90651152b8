"""The left ventricle in ultrasound: training and evaluation."""

from napari_cmr.learn.echo.evaluate import evaluate_echo
from napari_cmr.learn.echo.finetune import EchoConfig, finetune_echo

__all__ = ["EchoConfig", "evaluate_echo", "finetune_echo"]
