"""From manifests to a version folder: train, judge on the validation split, write the card."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from napari_cmr.core import Cancel, InputError, Segmentation, Stack
from napari_cmr.io.manifest import ManifestRow, read_manifest
from napari_cmr.learn.consistency import load_unlabelled, unsaid_phases
from napari_cmr.learn.data_sets import data_set_names
from napari_cmr.learn.evaluate import evaluate_segmenter, summarise
from napari_cmr.learn.examples import LabelledFrame, LabelledRow, frames_of, load_labelled
from napari_cmr.learn.label_faults import (
    TWO_IDS,
    refuse_rows_under_wrong_map,
    refuse_two_of_a_name,
    refuse_wrong_map,
)
from napari_cmr.learn.segmentation_tasks import SEGMENTATION_TASKS
from napari_cmr.learn.segmenter import (
    SegmenterConfig,
    StageConfig,
    Trained,
    refuse_unfit_grid,
    train_stage,
)
from napari_cmr.learn.start import read_start, start_of
from napari_cmr.nets import (
    Card,
    Heart,
    Metric,
    Model,
    Network,
    TrainingData,
    find_heart,
    load_model,
    predict,
    save_model,
)
from napari_cmr.nets.below import keep_below
from napari_cmr.nets.card_shelf import refuse_other_task
from napari_cmr.nets.locate import HeartSize
from napari_cmr.nets.memory import within_memory
from napari_cmr.nets.shelf import device

Rows = dict[Path, list[ManifestRow]]
TERMS = "research use; the images are not shipped with the model"


def finetune_segmenter(
    manifests: Sequence[Path],
    out: Path,
    config: SegmenterConfig,
    *,
    name: str,
    version: str,
    weights: Sequence[float] | None = None,
    start: str | Path | None = None,
    localiser: str | Path | None = None,
    told: Collection[str] = (),
    heart_crop: bool = False,
    unlabelled: Sequence[Path] = (),
    terms: str = TERMS,
    task: str = "cine_sax_seg",
    threads: int = 2,
    say: Callable[[str], None] = print,
    on_step: Callable[[int, float, nn.Module], None] | None = None,
    cancel: Cancel | None = None,
) -> Card:
    """Train localiser and segmenter on the ``train`` rows and measure on ``validation``.

    Parameters
    ----------
    manifests
        One CSV a data set. Rows without a split count as ``train``. A row without a label but
        with strokes teaches what they say and nothing else.
    out
        The version folder; checkpoints lie in it too and a second call goes on from them.
    weights
        How often each set is drawn, relative to the others; even subjects if None.
    start
        A pretrained encoder, or a whole segmenter with its localiser, by its shelf name or
        folder: training begins from its weights, with its networks. By chance if None.
    localiser
        A model of the task, by its shelf name or folder, whose localiser is taken as it is.
    told
        The segmenter's settings that somebody named. With a start the networks are the start's;
        a grid that was named is kept, any other that differs is said to have no part.
    heart_crop
        Whether training crops lie round the heart that the shelf's localiser finds (the
        picture's middle where it finds none), as in use; round the labelled heart if not.
    task
        One of :data:`SEGMENTATION_TASKS`; the card says so. A start of another task gives what
        fits: the stages of the same widths, without the last layer and the localiser. Where the
        segmenter is ``shared``, the version holds only what it adds to the start.
    unlabelled
        Manifests of images whose labels, if any, are not looked at; they join the segmenter's
        training round the heart that this training's localiser finds. Rows of another split than
        ``train`` or none, and images of who judges, by id or file, are left out. Phases that
        nobody labelled in the training images themselves always join.
    threads
        CPU threads of torch.
    on_step
        Called with (steps done, loss, the averaged network) of the segmenter's training.

    Raises
    ------
    CancelledError
        If ``cancel`` returned True between two steps; a second call goes on there.
    InputError
        If a manifest or a file it names, or the start, is at fault, a grid does not fit its
        network, one id stands for two subjects, labels cannot be those of the map they are said to
        be in, or ``out`` holds a model of another task.
    """
    refuse_other_task(out, task)
    torch.set_num_threads(threads)
    words = SEGMENTATION_TASKS[task]
    begun = read_start(start) if start is not None else None
    base = begun.whole if begun is not None and config.segmenter.shared else None
    if config.segmenter.shared and base is None:
        raise InputError("These settings add to another segmenter; name it with --start.")
    if begun is not None and begun.whole is not None and begun.card.task != task:
        begun = begun.for_another_task(config.segmenter.channels)
    if begun is not None:
        asked, config = config.segmenter, config.begun_from(begun, own_grid="grid" in told)
        for setting in sorted(told):
            if getattr(asked, setting, None) != getattr(config.segmenter, setting, None):
                say(f"segmenter: the start keeps its {setting}, whatever the settings say")
    finding = begun.localiser() if begun else None
    if localiser is not None:
        finding = start_of(load_model(localiser, task=task), "localiser")
        as_it_is = config.localiser.model_copy(update=finding.network | {"steps": 0})
        config = config.model_copy(update={"localiser": as_it_is})
    if config.localiser.steps == 0 and finding is None:
        raise InputError(
            "A localiser is trained in no steps only where the start has one or --localiser does."
        )
    refuse_unfit_grid("segmenter", config.segmenter)  # not only once the localiser is trained
    train, held = split_rows(manifests)
    names = data_set_names(train)
    counts = {names[p]: len({r.subject for r in rows}) for p, rows in train.items()}
    shares = list(weights) if weights else [float(n) for n in counts.values()]
    crops = _Crops() if heart_crop else None
    labelled = load_training(train, say)
    offered = _offered(unlabelled, held, say)

    def load(size: HeartSize | None) -> list[tuple[float, list[LabelledFrame]]]:
        return [
            (share, frames_of(rows, crops, size))
            for share, rows in zip(shares, labelled, strict=True)
        ]

    frames = {"localiser": load(None)}  # it meets hearts of any size
    frames["segmenter"] = load(config.heart_size) if config.heart_size else frames["localiser"]
    recipe = config.model_dump(mode="json") | {
        "start": begun.record() if begun else "scratch",
        "heart_crop": crops.record() if crops else "round the labels",
    }
    if localiser is not None and finding is not None:
        recipe["localiser_of"] = finding.record()

    ran_on = device()

    def run_stage(role: str, stage: StageConfig, **more: Any) -> Trained:
        def with_batch(batch: int, on: torch.device) -> Trained:
            nonlocal ran_on
            recipe[role]["batch"], ran_on = batch, on  # less than asked where memory ran out
            return train_stage(
                role,
                stage.model_copy(update={"batch": batch}),
                frames[role],
                out,
                seed=config.seed,
                on=on,
                checkpoint_every_s=config.checkpoint_every_s,
                say=say,
                cancel=cancel,
                manifests=manifest_hash([*manifests, *unlabelled]),
                **more,
            )

        return within_memory(with_batch, batch=stage.batch, device=device(), say=say)

    localised = run_stage("localiser", config.localiser, start=finding)

    test_time: dict[str, Any] = {"one_heart": config.one_heart}
    if config.heart_size is not None:
        test_time["heart_size"] = asdict(config.heart_size)
    if config.candidates is not None:
        test_time["candidates"] = asdict(config.candidates)

    def card_of(stages: dict[str, Trained], metrics: dict[str, dict[str, Metric]]) -> Card:
        return Card(
            name=name,
            version=version,
            task=task,
            networks={role: stage.spec for role, stage in stages.items()},
            tier=_tier_of(config.segmenter),
            parent=begun.title if begun else None,
            test_time=test_time | {"flips": config.flips},
            training_data=TrainingData(
                sets=counts,
                manifest_sha256=manifest_hash(manifests),
                terms=terms,
            ),
            recipe=recipe,
            seed=config.seed,
            hours=sum(s.seconds for s in stages.values()) / 3600,
            hardware=hardware(ran_on),
            finished=True,
            metrics=metrics,
            sha256="",
            licence="BSD-3-Clause for the weights; the training images have terms of their own",
            intended_use=words.intended_use,
            bad_at=words.bad_at,
        )

    def model_of(network: nn.Module, spec: Network) -> Model:
        stages = {"localiser": localised, "segmenter": Trained(spec, network, 0.0, 0)}
        quick = test_time | {"flips": ()}
        card = card_of(stages, {}).model_copy(update={"test_time": quick})
        return Model(card, {"localiser": localised.network, "segmenter": network})

    def validate(network: nn.Module, spec: Network) -> dict[str, float]:
        measured = measure_held(held, model_of(network, spec), surfaces=False)
        scores = {
            f"{where}_{metric}": m.value
            for where, metrics in measured.items()
            for metric, m in metrics.items()
            if metric.startswith("dice") or metric == "ef_error"
        }
        kept = {k: v for k, v in scores.items() if v is not None}
        means = [v for k, v in kept.items() if k.endswith("dice_mean")]
        return {"score": sum(means) / len(means), **kept}

    judge = validate if any(held.values()) else None
    finder = model_of(localised.network, localised.spec)
    joining = _unlabelled(labelled, offered, finder)
    labelled.clear()  # the frames that train are copies; whole cines are large
    if joining:
        say(f"{sum(len(frames) for _, frames in joining)} unlabelled frames join in")
    segmenter = run_stage(
        "segmenter",
        config.segmenter,
        start=begun,
        unlabelled=joining,
        validate=judge,
        validate_every=config.validate_every,
        on_step=on_step,
    )
    stages = {"localiser": localised, "segmenter": segmenter}
    networks = {role: stage.network for role, stage in stages.items()}
    metrics = measure_held(held, Model(card_of(stages, {}), networks), surfaces=True)
    if base is not None and start is not None:
        keep_below(out, start)
    return save_model(out, card_of(stages, metrics), networks, on=base)


def split_rows(manifests: Sequence[Path]) -> tuple[Rows, Rows]:
    """Each manifest's rows that train, and those that judge.

    Raises
    ------
    InputError
        If a manifest is at fault, a subject is in both, or labels that judge cannot be those of
        the map they are said to be in, which measuring would refuse hours later.
    """
    sets = {path: read_manifest(path, need_labels=True) for path in manifests}
    train = {p: [r for r in rows if r.split in ("", "train")] for p, rows in sets.items()}
    held = {p: [r for r in rows if r.split == "validation"] for p, rows in sets.items()}
    refuse_overlap(train, held)
    for rows in held.values():
        refuse_rows_under_wrong_map(rows)
    return train, held


def load_training(train: Rows, say: Callable[[str], None]) -> list[list[LabelledRow]]:
    """Load the rows that train, a set each, strokes too where there is no label.

    Raises
    ------
    InputError
        If a file is at fault, one id stands for two subjects, or labels cannot be those of the
        map they are said to be in.
    """
    say(f"reading {sum(map(len, train.values()))} training rows")
    for rows in train.values():
        refuse_two_of_a_name([row for row in rows if row.label or row.scribble])
    labelled = [load_labelled(rows, scribbles=True) for rows in train.values()]
    for loaded in labelled:
        refuse_wrong_map(loaded)
    return labelled


def _offered(
    manifests: Sequence[Path], held: Rows, say: Callable[[str], None]
) -> list[list[ManifestRow]]:
    """Rows that may join in without labels: of nobody who judges, by id or file."""
    judging = [row for rows in held.values() for row in rows]
    subjects, files = {r.subject for r in judging}, {r.image.resolve() for r in judging}
    sets = [read_manifest(path) for path in manifests]
    kept = [
        [
            row
            for row in rows
            if row.split in ("", "train")
            and row.subject not in subjects
            and row.image.resolve() not in files
        ]
        for rows in sets
    ]
    left = sum(map(len, sets)) - sum(map(len, kept))
    if left:
        say(f"{left} unlabelled image(s) left out, of those who judge or of another split")
    return kept


def _unlabelled(
    labelled: Sequence[Sequence[LabelledRow]],
    offered: Sequence[Sequence[ManifestRow]],
    finder: Model,
) -> list[tuple[float, list[LabelledFrame]]]:
    """Frames that nobody labelled, a set each; empty where there are none."""

    def find(stack: Stack) -> Heart:
        return find_heart(stack, finder)

    sets = [unsaid_phases(rows, find) for rows in labelled]
    sets += [load_unlabelled(rows, find) for rows in offered]
    return [(float(len({f.subject for f in frames})), frames) for frames in sets if frames]


def _tier_of(stage: StageConfig) -> str:
    """How much of the network was trained, as a card says it."""
    if stage.adapter_rank:
        return "lora"
    return "head" if stage.frozen >= stage.steps else "full"


class _Crops:
    """Finds hearts with the shelf's localiser, and counts."""

    def __init__(self) -> None:
        self.model = load_model()
        self.stacks, self.found = 0, 0

    def __call__(self, stack: Stack) -> Heart:
        heart = find_heart(stack, self.model)
        self.stacks, self.found = self.stacks + 1, self.found + heart.found
        return heart

    def record(self) -> dict[str, Any]:
        """What the card says of the choice."""
        model = f"{self.model.title} {self.model.card.sha256[:12]}"
        return {"found_by": model, "stacks": self.stacks, "hearts_found": self.found}


