"""Scar by the cell: a small network on a frozen encoder's finer maps, and what it sums up to."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cmr.nets.encoders import as_encoder
from napari_cmr.nets.features import FIELDS, FrozenEncoder, field_view

CELL_CLASSES = ("BACKGROUND", "LV", "MYO", "INFARCT")
SLICE_NUMBERS = ("scar", "brightest patch", "wall without scar")
CASE_NUMBERS = (
    "wall without scar, cells a slice",
    "scar, cells a slice",
    "scar, share of the wall",
    "brightest patch, mean of the three highest slices",
)
HIDDEN = 48
GRID = 48
_STAGES = 4
_MARGIN = 8  # cells left out on each side: what remains is a third of the picture
_BATCH = 16


class WallProbe(nn.Module):
    """Two layers on standardised features of a cell: background, cavity, wall, scar.

    Parameters
    ----------
    n_inputs
        Features of a cell.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, n_inputs: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(n_inputs))
        self.register_buffer("scale", torch.ones(n_inputs))
        self.layers = nn.Sequential(
            nn.Linear(n_inputs, hidden), nn.ReLU(), nn.Linear(hidden, len(CELL_CLASSES))
        )

    def forward(self, cells: Tensor) -> Tensor:
        """``(m, n_inputs)`` to logits ``(m, 4)``."""
        logits: Tensor = self.layers((cells - self.centre) / self.scale)
        return logits


def cells_of(images: Tensor, steps: tuple[float, float], encoder: FrozenEncoder) -> Tensor:
    """Grey values and the four finest maps in the picture's middle, ``(n, c, side, side)``.

    A cell is 1/96 of the picture's longer side; the middle third is covered.

    Parameters
    ----------
    images
        ``(n, 1, y, x)``.
    steps
        Row and column step in any unit.
    """
    found = []
    for begin in range(0, len(images), _BATCH):
        view = field_view(images[begin : begin + _BATCH], steps, FIELDS["middle"])
        with torch.inference_mode():
            found.append(cells_of_view(view, encoder.module))
    return torch.cat(found)


def cells_of_view(view: Tensor, encoder: nn.Module) -> Tensor:
    """The cells of `cells_of` for ``(n, 1, h, w)`` pictures of the middle field."""
    maps = as_encoder(encoder)(view)[:_STAGES]
    return torch.cat([_on_grid(m) for m in (view, *maps)], dim=1)


def in_the_middle(values: Tensor) -> Tensor:
    """The cells of ``(n, c, GRID, GRID)`` that `cells_of` covers."""
    return values[..., _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]


def slice_numbers(probe: WallProbe, cells: Tensor) -> Tensor:
    """``(n, 3)`` of slices, as `SLICE_NUMBERS`: sums of chances over cells, and the surest patch.

    Parameters
    ----------
    cells
        ``(n, c, side, side)`` of `cells_of`.
    """
    with torch.inference_mode():
        return summed_cells(probe, cells)


def summed_cells(probe: WallProbe, cells: Tensor) -> Tensor:
    """`slice_numbers` with gradients."""
    n, c, side, _ = cells.shape
    flat = cells.permute(0, 2, 3, 1).reshape(-1, c).float()
    chance = probe(flat).softmax(1).reshape(n, side, side, -1).permute(0, 3, 1, 2)
    wall, scar = chance[:, 2].sum((1, 2)), chance[:, 3:]
    patch = functional.avg_pool2d(scar, 3, 1).amax((1, 2, 3))
    return torch.stack([scar.sum((1, 2, 3)), patch, wall], dim=1)


def case_numbers(slices: Tensor) -> Tensor:
    """``(4,)`` of a case from its slices' ``(n, 3)`` numbers, as `CASE_NUMBERS`."""
    scar, patch, wall = slices.unbind(1)
    share = scar.sum() / (scar.sum() + wall.sum() + 1e-6)
    highest = patch.topk(min(3, len(patch))).values.mean()
    return torch.stack([wall.mean(), scar.mean(), share, highest])


def _on_grid(values: Tensor) -> Tensor:
    """A map at the grid's resolution, its middle."""
    side = values.shape[-1]
    if side > GRID:
        values = functional.avg_pool2d(values, side // GRID)
    elif side < GRID:
        values = functional.interpolate(values, (GRID, GRID), mode="bilinear")
    return in_the_middle(values)
