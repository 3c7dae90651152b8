"""Verbs of the shelf: models list, show, verify, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_cmr.cli.options import JsonFile, OutFolder, write_json

app = typer.Typer(no_args_is_help=True, help="The shipped models and their cards.")


@app.command("list")
def list_(json: JsonFile = None) -> None:
    """Name every model, the best of a task first."""
    from napari_cmr import nets

    cards = nets.list_models()
    for card in cards:
        states = filter(None, (card.caution, "" if card.finished else "unfinished"))
        told = "".join(f" ({state})" for state in states)
        typer.echo(f"{card.name} {card.version}: {card.task}{told}")
    if json is not None:
        kept = {"name", "version", "task", "finished", "caution"}
        write_json(json, [card.model_dump(mode="json", include=kept) for card in cards])


@app.command()
def show(name: str, json: JsonFile = None) -> None:
    """Show a model's card."""
    from napari_cmr import nets

    card = nets.find_card(name)
    typer.echo(card.model_dump_json(indent=2))
    if json is not None:
        write_json(json, card.model_dump(mode="json"))


@app.command()
def verify() -> None:
    """Check the weights of every model against the hash on its card."""
    from napari_cmr import nets
    from napari_cmr.nets.encoders import load_encoder

    for card in nets.list_models():
        if card.task == "pretrain":
            load_encoder(card.name)
        else:
            nets.load_model(card.name, task=card.task)
        typer.echo(f"{card.name} {card.version}: the weights are those of the card")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="ImageNet weights as safetensors.")],
    encoder: Annotated[str, typer.Option(help="resnet50, deeplabv3_resnet50 or vit_small_patch8.")],
    out: OutFolder,
    name: Annotated[str | None, typer.Option(help="The version's name on its card.")] = None,
    json: JsonFile = None,
) -> None:
    """Make ImageNet weights that you have a version that --start takes."""
    from napari_cmr.nets.imagenet import import_imagenet

    card = import_imagenet(file, encoder, out, name=name)
    typer.echo(f"wrote {out}: {card.name} {card.version}")
    if json is not None:
        write_json(json, card.model_dump(mode="json"))
