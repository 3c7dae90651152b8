"""What is watched while an encoder learns, and where it is written."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from napari_cmr.core import InputError, replacing

COLUMNS = (
    "step", "loss", "learning_rate", "weight_decay", "spread", "rank", "teacher_entropy",
    "teacher_diversity", "probe", "chance", "images_per_s", "seconds", "collapse",
)  # fmt: skip
TABLE = "progress.csv"
LEAST_SPREAD = 0.02
LEAST_RANK = 1.5
LEAST_DIVERSITY = 0.05
MOST_ENTROPY = 0.999


class Watcher:
    """Writes each record to the terminal, to ``progress.csv`` and to TensorBoard's event file.

    Parameters
    ----------
    out
        The run's folder.
    step
        Where the run goes on; later rows, of a run that was killed, are dropped.
    """

    def __init__(self, out: Path, *, step: int, say: Callable[[str], None]) -> None:
        from tensorboardX import SummaryWriter

        self._say = say
        rows = [row for row in _rows(out / TABLE) if int(row["step"]) <= step]
        with replacing(out / TABLE) as part, part.open("w", newline="", encoding="utf-8") as kept:
            table = csv.DictWriter(kept, COLUMNS)
            table.writeheader()
            table.writerows(rows)
        try:
            self._file = (out / TABLE).open("a", newline="", encoding="utf-8")
            self._board = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)
        except OSError as error:
            raise InputError(f"Cannot write to {out} ({error.strerror}).") from error
        self._table = csv.DictWriter(self._file, COLUMNS)

    def write(self, record: dict[str, Any]) -> None:
        """Write what a step was like; a collapse is said in words."""
        self._table.writerow(record)
        self._file.flush()
        numbers = {k: v for k, v in record.items() if isinstance(v, (int, float))}
        step = numbers["step"]
        for name, value in numbers.items():
            if name != "step":
                self._board.add_scalar(name, value, step)
        self._say("  ".join(f"{k} {v:.4g}" for k, v in numbers.items()))
        if record.get("collapse"):
            self._say(f"collapse at step {step}: {record['collapse']}")

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        self._board.close()


def feature_spread(features: Tensor) -> float:
    """Spread of the normalised features: 0 where all are equal, 1 where they fill the sphere.

    Square root of one minus the squared length of their mean.
    """
    mean = functional.normalize(features.detach().float(), dim=1).mean(0)
    return float((1 - mean.square().sum()).clamp_min(0).sqrt())


def feature_rank(features: Tensor) -> float:
    """Effective rank of the centred features.

    Exponential of the entropy of the singular values (Roy and Vetterli, 2007).
    """
    features = features.detach().float()
    values = torch.linalg.svdvals(features - features.mean(0))
    shares = values / values.sum().clamp_min(torch.finfo(values.dtype).tiny)
    return float(torch.special.entr(shares).sum().exp())


def name_collapse(record: dict[str, Any]) -> str:
    """What has collapsed, or an empty text."""
    if record["spread"] < LEAST_SPREAD:
        return "all pictures have the same feature; raise the batch or lower the learning rate"
    if record["rank"] < LEAST_RANK:
        return "all features lie on one line; lower the learning rate or widen the views"
    if record.get("teacher_diversity", 1.0) < LEAST_DIVERSITY:
        return "the teacher gives all pictures one prototype; lower the centre's momentum"
    if record.get("teacher_entropy", 0.0) > MOST_ENTROPY:
        return "the teacher tells no prototypes apart; lower its temperature"
    return ""


def _rows(path: Path) -> list[dict[str, str]]:
    """Rows of an earlier run; the last one may have been cut off by a kill."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = [{k: row.get(k) for k in COLUMNS} for row in csv.DictReader(file)]
    whole = [{k: v for k, v in row.items() if v is not None} for row in rows]
    return [row for row in whole if len(row) == len(COLUMNS) and row["step"].isdigit()]
