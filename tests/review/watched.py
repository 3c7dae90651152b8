"""Run in a process of its own: says when it sees each stroke in a project's file.

`python -m tests.review.watched FILE COUNT`: a line a stroke, in seconds of the machine's clock that
all processes share. SQLite alone reads the file, as any other program would.
"""

from __future__ import annotations

import sqlite3
import sys
import time

GIVES_UP_AFTER_S = 60.0
LOOKS_EVERY_S = 0.002


def main(file: str, count: str) -> None:
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    sys.stdout.write("watching\n")
    sys.stdout.flush()
    seen, began = 0, time.monotonic()
    while seen < int(count) and time.monotonic() < began + GIVES_UP_AFTER_S:
        (there,) = database.execute("SELECT count(*) FROM log WHERE kind = 'stroke'").fetchone()
        for _ in range(there - seen):
            sys.stdout.write(f"{time.monotonic()}\n")
            sys.stdout.flush()
        seen = there
        time.sleep(LOOKS_EVERY_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
