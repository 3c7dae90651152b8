"""Questions about heads and encoders: why this class, and what a feature hangs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_cmr.core import InputError, Measures, Segmentation, Stack
from napari_cmr.core import Sequence as MrSequence
from napari_cmr.learn.heads.biomarkers import BIOMARKERS, as_features, biomarkers, volume_numbers
from napari_cmr.learn.heads.enhancement import SCARRED, WALL, case_numbers
from napari_cmr.learn.heads.fusing import PICTURES
from napari_cmr.learn.heads.over_manifest import HeadModel
from napari_cmr.learn.saliency.question import Explained, MapArray, Question, mixed
from napari_cmr.learn.saliency.targets import SegmenterView
from napari_cmr.measure import MYOCARDIAL_DENSITY_G_PER_ML, function
from napari_cmr.nets import Card, InputGrid
from napari_cmr.nets.crop import Crop
from napari_cmr.nets.features import FIELDS, SIDE, field_view, pictures, pooled
from napari_cmr.nets.linear_head import LinearHead
from napari_cmr.nets.locate import Heart
from napari_cmr.nets.sampling import sample

_TINY = 1e-3


class PictureLogits(Explained):
    """A head that names pictures: the whole field and its middle to logits.

    A linear head of mean features says the mean of what it says of each picture, so each
    picture has logits of its own.
    """

    calls = tuple((channel, quarters) for channel in range(len(FIELDS)) for quarters in range(4))
    looks_at = tuple(range(len(FIELDS)))

    def __init__(self, encoder: nn.Module, head: LinearHead) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, views: Tensor) -> Tensor:
        """``(m, 2, h, w)`` to ``(m, classes)``."""
        fields = [pooled(self.encoder, views[:, i : i + 1]) for i in range(views.shape[1])]
        logits: Tensor = self.head(torch.cat(fields, dim=1))
        return logits


class PooledFeature(Explained):
    """An encoder's pooled feature."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, views: Tensor) -> Tensor:
        """``(m, 1, h, w)`` to ``(m, width)``."""
        pool: Callable[[Tensor], list[Tensor]] = self.encoder
        return pool(views)[-1].mean((2, 3))


def picture_class(stack: Stack, head: HeadModel, said: str = "") -> Question:
    """Why a head says this class of a stack: its logit against the mean of all classes.

    Parameters
    ----------
    said
        The class; the one that the head says if empty.

    Raises
    ------
    InputError
        If the head does not know the class.
    """
    assert head.encoder is not None
    chosen = pictures(stack)
    network = PictureLogits(head.encoder.module, head.head)
    fields = _Fields(stack, tuple(FIELDS.values()))
    inputs = fields.inputs(chosen)
    with torch.inference_mode():
        logits = network(inputs).mean(0)
    index = _class_index(head, said, logits)
    weights = _against_mean(len(head.classes), index) / len(chosen)
    return Question(
        f"{head.card.task}: {head.classes[index]}",
        "",
        network,
        inputs,
        weights.expand(len(chosen), -1).clone(),
        float(logits[index] - logits.mean()),
        lambda maps: fields.onto(chosen, maps),
        tuple(chosen),
        (_probability(head, logits, index),),
    )


def scar(stack: Stack, head: HeadModel, said: str = "") -> Question:
    """Why a late-enhancement stack is called pathological, or normal.

    The segmenter's scar and wall, each pixel by its probability, go through the head to the
    class's logit; the maps explain that to first order.

    Raises
    ------
    InputError
        If the stack is a cine, or the head does not know the class.
    """
    assert head.segmenter is not None
    if stack.sequence is MrSequence.CINE or stack.shape[0] > 1:
        raise InputError(
            f"Scar is told from late enhancement, which has one phase; {stack.stack_id} is a cine."
        )
    view = SegmenterView.of(stack, head.segmenter)
    found = view.areas(0)
    columns = [[view.structures.index(s.name) for s in which] for which in (SCARRED, WALL)]
    areas = found.clone().requires_grad_()
    with torch.enable_grad():
        summed = torch.stack([areas[:, which].sum(1) for which in columns], dim=1)
        logits = head.head(case_numbers(summed)[None].float())[0]
        index = _class_index(head, said, logits)
        asked = logits[index] - logits.mean()
        (weights,) = torch.autograd.grad(asked, areas)
    return Question(
        f"{head.card.task}: {head.classes[index]}",
        "",
        view.network,
        view.inputs(0),
        weights.float(),
        float(asked.detach()),
        lambda maps: view.onto([0], maps),
        tuple((0, z) for z in range(stack.shape[1])),
        (_probability(head, logits.detach(), index), _FIRST_ORDER, _SOFT_SHARES),
    )


