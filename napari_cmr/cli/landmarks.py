"""What the verbs over manifests do for landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from napari_cmr.cli.progress import progress

TASK = "landmarks"


def finetune(
    manifests: Sequence[Path],
    out: Path,
    *,
    start: str | None,
    steps: int | None,
    seed: int,
    threads: int,
    name: str | None,
    version: str,
) -> None:
    """Train heat maps on a segmenter."""
    from napari_cmr.learn.landmarks import finetune_landmarks

    card = finetune_landmarks(
        manifests,
        out,
        segmenter=start,
        steps=steps,
        seed=seed,
        threads=threads,
        name=name,
        version=version,
        say=typer.echo,
    )
    for where, metrics in card.metrics.items():
        for metric, mean in metrics.items():
            if mean.value is not None:
                typer.echo(f"{where}: {metric} {mean.value:.2f} (n={mean.n})")
    typer.echo(f"wrote {out}: {card.name} {card.version}")


def predict(manifest: Path, out: Path, *, model: str | None) -> Path:
    """Find the landmarks of every image of a manifest."""
    from napari_cmr.learn.landmarks import predict_landmarks

    with progress("Predicting") as advance:
        return predict_landmarks(manifest, out, model=model, progress=advance)


def evaluate(manifest: Path, *, model: str | None, split: str) -> dict[str, Any]:
    """Measure landmarks on the labelled rows."""
    from napari_cmr.learn.landmarks import evaluate_landmarks

    with progress("Evaluating") as advance:
        return evaluate_landmarks(manifest, model=model, split=split, progress=advance)
