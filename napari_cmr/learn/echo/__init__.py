"""The left ventricle in ultrasound: training and evaluation."""

from napari_cmr.learn.echo.evaluate import evaluate_echo, evaluate_echo_manifest
from napari_cmr.learn.echo.finetune import EchoConfig, finetune_echo

__all__ = ["EchoConfig", "evaluate_echo", "evaluate_echo_manifest", "finetune_echo"]
