"""What the verbs over manifests do for ultrasound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from napari_cmr.core import InputError

TASK = "echo_lv_seg"


def finetune(
    manifests: Sequence[Path],
    out: Path,
    *,
    encoder: str | None,
    start: str | None,
    weights: Sequence[float] | None,
    steps: int | None,
    seed: int | None,
    config: Path | None,
    threads: int,
    name: str | None,
    version: str,
) -> None:
    """Train the left ventricle's segmenter."""
    if encoder is not None and start is not None:
        raise InputError("A start brings its own encoder; give --start or --encoder, not both.")
    from napari_cmr.learn.echo import EchoConfig, finetune_echo
    from napari_cmr.learn.settings import read_settings

    settings = EchoConfig() if config is None else read_settings(config, EchoConfig())
    seed = settings.seed if seed is None else seed
    card = finetune_echo(
        manifests,
        out,
        settings.changed(encoder=encoder, steps=steps, seed=seed),
        name=name or "echo-lv",
        version=version,
        weights=weights,
        start=start,
        threads=threads,
        say=typer.echo,
    )
    typer.echo(f"wrote {out}: {card.name} {card.version}, {card.hours:.2f} hours")
