"""From manifests of ultrasound to a version folder: train, judge on validation, write the card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from napari_cmr.core import InputError, ModelError, Segmentation, Stack
from napari_cmr.io.manifest import ManifestRow, read_manifest
from napari_cmr.learn.augment import AugmentConfig
from napari_cmr.learn.data_sets import data_set_names
from napari_cmr.learn.echo.evaluate import evaluate_echo
from napari_cmr.learn.examples import LabelledFrame, load_frames
from napari_cmr.learn.finetune import TERMS, hardware, manifest_hash, refuse_overlap
from napari_cmr.learn.segmenter import StageConfig, Trained, train_stage
from napari_cmr.learn.start import Start, read_start, start_of
from napari_cmr.nets import Card, InputGrid, Metric, Model, Network, TrainingData, save_model
from napari_cmr.nets.card_shelf import find_card, refuse_other_task
from napari_cmr.nets.echo import ECHO_TASK, segment_echo, whole_field
from napari_cmr.nets.encoders import UNET_CHANNELS, load_encoder
from napari_cmr.nets.locate import GUESSED_FIELD_MM
from napari_cmr.nets.memory import within_memory
from napari_cmr.nets.resnet import DeepLabV3ResNet50
from napari_cmr.nets.shelf import device, load_model

SIDE = 128
ENCODERS = {"unet": UNET_CHANNELS, "deeplabv3_resnet50": ()}
# Apical views are always held the same way up and round, so nothing is flipped or upside down.
AUGMENT = AugmentConfig(
    flip=0.0,
    any_rotation=0.0,
    rotation_deg=20.0,
    zoom=(0.75, 1.3),
    stretch=0.15,
    shift_mm=35.0,
    elastic=0.4,
    elastic_mm=10.0,
    local_contrast=0.0,
)


class EchoConfig(BaseModel):
    """One network on the whole picture."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    segmenter: StageConfig = StageConfig(
        channels=UNET_CHANNELS,
        structures=("BACKGROUND", "LV"),
        grid=InputGrid(spacing_mm=GUESSED_FIELD_MM / SIDE, size=SIDE),
        steps=6000,
        augment=AUGMENT,
    )
    one_piece: bool = Field(default=True, description="keep the largest piece of a structure")
    seed: int = Field(default=0, ge=0)
    notes: str = Field(default="", description="what the other fields do not say")
    checkpoint_every_s: float = 120.0
    validate_every: int = 500

    def changed(
        self, *, encoder: str | None = None, steps: int | None = None, seed: int = 0
    ) -> EchoConfig:
        """Another encoder, length (None keeps each) or seed.

        Raises
        ------
        ModelError
            If there is no head for the encoder.
        """
        update: dict[str, object] = {} if steps is None else {"steps": steps}
        if encoder is not None:
            if encoder not in ENCODERS:
                raise ModelError(
                    f"There is no ultrasound head for the encoder '{encoder}'; "
                    f"there are {', '.join(ENCODERS)}."
                )
            update |= {"encoder": encoder, "channels": ENCODERS[encoder]}
        segmenter = self.segmenter.model_copy(update=update)
        return self.model_copy(update={"segmenter": segmenter, "seed": seed})


