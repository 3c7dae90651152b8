"""Unlabelled pictures join in: what the teacher is sure of in a plain view holds in a changed one.

After FixMatch (Sohn et al., NeurIPS 2020) and UniMatch (Yang et al., CVPR 2023): the moving average
of the weights is the teacher. It sees a picture turned and scaled, but with the contrast that it
has. The student sees the same crop twice: with another scanner's contrast and a box pasted in from
the next picture (CutMix), and plain, with half of the encoder's channels dropped. Pixels of which
the teacher is not sure count nowhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from napari_cmr.core import Stack
from napari_cmr.io.manifest import ManifestRow, join_slices, load_image
from napari_cmr.learn.augment import AugmentConfig, changed_scanner, plain_crop
from napari_cmr.learn.examples import EvenSampler, LabelledFrame, LabelledRow
from napari_cmr.learn.losses import partial_segmentation_loss
from napari_cmr.nets.card import InputGrid
from napari_cmr.nets.locate import Heart
from napari_cmr.nets.neighbours import slice_distance, stride, with_neighbours
from napari_cmr.nets.unet import UNet

_STREAM = 1  # of random numbers, apart from that of the labelled pictures
_MOST_PHASES = 8
_BOX = (0.25, 0.7)


class ConsistencyConfig(BaseModel):
    """How unlabelled pictures count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch: int = Field(default=8, ge=2)
    weight: float = Field(default=1.0, ge=0, description="of this loss beside that of labels")
    confidence: float = Field(default=0.95, ge=0, lt=1, description="teacher's, to count a pixel")
    begin: int = Field(default=300, ge=0, description="at most; step after which it counts")
    ramp: int = Field(default=300, ge=1, description="at most; steps until its whole weight")
    dropped: float = Field(default=0.5, ge=0, lt=1, description="channels dropped in the encoder")

    def within(self, steps: int) -> ConsistencyConfig:
        """The same for a training of so many steps: at its whole weight by half of them."""
        quarter = steps // 4
        return self.model_copy(
            update={"begin": min(self.begin, quarter), "ramp": max(1, min(self.ramp, quarter))}
        )

    def weight_at(self, step: int) -> float:
        """Of the loss at a step."""
        return self.weight * float(np.clip((step - self.begin) / self.ramp, 0, 1))


def load_unlabelled(
    rows: Sequence[ManifestRow], find: Callable[[Stack], Heart]
) -> list[LabelledFrame]:
    """Phases of the images of a manifest round the heart that is found; labels are not read.

    Images in which no heart is found are left out, and of a long cine every so many phases.
    """
    frames = []
    for row in join_slices(rows):
        stack = load_image(row)
        heart = find(stack)
        if not heart.found:
            continue
        every = range(0, stack.shape[0], -(-stack.shape[0] // _MOST_PHASES))
        frames += [as_unlabelled(row.subject, stack, phase, heart) for phase in every]
    return frames


def unsaid_phases(
    labelled: Sequence[LabelledRow], find: Callable[[Stack], Heart]
) -> list[LabelledFrame]:
    """The phases of labelled images that their labels say nothing of, every so many."""
    rows: dict[tuple[object, ...], list[LabelledRow]] = defaultdict(list)
    for one in labelled:  # a folder may hold several stacks
        which = one.row.columns.get("stack", "")
        rows[one.row.image, which, one.row.view, one.row.sequence].append(one)
    frames = []
    for same in rows.values():
        one, said = same[-1], {phase for other in same for phase in other.phases}
        spare = [p for p in range(one.stack.shape[0]) if p not in said]
        if spare:
            heart = find(one.stack)
            chosen = spare[:: -(-len(spare) // _MOST_PHASES)]
            frames += [as_unlabelled(one.subject, one.stack, p, heart) for p in chosen]
    return frames


def as_unlabelled(subject: str, stack: Stack, phase: int, heart: Heart) -> LabelledFrame:
    """A phase of which nothing is said."""
    return LabelledFrame(
        subject,
        torch.from_numpy(stack.pixels[phase].astype(np.float32)),
        torch.zeros(stack.shape[1:], dtype=torch.uint8),
        heart.pixel_mm,
        (),
        heart.centre_mm,
        slice_distance(stack.geometry),
    )


def draw_pairs(
    sampler: EvenSampler,
    config: ConsistencyConfig,
    grid: InputGrid,
    neighbours: int,
    neighbour_mm: float,
    augment: AugmentConfig,
    seed: int,
    step: int,
) -> tuple[Tensor, Tensor]:
    """Plain and changed views of the same crops, each ``(n, c, h, w)``."""
    rng = np.random.default_rng([seed, step, _STREAM])
    plain, changed = [], []
    for _ in range(config.batch):
        frame, index = sampler.draw(rng)
        slices = with_neighbours(
            frame.images, index, neighbours, stride(frame.slice_mm, neighbour_mm)
        )
        crop = plain_crop(
            slices, frame.pixel_mm, frame.centre_mm, grid.size, grid.spacing_mm, augment, rng
        )
        plain.append(changed_scanner(crop, slices, None, rng))
        changed.append(changed_scanner(crop, slices, augment, rng))
    return torch.stack(plain), torch.stack(changed)


def consistency_loss(
    student: nn.Module,
    teacher: nn.Module,
    plain: Tensor,
    changed: Tensor,
    config: ConsistencyConfig,
) -> Tensor:
    """The loss of labels, of what the teacher is sure of in both views, averaged.

    Its Dice is what moves: by cross-entropy alone the many easy pixels of the background rule.

    Parameters
    ----------
    student
        A U-Net in training mode.
    teacher
        Its average; no gradient reaches it.
    plain, changed
        ``(n, c, h, w)`` views of the same crops.
    """
    assert isinstance(student, UNet)
    with torch.no_grad():
        sure, said = teacher.eval()(plain).softmax(1).max(1)
    counts = sure >= config.confidence
    boxes = _boxes(plain)
    pasted = torch.where(boxes[:, None], changed.roll(1, 0), changed)
    said_pasted = torch.where(boxes, said.roll(1, 0), said)
    counts_pasted = torch.where(boxes, counts.roll(1, 0), counts)
    maps = [functional.dropout2d(m, config.dropped) for m in student.encoder(plain)]
    return (
        _loss(student(pasted), said_pasted, counts_pasted)
        + _loss(student.decode(maps), said, counts)
    ) / 2


def _loss(logits: Tensor, said: Tensor, counts: Tensor) -> Tensor:
    every = torch.ones(logits.shape[:2], dtype=torch.bool, device=logits.device)
    return partial_segmentation_loss(logits, said, every, counts)


def _boxes(images: Tensor) -> Tensor:
    """``(n, h, w)`` bool: a box of each picture, at most half of it on average."""
    n, _, h, w = images.shape
    boxes = torch.zeros(n, h, w, dtype=torch.bool, device=images.device)
    low, high = _BOX
    sides = (low + (high - low) * torch.rand(n, 2)) * torch.tensor([h, w])
    corners = torch.rand(n, 2) * (torch.tensor([h, w]) - sides)
    for box, (top, left), (height, width) in zip(boxes, corners.int(), sides.int(), strict=True):
        box[top : top + height, left : left + width] = True
    return boxes
