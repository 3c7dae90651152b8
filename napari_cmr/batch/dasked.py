"""Studies over a Dask cluster, so that each gives one row whatever becomes of its worker."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from napari_cmr.batch.measuring import Job, measure_study
from napari_cmr.batch.row import Row, State
from napari_cmr.core import InputError, WriteError

if TYPE_CHECKING:
    from distributed import Client, Future

TRIES_ALONE = 2
_LOOK_AGAIN_S = 2.0  # for workers that came or went
_numbers = count()  # keys name no study, since a scheduler logs them


def rows_from(
    client: Client, jobs: Iterable[Job], *, say: Callable[[str], None] | None = None
) -> Iterator[Row]:
    """Measure studies on a cluster and give their rows as they are done, one each.

    No more studies are handed out than there are threads, so that thousands cost the scheduler
    nothing. One whose worker died is tried again at the end with nothing beside it, since only
    then is it clear whose fault it is; after `TRIES_ALONE` more deaths it has failed.

    Raises
    ------
    InputError
        If the scheduler is lost, or its workers cannot run this program.
    WriteError
        If a worker cannot write labels.
    """
    say = say or (lambda _: None)
    crashed = yield from _handed_out(client, jobs, say, alone=False)
    for job in crashed:
        for _ in range(TRIES_ALONE):
            again = yield from _handed_out(client, [job], say, alone=True)
            if not again:
                break
        else:
            yield job.row(State.FAILED, _crashed())


def _handed_out(
    client: Client, jobs: Iterable[Job], say: Callable[[str], None], *, alone: bool
) -> Generator[Row, None, list[Job]]:
    """Give the rows of jobs, and return the jobs whose worker died."""
    waiting, crashed = deque(jobs), list[Job]()
    running: dict[Future, Job] = {}
    while waiting or running:
        room = 1 if alone else _room(client, say)
        while waiting and len(running) < room:
            job = waiting.popleft()
            key = f"study-{next(_numbers)}"
            running[client.submit(measure_study, job, key=key, pure=False)] = job
        for future in _ended(running):
            job = running.pop(future)
            row = _row_of(future)
            if row is None:
                crashed.append(job)
            else:
                yield row
    return crashed


def _room(client: Client, say: Callable[[str], None]) -> int:
    threads = int(sum(client.nthreads().values()))
    if not threads:
        say("Waiting for workers.")
    return max(1, threads)


def _ended(running: dict[Future, Job]) -> list[Future]:
    from distributed import wait

    with suppress(TimeoutError):
        wait(list(running), timeout=_LOOK_AGAIN_S, return_when="FIRST_COMPLETED")
    return [future for future in running if future.status != "pending"]


def _row_of(future: Future) -> Row | None:
    """The row, or None where the worker died."""
    from distributed import KilledWorker

    try:
        row: Row = future.result()
    except KilledWorker:
        return None
    except WriteError:
        raise
    except Exception as error:
        if future.status in ("cancelled", "lost"):
            raise InputError(
                "The Dask scheduler was lost; run the same command again to go on."
            ) from error
        raise InputError(
            f"The workers cannot run napari-cmr ({type(error).__name__}: {error}); install this "
            "version there and run the same command again."
        ) from error
    return row


def _crashed() -> str:
    return (
        f"Its worker died {TRIES_ALONE + 1} times (out of memory, or a crash in a library); "
        "try it by itself with segment."
    )
