"""A progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from napari_cmr.core import Progress

PLAIN_LINE_EVERY_S = 10.0


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """Give a function to call with (done, total); it draws on the error stream."""
    if not sys.stderr.isatty():
        yield _PlainLines(title)
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance


class _PlainLines:
    """A line at the start of long work, now and then, and at its end."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._begun = self._said = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        ended = done >= total and now - self._begun > PLAIN_LINE_EVERY_S
        if ended or now - self._said > PLAIN_LINE_EVERY_S:
            self._said = now
            sys.stderr.write(f"{self._title}: {done} of {total}\n")
