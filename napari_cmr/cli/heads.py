"""What the verbs over manifests do for heads that name pictures and people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from napari_cmr.cli.progress import progress


def finetune(
    task: str,
    manifests: Sequence[Path],
    out: Path,
    *,
    encoder: str | None,
    name: str | None,
    version: str,
    seed: int,
    threads: int,
) -> None:
    """Train a light head."""
    from napari_cmr.learn.heads import finetune_head

    card = finetune_head(
        task,
        manifests,
        out,
        encoder=encoder,
        name=name,
        version=version,
        seed=seed,
        threads=threads,
        say=typer.echo,
    )
    for where, metrics in card.metrics.items():
        value = metrics["accuracy"].value
        typer.echo(f"{where}: right in {100 * (value or 0):.1f} % (n={metrics['accuracy'].n})")
    typer.echo(f"wrote {out}: {card.name} {card.version}")


def predict(task: str, manifest: Path, out: Path, *, model: str | None) -> Path:
    """Name every image of a manifest."""
    from napari_cmr.learn.heads import predict_heads

    with progress("Predicting") as advance:
        return predict_heads(manifest, out, task=task, model=model, progress=advance)


def evaluate(task: str, manifest: Path, *, model: str | None, split: str) -> dict[str, Any]:
    """Measure a head on the rows that say the truth."""
    from napari_cmr.learn.heads import evaluate_heads

    with progress("Evaluating") as advance:
        return evaluate_heads(manifest, task=task, model=model, split=split, progress=advance)
