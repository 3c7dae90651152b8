"""The questions that can be asked: a volume, EF, mass, a class, an encoder's feature."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from napari_cmr.core import FloatArray, InputError, Stack, Structure
from napari_cmr.learn.saliency.question import Explained, MapArray, Question
from napari_cmr.measure import MYOCARDIAL_DENSITY_G_PER_ML
from napari_cmr.measure.volumes import WALL, millilitres_per_unit, relative_slabs
from napari_cmr.nets import Model, find_heart
from napari_cmr.nets.crop import Crop
from napari_cmr.nets.neighbours import slice_distance, stride
from napari_cmr.nets.sampling import sample


class SoftAreas(Explained):
    """A segmenter's pictures to the area of each structure, in pixels of its own grid.

    A pixel counts by its probability, so that the area changes smoothly with the picture.
    """

    def __init__(self, segmenter: nn.Module, channels: int) -> None:
        super().__init__()
        self.segmenter = segmenter
        encoder = getattr(segmenter, "encoder", segmenter)
        assert isinstance(encoder, nn.Module)
        self.encoder = encoder
        middle = channels // 2
        self.calls = ((middle, 0),)
        self.looks_at = (middle,)

    def forward(self, pictures: Tensor) -> Tensor:
        """``(m, c, h, w)`` to ``(m, k)``, background included."""
        likely: Tensor = self.segmenter(pictures).softmax(1)
        return likely.sum((2, 3))


@dataclass(frozen=True, eq=False)
class SegmenterView:
    """A stack as a segmenter sees it, phase by phase.

    Parameters
    ----------
    ml
        ``(z,)`` millilitres of a pixel of the segmenter's grid in each slice; units of one
        unknown factor where the spacing is unknown.
    """

    stack: Stack
    model: Model
    crop: Crop
    step: int
    ml: FloatArray
    network: SoftAreas

    @classmethod
    def of(cls, stack: Stack, model: Model) -> SegmenterView:
        """Find the heart and lay the segmenter's square round it."""
        spec = model.card.networks["segmenter"]
        heart = find_heart(stack, model)
        shape = (stack.shape[2], stack.shape[3])
        crop = Crop.of(spec.grid, heart.centre_mm, heart.pixel_mm, shape)
        geometry = stack.geometry
        ml = relative_slabs(geometry)
        if geometry.spacing_known:
            pixel = geometry.pixel_spacing[0] * geometry.pixel_spacing[1]
            ml = ml * millilitres_per_unit(geometry) * spec.grid.spacing_mm**2 / pixel
        step = stride(slice_distance(geometry), spec.neighbour_mm)
        network = SoftAreas(model.networks["segmenter"], 2 * spec.neighbours + 1)
        return cls(stack, model, crop, step, np.asarray(ml), network)

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of the segmenter's channels."""
        return self.model.card.networks["segmenter"].structures

    def inputs(self, phase: int) -> Tensor:
        """``(z, c, size, size)`` of a phase."""
        reach = self.model.card.networks["segmenter"].neighbours
        return self.crop.inputs(self.stack.pixels[phase], reach, self.step)

    def areas(self, phase: int) -> Tensor:
        """``(z, k)`` soft area of each structure in each slice, in pixels of the square."""
        with torch.no_grad():
            seen = self.inputs(phase)
            weight = next(self.network.parameters(), seen)
            found: Tensor = self.network(seen.to(weight.device)).double().cpu()
        return found

    def volumes(self, phase: int) -> dict[str, float]:
        """Soft volume of each structure in a phase."""
        areas = self.areas(phase).numpy()
        return dict(zip(self.structures, (areas * self.ml[:, None]).sum(0).tolist(), strict=True))

    def onto(self, phases: Sequence[int], maps: Tensor) -> MapArray:
        """``(p * z, c, size, size)`` maps to ``(t, z, y, x)``.

        A channel's map lies on the slice that the channel shows; what is said of a neighbour
        beyond the stack is left out. A map of one channel lies on its own slice.
        """
        t, z, y, x = self.stack.shape
        found = np.zeros((t, z, y, x), np.float32)
        reach = maps.shape[1] // 2
        mm = (self.crop.step_mm, self.crop.step_mm)
        fine = sample(maps.float(), mm, self.crop.back).numpy()
        for (phase, index), one in zip(product(phases, range(z)), fine, strict=True):
            for k, channel in enumerate(one):
                where = index + (k - reach) * self.step
                if 0 <= where < z:
                    found[phase, where, *self.crop.window] += channel
        return found

    def question(
        self,
        title: str,
        unit: str,
        value: float,
        weights: dict[int, dict[str, float]],
        notes: tuple[str, ...] = (),
    ) -> Question:
        """A number whose derivative by each phase's volume of each structure is given."""
        phases = sorted(weights)
        z = self.stack.shape[1]
        table = torch.zeros(len(phases) * z, len(self.structures))
        for i, phase in enumerate(phases):
            for name, weight in weights[phase].items():
                column = self.structures.index(name)
                table[i * z : (i + 1) * z, column] = torch.from_numpy(weight * self.ml).float()
        return Question(
            title,
            unit,
            self.network,
            torch.cat([self.inputs(phase) for phase in phases]),
            table,
            value,
            lambda maps: self.onto(phases, maps),
            tuple(product(phases, range(z))),
            notes,
        )


