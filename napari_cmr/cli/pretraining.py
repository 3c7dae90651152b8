"""The verb pretrain: an encoder from unlabelled images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_cmr.cli.options import OutFolder, write_json
from napari_cmr.core import InputError

PARTS = ("run", "method", "encoder", "grid")


def pretrain(
    method: Annotated[str, typer.Option(help="simclr, pcl, dino, mim or byol.")],
    encoder: Annotated[
        str, typer.Option(help="vit_small_patch8, unet, resnet50 or deeplabv3_resnet50.")
    ],
    out: OutFolder,
    manifest: Annotated[
        list[Path] | None,
        typer.Option("--manifest", help="One CSV a data set; may be given again."),
    ] = None,
    pack: Annotated[
        Path | None,
        typer.Option(help="A folder pack-HASH of packed images, in place of manifests."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of the run.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step, over all processes.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same run, on one CPU.")] = 0,
    heart_crop: Annotated[
        bool, typer.Option("--heart-crop", help="Crop round the heart that the localiser finds.")
    ] = False,
    frame_pairs: Annotated[
        bool, typer.Option("--frame-pairs", help="Two frames of a slice are a positive pair.")
    ] = False,
    probe: Annotated[
        str, typer.Option(help="What the k-NN probe tells apart: position or a column.")
    ] = "position",
    packs: Annotated[
        Path | None, typer.Option(help="Folder of packed images that runs share; else in OUT.")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--for", min=0, help="Seconds to train; then it stops, to be gone on with."),
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="A pretrained version to begin with: its name or folder.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="JSON with further settings under run, method, encoder and grid."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The encoder's name on its card.")] = None,
    version: Annotated[str, typer.Option(help="The encoder's version.")] = "1.0.0",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the card there, too.")
    ] = None,
) -> None:
    """Pretrain an encoder without labels; a stopped run goes on where it was.

    Under torchrun or srun the same command uses all their processes.
    """
    if (manifest is None) == (pack is None):
        raise InputError("Give either --manifest or, with --pack, a folder of packed images.")
    settings = _settings(config)
    given = {"steps": steps, "batch": batch, "frame_pairs": frame_pairs or None}
    settings["run"] |= {"seed": seed} | {k: v for k, v in given.items() if v is not None}

    from napari_cmr.learn.pretraining import pretrain as learn
    from napari_cmr.learn.pretraining.settings import grid_of, run_of

    card = learn(
        manifest or [],
        out,
        method,
        encoder,
        run=run_of(settings["run"]),
        options=settings["method"],
        encoder_options=settings["encoder"],
        grid=grid_of(settings["grid"]),
        probe=probe,
        heart_crop=heart_crop,
        packs=packs,
        pack=pack,
        seconds=seconds,
        start=start,
        name=name,
        version=version,
        say=typer.echo,
    )
    if json_file is not None:
        write_json(json_file, card.model_dump(mode="json"))


def _settings(path: Path | None) -> dict[str, dict[str, Any]]:
    """The four parts of a settings file, empty where it says nothing."""
    read: Any = {}
    if path is not None:
        try:
            read = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read as JSON.") from error
    known = isinstance(read, dict) and set(read) <= set(PARTS)
    if not known or not all(isinstance(part, dict) for part in read.values()):
        raise InputError(f"{path} should hold settings under {', '.join(PARTS)}, nothing else.")
    return {part: dict(read.get(part, {})) for part in PARTS}