def measure_held(held: Rows, model: Model, *, surfaces: bool) -> dict[str, dict[str, Metric]]:
    """Metrics of a model on the rows that judge, a set each, as a card has them."""

    def segment(stack: Stack) -> Segmentation:
        return predict(stack, model)

    names, drawable = data_set_names(held), model.card.networks["segmenter"].structures
    return {
        f"{names[path]} validation": summarise(
            evaluate_segmenter(rows, segment, surfaces=surfaces, drawable=drawable)
        )
        for path, rows in held.items()
        if rows
    }


def refuse_overlap(train: Rows, held: Rows) -> None:
    """Refuse subjects that are in both splits, and files that are under two ids.

    Raises
    ------
    InputError
        If there is one.
    """
    learnt = {r.subject for rows in train.values() for r in rows}
    both = learnt & {r.subject for rows in held.values() for r in rows}
    if both:
        raise InputError(
            f"{len(both)} subject(s) are in both the train and the validation split: "
            f"{', '.join(sorted(both)[:5])}."
        )
    if _files(train) & _files(held):
        raise InputError(TWO_IDS)


def _files(rows: Rows) -> set[tuple[Path, str]]:
    """The images, and which stack of a folder."""
    found = (r for some in rows.values() for r in some)
    return {(r.image.resolve(), r.columns.get("stack", "")) for r in found}


def manifest_hash(manifests: Sequence[Path]) -> str:
    """SHA-256 of the manifests' contents, for the card."""
    digest = hashlib.sha256()
    for path in manifests:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def hardware(on: torch.device | None = None) -> str:
    """What a training ran on, for the card; where it would run if None."""
    if (on or device()).type == "cuda":
        return str(torch.cuda.get_device_name())
    n = torch.get_num_threads()
    threads = "1 CPU thread" if n == 1 else f"{n} CPU threads"
    return f"{threads} ({platform.machine()}), torch {torch.__version__}"