_SOFT = (
    "Volumes here are sums of probabilities, without flips or clean-up, so they differ a little."
)


def volume(view: SegmenterView, structure: str, phases: Iterable[int]) -> Question:
    """What makes a structure's volume, summed over phases; each phase's map is its own.

    The myocardium's is that of the wall, scar included.

    Raises
    ------
    InputError
        If the model does not know the structure.
    """
    if structure not in view.structures[1:]:
        raise InputError(
            f"{view.model.title} finds no {structure}; it finds {', '.join(view.structures[1:])}."
        )
    wanted = sorted(set(phases))
    parts = _wall(view) if structure == Structure.MYO.name else (structure,)
    value = float(np.mean([sum(view.volumes(phase)[p] for p in parts) for phase in wanted]))
    title = f"{Structure[structure].title}, volume"
    title += f" in phase {wanted[0]}" if len(wanted) == 1 else f", mean of {len(wanted)} phases"
    weights = {phase: dict.fromkeys(parts, 1 / len(wanted)) for phase in wanted}
    return view.question(title, _ml(view), value, weights, (_SOFT,))


def ejection_fraction(view: SegmenterView, ed: int, es: int) -> Question:
    """What moves the LV's ejection fraction: positive values push it up.

    EF = 1 - ESV / EDV, so its derivative is ESV / EDV^2 by EDV and -1 / EDV by ESV.

    Raises
    ------
    InputError
        If ED and ES are one phase, or there is no LV at ED.
    """
    if ed == es:
        raise InputError("EF needs ED and ES in two phases; set them, or open a whole cine.")
    edv, esv = view.volumes(ed)["LV"], view.volumes(es)["LV"]
    if edv <= 0:
        raise InputError("The model finds no LV cavity at end diastole, so there is no EF.")
    weights = {ed: {"LV": 100 * esv / edv**2}, es: {"LV": -100 / edv}}
    note = "The map is of first order: it tells what EF gains or loses by small changes."
    return view.question("LV ejection fraction", "%", 100 * (1 - esv / edv), weights, (note, _SOFT))


def mass(view: SegmenterView, ed: int) -> Question:
    """What makes the LV's mass, at end diastole; of late enhancement in its one phase."""
    grams, wall, found = MYOCARDIAL_DENSITY_G_PER_ML, _wall(view), view.volumes(ed)
    known = view.stack.geometry.spacing_known
    value = grams * sum(found[part] for part in wall)
    unit = "g" if known else ""
    return view.question("LV mass", unit, value, {ed: dict.fromkeys(wall, grams)}, (_SOFT,))


def _wall(view: SegmenterView) -> tuple[str, ...]:
    """The myocardium, with what is scarred of it where the model tells that apart."""
    return tuple(s.name for s in WALL if s.name in view.structures)


def _ml(view: SegmenterView) -> str:
    return "mL" if view.stack.geometry.spacing_known else ""
