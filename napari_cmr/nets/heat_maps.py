"""Landmarks: a light head on a frozen segmenter's maps, one heat map a point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cmr.core import Cancel, FloatArray, LabelArray, Progress, Stack, check_cancel
from napari_cmr.nets.crop import Crop
from napari_cmr.nets.locate import find_heart
from napari_cmr.nets.memory import warn, within_memory
from napari_cmr.nets.neighbours import slice_distance, stride
from napari_cmr.nets.prediction import predict
from napari_cmr.nets.shelf import Model
from napari_cmr.nets.unet import UNet

FINEST = 4
Rule = Callable[[LabelArray, tuple[float, float]], FloatArray | None]
"""A mask and its steps to ``(n_points, 2)`` pixels, None where it does not show them."""
_REACH = 4  # pixels round a peak over which its place is averaged
_BATCH = 16


@dataclass(frozen=True, eq=False)
class LandmarkModel:
    """A head with the segmenter that it sits on."""

    head: Model
    segmenter: Model
    rule: Rule

    @property
    def points(self) -> tuple[str, ...]:
        """The landmarks, in order."""
        return self.head.card.networks["landmarks"].structures


@dataclass(frozen=True, eq=False)
class FoundLandmarks:
    """Landmarks of every slice of a phase.

    ``places`` ``(z, n_points, 2)`` are rows and columns in pixels of the source, counted from
    the middle of the first. ``by_contours`` ``(z,)`` tells where they are the rule's on the
    segmenter's contours; elsewhere they are the heat maps' ``peaks``. ``surety`` ``(z, n_points)``
    is the heat within a few pixels of the peak, 0 to 1: low where a slice does not show the point.
    """

    places: FloatArray
    surety: FloatArray
    peaks: FloatArray
    by_contours: npt.NDArray[np.bool_]


def finest_maps(network: nn.Module, images: Tensor) -> Tensor:
    """The decoder's four finest maps at full resolution, ``(n, c, h, w)``.

    Parameters
    ----------
    network
        A U-Net.
    images
        ``(n, channels, h, w)``, as the segmenter sees them; the maps lie on the CPU as they do,
        whatever the network runs on. Where the GPU's memory does not suffice, fewer at once, then
        the CPU, with a warning.
    """
    assert isinstance(network, UNet)

    def ask(batch: int, on: torch.device) -> Tensor:
        network.to(on)
        return torch.cat([_finest(network, part.to(on)) for part in torch.split(images, batch)])

    here = next(network.parameters()).device
    return within_memory(ask, batch=len(images), device=here, say=warn)


@torch.no_grad()  # a head that is trained on them needs more than inference tensors
def _finest(network: UNet, images: Tensor) -> Tensor:
    maps = network.decoder_maps(network.encoder(images))[:FINEST]
    size = images.shape[2:]
    return torch.cat([functional.interpolate(m, size, mode="bilinear") for m in maps], 1).cpu()


def map_channels(channels: Sequence[int]) -> int:
    """How many channels :func:`finest_maps` has for a U-Net of these widths."""
    return sum(channels[: min(FINEST, len(channels) - 1)])


def find_landmarks(
    stack: Stack,
    model: LandmarkModel,
    *,
    phases: Sequence[int] | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Mapping[int, FoundLandmarks]:
    """Landmarks of every slice of some phases, all if None.

    Where the segmenter's contours show them, they are taken from there by the rule that also
    made the head's truth, which is more exact; the heat maps know where contours do not tell.

    Raises
    ------
    CancelledError
        If ``cancel`` returned True between two batches.
    """
    check_cancel(cancel)
    heart = find_heart(stack, model.segmenter)
    spec = model.segmenter.card.networks["segmenter"]
    crop = Crop.of(spec.grid, heart.centre_mm, heart.pixel_mm, stack.shape[2:])
    step = stride(slice_distance(stack.geometry), spec.neighbour_mm)
    wanted = range(stack.shape[0]) if phases is None else phases
    drawn = predict(stack, model.segmenter, phases=phases, cancel=cancel)
    found = {}
    for phase in wanted:
        images = crop.inputs(stack.pixels[phase], spec.neighbours, step)
        peaks = []
        for begin in range(0, len(images), _BATCH):
            check_cancel(cancel)
            logits = heat_logits(model, images[begin : begin + _BATCH])
            peaks.append(peak_places(logits))
        heat = _on_source(torch.cat([p for p, _ in peaks]).numpy(), crop)
        told = [model.rule(mask, heart.pixel_mm) for mask in drawn.labels[phase]]
        places = [
            peak if points is None else points for points, peak in zip(told, heat, strict=True)
        ]
        found[phase] = FoundLandmarks(
            np.stack(places),
            torch.cat([s for _, s in peaks]).numpy(),
            heat,
            np.array([points is not None for points in told]),
        )
        if progress is not None:
            progress(len(found), len(wanted))
    return found


def heat_logits(model: LandmarkModel, images: Tensor) -> Tensor:
    """``(n, c, h, w)`` crops to ``(n, n_points, h, w)`` logits."""
    maps = finest_maps(model.segmenter.networks["segmenter"], images)
    return model.head.run("landmarks", maps)


def peak_places(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Where each heat map peaks, finer than a pixel, and how much of its heat lies there.

    Returns
    -------
    ``(n, k, 2)`` rows and columns counted from the middle of the first pixel, and ``(n, k)``.
    """
    h, w = logits.shape[2:]
    heat = logits.flatten(2).softmax(2)
    best = heat.argmax(2)
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    near = ((rows.flatten() - (best // w)[..., None]).abs() <= _REACH) & (
        (columns.flatten() - (best % w)[..., None]).abs() <= _REACH
    )
    local = heat * near
    mass = local.sum(2)
    places = torch.stack([(local * axis.flatten()).sum(2) / mass for axis in (rows, columns)], 2)
    return places, mass


def _on_source(places: FloatArray, crop: Crop) -> FloatArray:
    """Pixels of the square to pixels of the source."""
    corner = crop.points[0, 0, 0].numpy().astype(np.float64)
    return np.asarray((corner + places * crop.step_mm) / np.array(crop.pixel_mm) - 0.5)
