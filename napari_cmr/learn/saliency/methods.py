"""The methods by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from napari_cmr.learn.saliency.attention import attention_rollout, head_attention
from napari_cmr.learn.saliency.gradcam import gradcam
from napari_cmr.learn.saliency.integrated import STEPS, gradient, integrated_gradients
from napari_cmr.learn.saliency.occlusion import n_squares, occlusion
from napari_cmr.learn.saliency.question import BATCH, Question


@dataclass(frozen=True)
class Method:
    """One way to make a map.

    Parameters
    ----------
    make
        ``(question, tick, **options) -> (n, c, h, w)``.
    ticks
        How often it ticks for one batch of pictures of a question.
    signed
        Whether it tells what speaks against the number, as negative values.
    """

    make: Callable[..., Tensor]
    ticks: Callable[[Question], int]
    signed: bool

    def n_ticks(self, question: Question) -> int:
        """How often it ticks."""
        return -(-len(question) // BATCH) * self.ticks(question)


def _once(_question: Question) -> int:
    return 1


METHODS: Mapping[str, Method] = {
    "integrated": Method(integrated_gradients, lambda _q: STEPS, True),
    "gradcam": Method(gradcam, _once, False),
    "occlusion": Method(
        occlusion, lambda q: n_squares((q.inputs.shape[2], q.inputs.shape[3])), True
    ),
    "gradient": Method(gradient, _once, True),
    "rollout": Method(attention_rollout, _once, False),
    "head": Method(head_attention, _once, False),
}
