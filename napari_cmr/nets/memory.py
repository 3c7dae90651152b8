"""What is done when a GPU's memory does not suffice: less at once, then the CPU."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")
_TOLD = ("out of memory", "cublas_status_alloc_failed", "cudnn_status_alloc_failed")


def within_memory(
    work: Callable[[int, torch.device], Result],
    *,
    batch: int,
    device: torch.device,
    say: Callable[[str], None],
) -> Result:
    """Do work with a batch on a device; with half of it each time the GPU's memory runs out.

    With a single picture still too many, the whole batch goes to the CPU.

    Parameters
    ----------
    work
        Called with (batch, device) until it is through.
    say
        Told of every step back.
    """
    whole = batch
    while True:
        try:
            return work(batch, device)
        except RuntimeError as error:
            if device.type == "cpu" or not _out_of_memory(error):
                raise
        torch.cuda.empty_cache()
        if batch > 1:
            batch //= 2
            say(f"The GPU's memory does not suffice; going on with {batch} pictures at once.")
        else:
            batch, device = whole, torch.device("cpu")
            say("The GPU's memory does not suffice for one picture; going on on the CPU.")


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether memory ran out: the driver and the libraries on it say so in words of their own."""
    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or any(words in said for words in _TOLD)


def warn(sentence: str) -> None:
    """Say it to whoever asked a model, where nobody else is there to be told."""
    warnings.warn(sentence, RuntimeWarning, stacklevel=2)
