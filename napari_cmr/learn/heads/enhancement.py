"""Late enhancement by slice and by case: cells first, then what they sum up to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_cmr.core import FloatArray, InputError, Progress, Structure
from napari_cmr.io.manifest import ManifestRow, load_image, load_label
from napari_cmr.learn.heads.logistic import Samples, subject_folds
from napari_cmr.nets.features import FIELDS, FrozenEncoder
from napari_cmr.nets.sampling import sample, shrink, square_points
from napari_cmr.nets.wall_probe import (
    GRID,
    WallProbe,
    case_numbers,
    cells_of,
    in_the_middle,
    slice_numbers,
)

FOLDS = 5
_SCAR_CELLS = 0.2  # less than this of a slice is no scar that a reader would call
_WALL_CELLS, _OTHER_CELLS = 60, 25  # drawn from each slice on average
_EPOCHS, _BATCH, _RATE, _DECAY = 14, 512, 4e-3, 0.05


@dataclass(frozen=True, eq=False)
class Case:
    """All late-enhancement slices of one person.

    Parameters
    ----------
    rows
        Numbers of the manifest's rows.
    slices_a_row
        How many slices each of them holds.
    cells
        ``(n, c, side, side)`` half-precision features.
    targets
        ``(n, 4, side, side)`` shares of the cell classes, None where there is no label.
    """

    subject: str
    rows: tuple[int, ...]
    slices_a_row: tuple[int, ...]
    cells: Tensor
    targets: Tensor | None

    @property
    def scarred(self) -> FloatArray | None:
        """``(n,)`` whether the expert drew scar in each slice."""
        if self.targets is None:
            return None
        return (self.targets[:, 3].float().sum((1, 2)) > _SCAR_CELLS).numpy()


def read_cases(
    rows: Sequence[ManifestRow],
    encoder: FrozenEncoder,
    *,
    labels: bool,
    progress: Progress | None = None,
) -> list[Case]:
    """Features of all slices, person by person.

    Raises
    ------
    InputError
        If an image or a label cannot be read.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[row.subject].append(index)
    cases = []
    for done, (subject, numbers) in enumerate(groups.items()):
        read = [_row(rows[i], encoder, labels) for i in numbers]
        targets = [t for _, t in read if t is not None]
        whole = torch.cat(targets) if len(targets) == len(read) else None
        counts = tuple(len(c) for c, _ in read)
        cells = torch.cat([c for c, _ in read])
        cases.append(Case(subject, tuple(numbers), counts, cells, whole))
        if progress is not None:
            progress(done + 1, len(groups))
    return cases


def fit_probe(cases: Sequence[Case], seed: int) -> WallProbe:
    """Train the cells' network on the experts' labels.

    Raises
    ------
    InputError
        If no case has a label.
    """
    rng = np.random.default_rng(seed)
    drawn = [_draw(case, rng) for case in cases if case.targets is not None]
    if not drawn:
        raise InputError("To learn scar some training rows need a label that shows it.")
    cells = torch.cat([c for c, _ in drawn])
    shares = torch.cat([s for _, s in drawn])
    torch.manual_seed(seed)
    probe = WallProbe(cells.shape[1])
    probe.centre.copy_(cells.mean(0))
    probe.scale.copy_(cells.std(0) + 1e-3)
    steps = max(1, _EPOCHS * len(cells) // _BATCH)
    optimizer = torch.optim.AdamW(probe.parameters(), _RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps + 1)
    for _ in range(steps):
        chosen = torch.from_numpy(rng.integers(len(cells), size=_BATCH))
        loss = functional.cross_entropy(probe(cells[chosen]), shares[chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    # Rounded as it will be stored, so that what is measured is what is shipped.
    probe.load_state_dict({k: v.half().float() for k, v in probe.state_dict().items()})
    return probe.eval()


def left_out_numbers(cases: Sequence[Case], classes: Sequence[int], seed: int) -> list[FloatArray]:
    """Each case's slices' ``(n, 3)`` numbers by a probe that never saw the case.

    Where a class has one case alone nothing can be left out, and the numbers are those of a
    probe that has seen all.
    """
    names = [case.subject for case in cases]
    plain = Samples(np.zeros((len(cases), 1)), np.array(classes), names, max(classes) + 1)
    folds = subject_folds(plain, seed, FOLDS)
    if folds is None:
        probe = fit_probe(cases, seed)
        return [numbers_of(probe, case) for case in cases]
    found: dict[str, FloatArray] = {}
    for fold in np.unique(folds):
        kept = [c for c, f in zip(cases, folds, strict=True) if f != fold]
        probe = fit_probe(kept, seed)
        held = [c for c, f in zip(cases, folds, strict=True) if f == fold]
        found |= {case.subject: numbers_of(probe, case) for case in held}
    return [found[name] for name in names]


def numbers_of(probe: WallProbe, case: Case) -> FloatArray:
    """``(n, 3)`` of a case's slices."""
    return slice_numbers(probe, case.cells).double().numpy()


def summed(slices: FloatArray) -> FloatArray:
    """``(4,)`` of a case."""
    return case_numbers(torch.from_numpy(slices)).numpy()


def _row(row: ManifestRow, encoder: FrozenEncoder, labels: bool) -> tuple[Tensor, Tensor | None]:
    stack = load_image(row)
    steps = stack.geometry.pixel_spacing
    images = torch.from_numpy(np.ascontiguousarray(stack.pixels[0], np.float32))[:, None]
    cells = cells_of(images, steps, encoder).half()
    if not labels or row.label is None:
        return cells, None
    drawn = torch.from_numpy(load_label(row, stack)[1].labels[0])
    scar = (drawn == Structure.INFARCT) | (drawn == Structure.MVO)
    lv, wall = drawn == Structure.LV, drawn == Structure.MYO
    masks = torch.stack([~(lv | wall | scar), lv, wall, scar], dim=1).float()
    extent = [n * mm for n, mm in zip(masks.shape[2:], steps, strict=True)]
    step = max(extent) * FIELDS["middle"] / GRID
    small, small_mm = shrink(masks, steps, step)
    points = square_points((extent[0] / 2, extent[1] / 2), GRID, step)
    return cells, in_the_middle(sample(small, small_mm, points)).half()


def _draw(case: Case, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Features and shares of some cells, more of them wall than there are."""
    assert case.targets is not None
    cells = case.cells.permute(0, 2, 3, 1).reshape(-1, case.cells.shape[1])
    shares = case.targets.permute(0, 2, 3, 1).reshape(-1, case.targets.shape[1]).float()
    wall = (shares[:, 2:].sum(1) > 0.1).numpy()
    chosen = []
    for those, most in ((wall, _WALL_CELLS), (~wall, _OTHER_CELLS)):
        chosen.append(rng.permutation(np.flatnonzero(those))[: most * len(case.cells)])
    rows = torch.from_numpy(np.concatenate(chosen))
    picked = shares[rows]
    return cells[rows].float(), picked / picked.sum(1, keepdim=True).clamp_min(1e-3)