def finetune_echo(
    manifests: Sequence[Path],
    out: Path,
    config: EchoConfig,
    *,
    name: str,
    version: str,
    weights: Sequence[float] | None = None,
    start: str | Path | None = None,
    terms: str = TERMS,
    threads: int = 2,
    say: Callable[[str], None] = print,
) -> Card:
    """Train on the ``train`` rows and measure on ``validation``; a stopped run goes on.

    Parameters
    ----------
    manifests
        One CSV a data set. Rows without a split count as ``train``.
    out
        The version folder; the checkpoint lies in it too.
    weights
        How often each set is drawn, relative to the others; even subjects if None.
    start
        A pretrained ``unet`` or ``deeplabv3_resnet50``, or an earlier ultrasound model, by its
        shelf name or folder; its network is taken. By chance if None.
    threads
        CPU threads of torch.

    Raises
    ------
    InputError
        If a manifest or a file it names, or the start, is at fault, no row that trains has a label,
        or ``out`` holds a model of another task.
    """
    refuse_other_task(out, ECHO_TASK)
    torch.set_num_threads(threads)
    begun = read_echo_start(start) if start is not None else None
    stage = config.segmenter.model_copy(update=begun.network if begun else {})
    sets = {path: read_manifest(path, need_labels=True) for path in manifests}
    train = {
        p: [r for r in rows if r.split in ("", "train") and r.label] for p, rows in sets.items()
    }
    held = {p: [r for r in rows if r.split == "validation" and r.label] for p, rows in sets.items()}
    refuse_overlap(train, held)
    if not any(train.values()):
        raise InputError(
            "No row that trains has a label; fill the manifest's column label for some."
        )
    say(f"reading {sum(map(len, train.values()))} training rows")
    names = data_set_names(sets)
    counts = {names[p]: len({r.subject for r in rows}) for p, rows in train.items()}
    shares = list(weights) if weights else [float(n) for n in counts.values()]
    frames = [
        (share, load_echo_frames(rows))
        for share, rows in zip(shares, train.values(), strict=True)
        if rows
    ]
    recipe = config.model_dump(mode="json") | {
        "segmenter": stage.model_dump(mode="json"),
        "weights": dict(zip(counts, shares, strict=True)),
        "start": begun.record() if begun else "scratch",
    }

    ran_on = device()

    def card_of(trained: Trained, metrics: dict[str, dict[str, Metric]]) -> Card:
        return Card(
            name=name,
            version=version,
            task=ECHO_TASK,
            networks={"segmenter": trained.spec},
            tier="full",
            parent=begun.title if begun else None,
            test_time={"one_piece": config.one_piece},
            training_data=TrainingData(
                sets=counts,
                manifest_sha256=manifest_hash(manifests),
                terms=terms,
            ),
            recipe=recipe,
            seed=config.seed,
            hours=trained.seconds / 3600,
            hardware=hardware(ran_on),
            finished=True,
            metrics=metrics,
            sha256="",
            licence="BSD-3-Clause for the weights; the training images have terms of their own",
            intended_use="Apical ultrasound: the LV cavity. Research only.",
            bad_at=(
                "views that are not apical",
                "pictures with colour Doppler or contrast agent",
                "a left ventricle that the sector cuts off",
            ),
        )

    def measure(network: nn.Module, spec: Network) -> dict[str, dict[str, Metric]]:
        card = card_of(Trained(spec, network, 0.0, 0), {})
        return _measure(held, Model(card, {"segmenter": network}))

    def validate(network: nn.Module, spec: Network) -> dict[str, float]:
        measured = measure(network, spec)
        scores = {
            f"{where}_{metric}": m.value
            for where, metrics in measured.items()
            for metric, m in metrics.items()
            if m.value is not None and metric.startswith(("dice_mean", "dice_LV", "ef"))
        }
        means = [v for k, v in scores.items() if k.endswith("dice_mean")]
        return {"score": sum(means) / len(means), **scores}

    def with_batch(batch: int, on: torch.device) -> Trained:
        nonlocal ran_on
        recipe["segmenter"]["batch"], ran_on = batch, on  # less than asked where memory ran out
        return train_stage(
            "segmenter",
            stage.model_copy(update={"batch": batch}),
            frames,
            out,
            seed=config.seed,
            start=begun,
            on=on,
            checkpoint_every_s=config.checkpoint_every_s,
            validate=validate if any(held.values()) else None,
            validate_every=config.validate_every,
            say=say,
            manifests=manifest_hash(manifests),
        )

    trained = within_memory(with_batch, batch=stage.batch, device=device(), say=say)
    card = card_of(trained, measure(trained.network, trained.spec))
    return save_model(out, card, {"segmenter": trained.network})


def load_echo_frames(rows: Sequence[ManifestRow]) -> list[LabelledFrame]:
    """Load labelled frames so that each picture as a whole is what a network sees.

    Raises
    ------
    InputError
        If no row has a label, or a row's files do not fit each other.
    """
    return [_in_whole_field(frame) for frame in load_frames(rows)]


def read_echo_start(name: str | Path) -> Start:
    """Read where training begins by its shelf name or its version's folder.

    Raises
    ------
    ModelError
        If there is none of that name, it is altered, or no ultrasound head fits it.
    """
    card = find_card(name)
    if card.task == ECHO_TASK:
        return start_of(load_model(name, task=ECHO_TASK), "segmenter")
    if card.task == "pretrain" and card.networks["encoder"].encoder == "deeplabv3_resnet50":
        card, encoder, _ = load_encoder(name)
        assert isinstance(encoder, DeepLabV3ResNet50)
        weights = {f"encoder.{key}": value for key, value in encoder.state_dict().items()}
        options = card.recipe.get("encoder_options", {})
        network = {"encoder": "deeplabv3_resnet50", "channels": (), "encoder_options": options}
        return Start(card, network, weights)
    if card.task == "pretrain" and card.networks["encoder"].encoder == "unet":
        return read_start(name)
    raise ModelError(
        f"{card.name} is no start for ultrasound; give a pretrained {' or '.join(ENCODERS)}, or "
        f"a model for {ECHO_TASK}."
    )


def _in_whole_field(frame: LabelledFrame) -> LabelledFrame:
    rows, columns = frame.images.shape[1:]
    steps = whole_field(frame.pixel_mm, (rows, columns))
    return replace(frame, pixel_mm=steps, centre_mm=(rows * steps[0] / 2, columns * steps[1] / 2))


def _measure(held: dict[Path, list[ManifestRow]], model: Model) -> dict[str, dict[str, Metric]]:
    def segment(stack: Stack) -> Segmentation:
        return segment_echo(stack, model)

    structures = model.card.networks["segmenter"].structures[1:]
    names = data_set_names(held)
    return {
        f"{names[path]} validation": evaluate_echo(rows, segment, structures).mean
        for path, rows in held.items()
        if rows
    }
