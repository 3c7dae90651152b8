"""What segments a cohort: named here, loaded once in each worker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from napari_cmr.core import Cancel, ModelError, Progress, Segmentation, Stack
from napari_cmr.review import Predictor

if TYPE_CHECKING:
    from napari_cmr.nets import Model

TASK = "cine_sax_seg"


class Segmenter(Protocol):
    """Something that travels to a worker and finds structures there."""

    @property
    def title(self) -> str:
        """Name and version, for the table."""
        ...

    @property
    def fingerprint(self) -> str:
        """What differs where the answers may differ."""
        ...

    def predictor(self) -> Predictor:
        """What finds structures on a short-axis cine; cheap from the second call on."""
        ...


@dataclass(frozen=True)
class ShelfSegmenter:
    """A model of the shelf or in a folder, known by the hash of its weights.

    Parameters
    ----------
    reference
        Its name on the shelf, or its folder, absolute.
    title, fingerprint
        Name and version; SHA-256 of the weights.
    """

    reference: str
    title: str
    fingerprint: str

    @classmethod
    def named(cls, model: str | None = None) -> ShelfSegmenter:
        """A model by its name or folder, or the shelf's best.

        Raises
        ------
        ModelError
            If there is none, or it is for another task.
        """
        from napari_cmr import nets  # imports torch, which takes seconds

        if model is None:
            cards = [card for card in nets.list_models() if card.task == TASK]
            if not cards:
                raise ModelError(f"No model for {TASK} is installed; name one with --model.")
            card, reference = cards[0], cards[0].name
        else:
            card = nets.find_card(model)
            in_folder = (Path(model) / "card.json").is_file()
            reference = str(Path(model).resolve()) if in_folder else model
        if card.task != TASK:
            raise ModelError(f"The model {card.name} is for {card.task}, not for {TASK}.")
        return cls(reference, f"{card.name} {card.version}", card.sha256)

    def predictor(self) -> Predictor:
        """As `Segmenter.predictor`.

        Raises
        ------
        ModelError
            If the worker's model of this name is another one.
        """
        from napari_cmr import nets

        model = _loaded(self.reference)
        if model.card.sha256 != self.fingerprint:
            raise ModelError(
                f"The worker's {model.title} is not the model that the cohort was begun with; "
                "install the same one there."
            )

        def find(stack: Stack, progress: Progress | None, cancel: Cancel | None) -> Segmentation:
            return nets.predict(stack, model, progress=progress, cancel=cancel)

        return find


@lru_cache(maxsize=1)
def _loaded(reference: str) -> Model:
    from napari_cmr import nets

    return nets.load_model(reference, task=TASK)
