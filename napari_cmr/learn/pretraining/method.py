"""What every pretraining method is: a module that turns a batch into a loss."""

from __future__ import annotations

import abc
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from napari_cmr.learn.pretraining.sampling import Batch

# A number that a method sets anew needs its range again, hence names.
Positive = Annotated[float, Field(gt=0)]
Decay = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Part = Annotated[float, Field(ge=0, lt=1)]
Size = Annotated[int, Field(gt=0)]


class MethodConfig(BaseModel):
    """What all methods set; ``learning_rate`` is for a batch of 256 and scales with the batch."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    learning_rate: Positive
    weight_decay: Decay
    last_weight_decay: Decay | None = Field(default=None, description="at the end, if it grows")
    warm_up: Part = Field(description="share of the steps")
    betas: tuple[Part, Part] = (0.9, 0.999)
    clip: Positive = Field(default=3.0, description="largest norm of the gradient")


class Outcome(NamedTuple):
    """A step's loss, the pooled features ``(n, d)`` to watch, and what else to watch."""

    loss: Tensor
    features: Tensor
    watched: dict[str, Tensor]


class Method(nn.Module, abc.ABC):
    """A pretraining method with its networks; trained as one module.

    ``needs_positions`` tells the sampler to draw placed slices only, ``pairs`` whether two
    frames of one slice can be a positive pair, ``contrasts`` whether the loss needs other pictures
    beside each, ``may_collapse`` whether equal features for all pictures could satisfy its loss.
    """

    needs_positions = False
    pairs = True
    contrasts = False
    may_collapse = True
    view_size: int

    @abc.abstractmethod
    def forward(self, batch: Batch) -> Outcome:
        """The loss of one batch."""

    def after_step(self, step: int, steps: int) -> None:
        """Called when the weights have changed in step ``step`` of ``steps``."""

    def before_step(self, step: int, steps: int) -> None:
        """Called before each step, for schedules of the method's own."""

    def after_backward(self, step: int, steps: int) -> None:
        """Called when the gradients are there, before they are clipped."""

    @abc.abstractmethod
    def shipped(self) -> dict[str, nn.Module]:
        """What a version folder gets, by role; ``encoder`` is always there."""

    def probed(self) -> nn.Module:
        """The encoder that the probe looks at."""
        return self.shipped()["encoder"]
