"""How a training goes, as files in a folder tell it: written by one process, read by others."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path

from napari_cmr.core import InputError, replacing
from napari_cmr.nets.segmenter_tasks import CINE

STATUS, CURVE, PAUSE, STOP, LOCK = "status.json", "curve.jsonl", "pause", "stop", "lock"
JOB, RATES, LOG, SEEN = "job.json", "rates.json", "log.txt", "seen"
STOPPED_WORDS = "Stopped; the version in use is as it was."


class JobState(StrEnum):
    """How far a training is."""

    NONE = "none"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"

    @property
    def active(self) -> bool:
        """Whether it is not at its end."""
        return self in (JobState.STARTING, JobState.RUNNING, JobState.PAUSED)


@dataclass(frozen=True)
class JobStatus:
    """What is known of a training.

    Parameters
    ----------
    tier
        As it was asked for; ``auto`` is chosen on the way.
    stage, done, of
        What is being done: ``reading``, ``choosing``, ``asking``, ``training`` or ``judging``,
        and how many of its parts are done; ``of`` is 0 where they are not counted.
    elapsed_s, remaining_s
        Since the button was pressed, without pauses; what remains is a guess, None where there is
        none.
    device
        What it runs on, in words.
    at
        Unix time of this status.
    sentence
        What came of it.
    version, parent, activated
        The version that was made, the one it came from, and whether it is now in use.
    task
        What the version is for.
    """

    state: JobState = JobState.NONE
    tier: str = ""
    stage: str = ""
    done: int = 0
    of: int = 0
    elapsed_s: float = 0.0
    remaining_s: float | None = None
    device: str = ""
    at: float = 0.0
    sentence: str = ""
    version: str = ""
    parent: str = ""
    activated: bool = False
    task: str = CINE


@dataclass(frozen=True)
class Curve:
    """(step, loss) of each step, and (step, mean Dice) on the held-out cases now and then."""

    losses: tuple[tuple[int, float], ...] = ()
    scores: tuple[tuple[int, float], ...] = ()


def write_status(folder: Path, status: JobStatus) -> None:
    """Write a status whole or not at all."""
    with replacing(folder / STATUS) as part:
        part.write_text(json.dumps(asdict(status)) + "\n", encoding="utf-8")


def read_status(folder: Path) -> JobStatus:
    """The last status; that of no training where there is none or it cannot be read."""
    try:
        plain = json.loads((folder / STATUS).read_text(encoding="utf-8"))
        known = {field.name for field in fields(JobStatus)}
        status = JobStatus(**{k: v for k, v in plain.items() if k in known})
        return JobStatus(**(asdict(status) | {"state": JobState(status.state)}))
    except (OSError, ValueError, TypeError, AttributeError):
        return JobStatus()


def read_curve(folder: Path) -> Curve:
    """The curve so far; a line that is still being written is left out."""
    try:
        lines = (folder / CURVE).read_text(encoding="utf-8").splitlines()
    except OSError:
        return Curve()
    losses: list[tuple[int, float]] = []
    scores: list[tuple[int, float]] = []
    for line in lines:
        try:
            kind, step, value = json.loads(line)
        except ValueError:
            continue
        (losses if kind == "loss" else scores).append((int(step), float(value)))
    return Curve(tuple(losses), tuple(scores))


def read_rates(folder: Path) -> dict[str, float]:
    """Seconds a part of each stage as the last training of this project took them."""
    try:
        plain = json.loads((folder / RATES).read_text(encoding="utf-8"))
        return {str(k): float(v) for k, v in plain.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def write_rates(folder: Path, rates: dict[str, float]) -> None:
    """Remember how long parts of stages took."""
    with replacing(folder / RATES) as part:
        part.write_text(json.dumps(rates) + "\n", encoding="utf-8")


def write_plan(folder: Path, expected: dict[str, float]) -> None:
    """Write how many seconds each stage is expected to take, in their order."""
    with replacing(folder / JOB) as part:
        part.write_text(json.dumps({"expected": expected}) + "\n", encoding="utf-8")


def read_plan(folder: Path) -> dict[str, float]:
    """The expected seconds of each stage; none where nothing was planned."""
    try:
        plain = json.loads((folder / JOB).read_text(encoding="utf-8"))["expected"]
        return {str(k): float(v) for k, v in plain.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def check_folder(folder: Path) -> None:
    """Make the folder, for its owner only.

    Raises
    ------
    InputError
        If it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"Cannot write to {folder} ({error.strerror}); free some space or choose another "
            "project folder."
        ) from error
