"""Train a heat map head: minutes, since the segmenter below it stays as it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_cmr.core import InputError, Structure
from napari_cmr.learn.augment import AugmentConfig
from napari_cmr.learn.data_sets import data_set_names
from napari_cmr.learn.examples import EvenSampler, frames_of, load_labelled
from napari_cmr.learn.finetune import TERMS, hardware, manifest_hash, split_rows
from napari_cmr.learn.label_faults import refuse_two_of_a_name, refuse_wrong_map
from napari_cmr.learn.landmarks.kinds import TASK, LandmarkKind, kind_of
from napari_cmr.learn.landmarks.scores import measure_landmarks
from napari_cmr.learn.segmenter import StageConfig, draw_batch
from napari_cmr.nets import Card, Network, TrainingData, load_model, save_model
from napari_cmr.nets.below import keep_below
from napari_cmr.nets.card import ModelName
from napari_cmr.nets.card_shelf import refuse_other_task
from napari_cmr.nets.heat_map_head import HEAT_MAPS, HeatMapHead
from napari_cmr.nets.heat_maps import LandmarkModel, finest_maps, map_channels
from napari_cmr.nets.shelf import Model

HIDDEN = 32
STEPS, BATCH, RATE = 400, 12, 3e-3
SIGMA = 1.5  # pixels of the target's blob
_SAY_EVERY = 50


def finetune_landmarks(
    manifests: Sequence[Path],
    out: Path,
    *,
    segmenter: str | Path | None = None,
    steps: int | None = None,
    name: str | None = None,
    version: str = "1.0.0",
    seed: int = 0,
    threads: int = 2,
    say: Callable[[str], None] = print,
) -> Card:
    """Train on the ``train`` rows' masks and measure on ``validation``.

    Parameters
    ----------
    manifests
        One CSV a data set, all of one view: SAX with LV, wall and RV, or 4CH with the LV.
    segmenter
        The model whose maps the head looks at; the shelf's best for the view if None.

    Raises
    ------
    InputError
        If a manifest or a file it names is at fault, no mask shows the landmarks, or ``out``
        holds a model of another task.
    """
    refuse_other_task(out, TASK)
    torch.set_num_threads(threads)
    began = time.monotonic()
    train, held = split_rows(manifests)
    kind = kind_of([row for rows in train.values() for row in rows])
    below = load_model(segmenter, task=kind.segmenter_task)
    say(f"reading {sum(map(len, train.values()))} training rows")
    names = data_set_names(manifests)
    counts = {names[p]: len({r.subject for r in rows}) for p, rows in train.items()}
    frames = []
    for rows in train.values():
        refuse_two_of_a_name([row for row in rows if row.label])
        labelled = load_labelled(rows)
        refuse_wrong_map(labelled)
        frames.append((float(len(rows)), frames_of(labelled)))
    head = _train(kind, below, EvenSampler(frames), steps or STEPS, seed, say)
    spec = below.card.networks["segmenter"]
    card = Card(
        name=name or kind.model,
        version=version,
        task=TASK,
        networks={
            "landmarks": Network(
                encoder=HEAT_MAPS,
                channels=(map_channels(spec.channels), HIDDEN),
                structures=kind.points,
                grid=spec.grid,
            )
        },
        tier="head",
        parent=below.title,
        label_map="none",
        test_time={
            "view": str(kind.view),
            "segmenter": ModelName.of(below.card).model_dump(),
        },
        training_data=TrainingData(
            sets=counts, manifest_sha256=manifest_hash(manifests), terms=TERMS
        ),
        recipe={
            "steps": steps or STEPS,
            "batch": BATCH,
            "learning_rate": RATE,
            "sigma_pixels": SIGMA,
            "truth": "a rule on experts' masks, napari_cmr.measure.landmarks",
        },
        seed=seed,
        hours=(time.monotonic() - began) / 3600,
        hardware=hardware(),
        finished=True,
        metrics={},
        sha256="",
        licence="BSD-3-Clause for the weights; the training images have terms of their own",
        intended_use=kind.intended_use,
        bad_at=kind.bad_at,
    )
    model = LandmarkModel(Model(card, {"landmarks": head}), below, kind.rule)
    metrics = {
        f"{names[path]} validation": measure_landmarks(rows, kind, model)[1]
        for path, rows in held.items()
        if rows
    }
    if segmenter is not None:
        keep_below(out, segmenter)
    return save_model(out, card.model_copy(update={"metrics": metrics}), {"landmarks": head})


def heat_targets(
    targets: Tensor, names: Sequence[str], kind: LandmarkKind
) -> tuple[Tensor, Tensor]:
    """Blobs of sum one at the landmarks of each mask.

    Parameters
    ----------
    targets
        ``(n, h, w)`` channel numbers of the segmenter.
    names
        The structures of its channels.

    Returns
    -------
    ``(n, k, h, w)``, zero where there is none, and ``(n, k)`` bool whether there is one.
    """
    table = np.array([Structure[name] for name in names], np.uint8)
    n, h, w = targets.shape
    heat = torch.zeros(n, len(kind.points), h, w)
    there = torch.zeros(n, len(kind.points), dtype=torch.bool)
    for i, mask in enumerate(table[targets.numpy()]):
        places = kind.rule(mask, (1.0, 1.0))
        if places is None:
            continue
        rows, columns = np.ogrid[:h, :w]
        for k, (row, column) in enumerate(places):
            if 0 <= row <= h - 1 and 0 <= column <= w - 1:
                squared = (rows - row) ** 2 + (columns - column) ** 2
                blob = np.exp(-squared / (2 * SIGMA**2))
                heat[i, k] = torch.from_numpy(blob / blob.sum()).float()
                there[i, k] = True
    return heat, there


def _views(spec: Network) -> StageConfig:
    """How training pictures are drawn: as the segmenter sees them, a little changed."""
    return StageConfig(
        channels=spec.channels,
        structures=spec.structures,
        grid=spec.grid,
        neighbours=spec.neighbours,
        steps=0,
        batch=BATCH,
        augment=AugmentConfig(shift_mm=12.0, zoom=(0.8, 1.25), tone=0.15, local_contrast=0.1),
    )


def _train(
    kind: LandmarkKind,
    below: Model,
    sampler: EvenSampler,
    steps: int,
    seed: int,
    say: Callable[[str], None],
) -> HeatMapHead:
    spec = below.card.networks["segmenter"]
    views = _views(spec)
    torch.manual_seed(seed)
    head = HeatMapHead(map_channels(spec.channels), HIDDEN, len(kind.points))
    optimizer = torch.optim.AdamW(head.parameters(), RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps + 1)
    losses, shown = [], 0
    for step in range(steps):
        images, targets, *_ = draw_batch(sampler, views, seed, step)
        heat, there = heat_targets(targets, spec.structures, kind)
        shown += int(there.sum())
        maps = finest_maps(below.networks["segmenter"], images)
        surprise = -(heat.flatten(2) * head(maps).flatten(2).log_softmax(2)).sum(2)
        loss = (surprise * there).sum() / there.sum().clamp_min(1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(float(loss.item()))
        if (step + 1) % _SAY_EVERY == 0:
            say(f"landmarks: step {step + 1}  loss {np.mean(losses[-_SAY_EVERY:]):.3f}")
    if not shown:
        raise InputError("No mask of the manifest shows the landmarks; there is nothing to learn.")
    # Rounded as it will be stored, so that what is measured is what is shipped.
    head.load_state_dict({k: v.half().float() for k, v in head.state_dict().items()})
    return head.eval()
