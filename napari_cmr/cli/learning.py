"""Verbs over manifests: finetune, predict, evaluate."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_cmr.cli import echo, heads, landmarks
from napari_cmr.cli.options import (
    HEADS,
    SEGMENTERS,
    JsonFile,
    ModelName,
    OutFolder,
    VersionsOf,
    check_task,
    check_tier,
    write_json,
)
from napari_cmr.cli.progress import progress
from napari_cmr.cli.suited import check_suited
from napari_cmr.core import InputError
from napari_cmr.nets.segmenter_tasks import TITLES

TaskName = Annotated[
    str, typer.Option("--task", help="What the model does: cine_sax_seg, disease, ...")
]
Manifest = Annotated[Path, typer.Option("--manifest", help="CSV with the columns subject, image.")]


def finetune(
    manifest: Annotated[
        list[Path], typer.Option("--manifest", help="One CSV a data set; may be given again.")
    ],
    out: OutFolder,
    task: TaskName = "cine_sax_seg",
    start: Annotated[
        str | None,
        typer.Option(help="Pretrained encoder or segmenter: shelf name or folder; else scratch."),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="For echo_lv_seg from scratch: unet or deeplabv3_resnet50."),
    ] = None,
    weight: Annotated[
        list[float] | None,
        typer.Option(help="How often a manifest is drawn, one each; else as its subjects are."),
    ] = None,
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(help="CSV of images that join in without labels; may be given again."),
    ] = None,
    tier: Annotated[
        str | None,
        typer.Option(
            help="How much of --start moves: head, lora, full, or auto by cross-validation; "
            "else all of it, as the task's own recipe says."
        ),
    ] = None,
    heart_crop: Annotated[
        bool,
        typer.Option("--heart-crop", help="Crop round the heart found, not the labelled one."),
    ] = False,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the segmenter.")] = None,
    localiser_steps: Annotated[
        int | None, typer.Option(min=0, help="Steps of the localiser; 0 keeps that of the start.")
    ] = None,
    localiser: Annotated[
        str | None,
        typer.Option(help="A model of the task whose localiser is taken as it is: name or folder."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Same seed, same model, on one CPU.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
    config: Annotated[
        Path | None,
        typer.Option(help="JSON with further settings of a segmenter, or a card to repeat."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name on its card.")] = None,
    version: Annotated[str, typer.Option(help="The model's version.")] = "1.0.0",
) -> None:
    """Train a localiser and a segmenter; a stopped run goes on where it was.

    For echo_lv_seg there is no localiser: the whole picture is seen.
    """
    check_task(task)
    check_tier(tier, task)
    if weight and len(weight) != len(manifest):
        raise InputError(f"{len(manifest)} manifest(s) need as many --weight, not {len(weight)}.")
    if encoder is not None and task in SEGMENTERS:
        raise InputError(f"An encoder is chosen for {echo.TASK} only; here --start brings one.")
    for path in manifest:
        _check_manifest(path, task, need_labels=task not in HEADS)
    for path in unlabelled or ():
        _check_manifest(path, task)
    of_a_segmenter = (
        encoder, weight, localiser_steps, localiser, config, heart_crop, unlabelled,
    )  # fmt: skip
    if task in HEADS:
        if _any_given(steps, *of_a_segmenter):
            raise InputError(
                f"For {task} a head is fitted to frozen features; it takes --manifest, --start, "
                "--out, --seed, --threads, --name and --version only."
            )
        heads.finetune(
            task,
            manifest,
            out,
            encoder=start,
            name=name,
            version=version,
            seed=seed or 0,
            threads=threads,
        )
        return
    if task == landmarks.TASK:
        if _any_given(*of_a_segmenter):
            raise InputError(
                "For landmarks heat maps are fitted on a frozen segmenter, which --start names; "
                "they take --manifest, --out, --steps, --seed, --threads, --name and --version."
            )
        landmarks.finetune(
            manifest,
            out,
            start=start,
            steps=steps,
            seed=seed or 0,
            threads=threads,
            name=name,
            version=version,
        )
        return
    if task == echo.TASK:
        if _any_given(localiser_steps, localiser, heart_crop, unlabelled):
            raise InputError(
                "--localiser-steps, --localiser, --heart-crop and --unlabelled are not for "
                f"{echo.TASK}, which sees the whole picture."
            )
        echo.finetune(
            manifest,
            out,
            encoder=encoder,
            start=start,
            weights=weight or None,
            steps=steps,
            seed=seed,
            config=config,
            threads=threads,
            name=name,
            version=version,
        )
        return
    if localiser is not None and localiser_steps:
        raise InputError("--localiser is taken as it is; leave --localiser-steps out.")
    from napari_cmr.learn import SEGMENTATION_TASKS, finetune_by_tier, finetune_segmenter
    from napari_cmr.learn.settings import read_settings, told_in

    words = SEGMENTATION_TASKS[task]
    settings = words.config if config is None else read_settings(config, words.config)
    settings = settings.with_steps(
        segmenter=steps,
        localiser=localiser_steps,
        seed=settings.seed if seed is None else seed,
    )
    asked: dict[str, Any] = {
        "task": task,
        "name": name or words.model,
        "version": version,
        "weights": weight or None,
        "start": start,
        "localiser": localiser,
        "told": () if config is None else told_in(config).get("segmenter", ()),
        "heart_crop": heart_crop,
        "unlabelled": unlabelled or (),
        "threads": threads,
        "say": typer.echo,
    }
    if tier is None:
        card = finetune_segmenter(manifest, out, settings, **asked)
    else:
        card = finetune_by_tier(manifest, out, settings, tier=tier, steps=steps, **asked)
    typer.echo(f"wrote {out}: {card.name} {card.version}, {card.hours:.2f} hours")


def predict(
    manifest: Manifest,
    out: OutFolder,
    task: TaskName = "cine_sax_seg",
    model: ModelName = None,
    project: VersionsOf = None,
    json: JsonFile = None,
) -> None:
    """Segment or name every image of a manifest; truth columns are not read."""
    check_task(task)
    used: str | Path | None = model
    if project is not None:
        from napari_cmr.cli.work import check_versions_of, version_of

        check_versions_of(project, model)
        if task not in TITLES:
            raise InputError(f"Projects have no versions for {task}; leave --project out.")
        used = version_of(project, task)
    _check_manifest(manifest, task)
    if task in HEADS:
        table = heads.predict(task, manifest, out, model=model)
    elif task == landmarks.TASK:
        table = landmarks.predict(manifest, out, model=model)
    else:
        from napari_cmr.learn import predict_manifest

        with progress("Predicting") as advance:
            table = predict_manifest(manifest, out, task=task, model=used, progress=advance)
    typer.echo(f"wrote {table}")
    if json is not None:
        with table.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        write_json(json, {"task": task, "table": str(table), "rows": rows})


def evaluate(
    manifest: Manifest,
    task: TaskName = "cine_sax_seg",
    model: ModelName = None,
    split: Annotated[
        str, typer.Option(help="Only rows of this split; all labelled rows if empty.")
    ] = "",
    json: JsonFile = None,
) -> None:
    """Measure a model on the labelled rows of a manifest."""
    check_task(task)
    splits = _check_manifest(manifest, task, split=split, need_labels=task not in HEADS)
    if not split and "train" in splits and len(splits) > 1:
        typer.echo(
            f"Rows of {' and '.join(sorted(filter(None, splits)))} are measured together; a model "
            "that learnt from some of them looks better than it is (--split measures one).",
            err=True,
        )
    if task in HEADS:
        result = heads.evaluate(task, manifest, model=model, split=split)
    elif task == landmarks.TASK:
        result = landmarks.evaluate(manifest, model=model, split=split)
    else:
        from napari_cmr.learn import evaluate_manifest

        with progress("Evaluating") as advance:
            result = evaluate_manifest(
                manifest, task=task, model=model, split=split, progress=advance
            )
    width = max(map(len, result["mean"]), default=0)
    for metric, mean in result["mean"].items():
        if mean["value"] is not None:
            typer.echo(
                f"{metric:<{width}}{mean['value']:9.3f}  "
                f"(95 % {mean['low']:.3f} to {mean['high']:.3f}, n={mean['n']})"
            )
    if result.get("not_scored"):
        typer.echo(f"not scored: {', '.join(result['not_scored'])}, which the model does not draw")
    if json is not None:
        write_json(json, result)


def _any_given(*values: object) -> bool:
    """Whether one of these options was named; 0 is a value like any other."""
    return any(v is not None and v is not False and v != [] for v in values)


def _check_manifest(
    manifest: Path, task: str, *, split: str = "", need_labels: bool = False
) -> set[str]:
    """Tell its faults before torch is imported, which takes seconds; the splits it has."""
    from napari_cmr.io.manifest import read_manifest

    rows = read_manifest(manifest, need_labels=need_labels)
    check_suited([row for row in rows if split in ("", row.split)], task)
    return {row.split for row in rows}