def disease(
    view: SegmenterView, segmentation: Segmentation, head: HeadModel, said: str = ""
) -> Question:
    """Why a disease group: through the volumes that the head's biomarkers are made of.

    The head sees nineteen numbers; those of volumes and mass change smoothly with the picture,
    those of the wall's thickness do not and are held as they are, as the notes say.

    Parameters
    ----------
    segmentation
        Of the same stack, by the same model.

    Raises
    ------
    InputError
        If ED and ES cannot be told, or the head does not know the class.
    """
    measures = function(segmentation)
    measured = biomarkers(segmentation)
    values = torch.from_numpy(as_features([measured])).float()
    with torch.inference_mode():
        logits = head.head(values)[0]
        parts = head.head.contributions(values)[0]
    index = _class_index(head, said, logits)

    def logit(changed: Measures) -> float:
        new = measured | volume_numbers(segmentation, changed)
        with torch.inference_mode():
            found = head.head(torch.from_numpy(as_features([new])).float())[0]
        return float(found[index] - found.mean())

    weights: dict[int, dict[str, float]] = {measures.ed_phase: {}, measures.es_phase: {}}
    for phase, structure, field in (
        (measures.ed_phase, "LV", "edv_ml"),
        (measures.es_phase, "LV", "esv_ml"),
        (measures.ed_phase, "RV", "rv_edv_ml"),
        (measures.es_phase, "RV", "rv_esv_ml"),
        (measures.ed_phase, "MYO", "mass_g"),
    ):
        slope = _slope(logit, measures, field)
        if slope is not None:
            weights[phase][structure] = slope
    wall = [i for i, name in enumerate(BIOMARKERS) if name.startswith(("wall", "thick"))]
    of_wall, of_all = parts[index, wall].sum().item(), parts[index].sum().item()
    notes = (
        _probability(head, logits, index),
        f"Wall thickness and thickening add {of_wall:+.2f} of {of_all:+.2f} to the answer; they "
        "are held as they are and are not in the map.",
        _FIRST_ORDER,
        *([_ONLY_BIOMARKERS] if PICTURES in head.networks else []),
    )
    return view.question(
        f"{head.card.task}: {head.classes[index]}",
        "",
        float(logits[index] - logits.mean()),
        weights,
        notes,
    )


def feature(stack: Stack, card: Card, encoder: nn.Module, heart: Heart, phase: int) -> Question:
    """What an encoder's pooled feature hangs on: its change from the emptied picture's.

    The number is the feature's projection on what the picture's order brought to it, in the mean
    over the slices of a phase.

    Parameters
    ----------
    card
        Of the pretraining; its grid is laid round the heart.
    """
    grid = card.networks["encoder"].grid
    crop = Crop.of(grid, heart.centre_mm, heart.pixel_mm, (stack.shape[2], stack.shape[3]))
    inputs = crop.inputs(stack.pixels[phase], 0, 1)
    network = PooledFeature(encoder)
    with torch.inference_mode():
        change = network(inputs) - network(mixed(inputs))
    size = change.norm(dim=1, keepdim=True)
    n = len(inputs)

    def onto(maps: Tensor) -> MapArray:
        found = np.zeros(stack.shape, np.float32)
        fine = sample(maps.float(), (crop.step_mm, crop.step_mm), crop.back)
        found[phase, :, crop.window[0], crop.window[1]] = fine.sum(1).numpy()
        return found

    return Question(
        f"feature of {card.name}",
        "",
        network,
        inputs,
        change / size.clamp_min(1e-9) / n,
        float(size.mean()),
        onto,
        tuple((phase, z) for z in range(n)),
    )


_ONLY_BIOMARKERS = (
    "Chance and map are of the biomarkers alone; the pictures that this head sees beside them are "
    "left out."
)
_FIRST_ORDER = "The map is of first order: it tells what small changes would do."
_SOFT_SHARES = (
    "Scar and wall here are sums of probabilities, without flips or clean-up, so the answer "
    "differs a little from that of the labels."
)


class _Fields:
    """Squares in a picture's middle, and the way back."""

    def __init__(self, stack: Stack, sides: Sequence[float]) -> None:
        self.stack, self.sides = stack, sides
        self.steps = stack.geometry.pixel_spacing

    def inputs(self, chosen: Sequence[tuple[int, int]]) -> Tensor:
        """``(n, sides, SIDE, SIDE)``."""
        pixels = np.stack([np.asarray(self.stack.pixels[t, z], np.float32) for t, z in chosen])
        images = torch.from_numpy(pixels)[:, None]
        return torch.cat([field_view(images, self.steps, side) for side in self.sides], dim=1)

    def onto(self, chosen: Sequence[tuple[int, int]], maps: Tensor) -> MapArray:
        """Each field's map at its place, added up."""
        found = np.zeros(self.stack.shape, np.float32)
        shape = (self.stack.shape[2], self.stack.shape[3])
        extent = [n * mm for n, mm in zip(shape, self.steps, strict=True)]
        for channel in range(maps.shape[1]):
            step = max(extent) * self.sides[channel] / SIDE
            centre = (extent[0] / 2, extent[1] / 2)
            crop = Crop.of(InputGrid(spacing_mm=step, size=SIDE), centre, self.steps, shape)
            fine = sample(maps[:, channel : channel + 1].float(), (step, step), crop.back)
            for (t, z), one in zip(chosen, fine[:, 0].numpy(), strict=True):
                # A pixel of the smaller field covers less of the image, and so counts for less.
                found[t, z, *crop.window] += one / step**2
        return found


def _class_index(head: HeadModel, said: str, logits: Tensor) -> int:
    if not said:
        return int(logits.argmax())
    if said not in head.classes:
        raise InputError(f"{head.title} knows no '{said}'; it knows {', '.join(head.classes)}.")
    return head.classes.index(said)


def _against_mean(n: int, index: int) -> Tensor:
    weights = torch.full((n,), -1.0 / n)
    weights[index] += 1
    return weights


def _probability(head: HeadModel, logits: Tensor, index: int) -> str:
    likely = logits.softmax(0)
    best = int(likely.argmax())
    also = "" if best == index else f"; it says {head.classes[best]} ({100 * likely[best]:.0f} %)"
    return f"{head.title} gives {head.classes[index]} {100 * likely[index]:.0f} %{also}."


def _slope(logit: Callable[[Measures], float], measures: Measures, field: str) -> float | None:
    """The logit's derivative by a volume (or by the mass, then per mL of wall)."""
    now = getattr(measures, field)
    if now is None or now <= 0:
        return None
    ends = [logit(_with(measures, field, now * (1 + sign * _TINY))) for sign in (1, -1)]
    slope: float = (ends[0] - ends[1]) / (2 * _TINY * now)
    return slope * MYOCARDIAL_DENSITY_G_PER_ML if field == "mass_g" else slope


def _with(measures: Measures, field: str, value: float) -> Measures:
    """Measures with another volume, and the EF that follows."""
    changed: dict[str, Any] = {field: value}
    new = replace(measures, **changed)
    ef: dict[str, Any] = {}
    for prefix in ("", "rv_"):
        edv, esv = getattr(new, f"{prefix}edv_ml"), getattr(new, f"{prefix}esv_ml")
        if edv and esv is not None:
            ef[f"{prefix}ef_percent"] = 100 * (edv - esv) / edv
    return replace(new, **ef)
