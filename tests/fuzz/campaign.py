"""Read mutated files, each within limits of time, memory and place, and count what happened.

``python -m tests.fuzz.campaign --files 50000`` prints a table; the suite runs a smaller one.
Each reader runs in a child process. What a child must never do ends it or is recorded: an error
that is not a sentence for the user, over five seconds of processor time for one file, memory
beyond the limit, a crash of the interpreter, and any write, deletion, link, process or
connection outside the case's own folders.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from napari_cmr.core import InputError
from tests.fuzz.mutations import mutated
from tests.fuzz.readers import READERS, Reader
from tests.fuzz.seeds import Seed

SECONDS = 5
WAITED_SECONDS = 60  # for a child that sleeps: on shared cores the wall is no measure
BYTES = 2 << 30
_SHOWN = 40


@dataclass
class Result:
    """Counts of one reader; ``failures`` holds the case's number and what went wrong."""

    reader: str
    files: int = 0
    read: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    peak_mb: float = 0.0
    failures: list[tuple[int, str]] = field(default_factory=list)


def run(n_files: int, *, seed: int = 0, only: str = "", jobs: int = 1) -> list[Result]:
    """Fuzz all readers, or those whose name holds ``only``, with so many files in all."""
    readers = [r for r in READERS if only in r.name]
    shares = sum(r.share for r in readers)
    import_all()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as home:
        work = [
            (r, range(max(1, round(n_files * r.share / shares))), seed, Path(home, str(i)))
            for i, r in enumerate(readers)
        ]
        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(lambda w: fuzz(*w), work))


def import_all() -> None:
    """What children then need not import."""
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    from napari_cmr import io  # noqa: F401
    from napari_cmr.learn import checkpoint  # noqa: F401
    from napari_cmr.nets import encoders, shelf  # noqa: F401


def fuzz(reader: Reader, cases: range, seed: int, home: Path) -> Result:
    """Run the cases in a child; where it dies, note it and go on with another."""
    result = Result(reader.name, len(cases))
    home.mkdir()
    left = cases
    began = time.monotonic()
    while left:
        at = left.start
        for told in _child(reader, left, seed, home):
            at = told["case"]
            if "outcome" in told:
                _count(result, told)
                left = range(at + 1, cases.stop)
            elif "died" in told and left:
                result.failures.append((at, told["died"]))
                left = range(max(at, left.start) + 1, cases.stop)
    result.seconds = time.monotonic() - began
    return result


def _count(result: Result, told: dict[str, Any]) -> None:
    result.slowest_s = max(result.slowest_s, told["seconds"])
    result.peak_mb = max(result.peak_mb, told["peak_mb"])
    if told["outcome"] == "read":
        result.read += 1
    elif told["outcome"] == "refused":
        result.refused += 1
    else:
        result.failures.append((told["case"], told["outcome"]))


def _child(reader: Reader, cases: range, seed: int, home: Path) -> Iterator[dict[str, Any]]:
    """What a forked child tells, line by line, and how it died if it did."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        code = 1
        try:
            with os.fdopen(writing, "w", buffering=1) as tell:
                _work(reader, cases, seed, home, tell)
            code = 0
        except BaseException:  # noqa: BLE001  a fork must not go on as its parent
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(code)
    os.close(writing)
    case = cases.start
    with os.fdopen(reading) as lines:
        for line in lines:
            told = json.loads(line)
            case = told["case"]
            yield told
    _, status = os.waitpid(pid, 0)
    if status != 0:
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        name = signal.Signals(number).name if number else f"exit code {status >> 8}"
        slow = " (too slow)" if name in ("SIGPROF", "SIGALRM") else ""
        yield {"case": case, "died": name + slow}


def _work(reader: Reader, cases: range, seed: int, home: Path, tell: IO[str]) -> None:
    """The child: prepare once, then one case after the other."""
    temporary = home / f"tmp{cases.start}"
    temporary.mkdir(parents=True)
    os.environ |= {"TMPDIR": str(temporary), "HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    tempfile.tempdir = None
    os.chdir(home)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    whole = reader.seeds(home / f"seeds{cases.start}")
    _reads_whole_files(reader, whole, home / f"first{cases.start}")
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # decoders in other languages write there too
        os.dup2(silence, stream)
    allowed = (str(home / "case"), str(home / "out"), str(temporary), os.devnull)
    touched: list[str] = []
    sys.addaudithook(lambda event, args: _watch(event, args, allowed, touched))
    limit = _address_space() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for case in cases:
        lay_out(home / "case", spoilt(whole, random.Random(f"{seed} {reader.name} {case}")))
        (home / "out").mkdir()
        tell.write(json.dumps({"case": case}) + "\n")
        before = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(WAITED_SECONDS)
        outcome = _outcome(reader, home / "case", home / "out")
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        gc.collect(0)
        outcome = f"touched {touched[:3]}" if touched else outcome
        told = {"case": case, "outcome": outcome, "seconds": time.process_time() - before}
        tell.write(json.dumps(told | {"peak_mb": _peak_mb()}) + "\n")
        shutil.rmtree(home / "case")
        shutil.rmtree(home / "out")


def _reads_whole_files(reader: Reader, whole: list[Seed], folder: Path) -> None:
    """Else the campaign would only see refusals."""
    for i, seed in enumerate(whole):
        lay_out(folder / f"case{i}", seed.files)
        (folder / f"out{i}").mkdir()
        reader.read(folder / f"case{i}", folder / f"out{i}")


def spoilt(whole: list[Seed], rng: random.Random) -> dict[str, bytes]:
    seed = rng.choice(whole)
    others = [s.files[t] for s in whole for t in s.targets]
    target = rng.choice(seed.targets)
    return seed.files | {target: mutated(seed.files[target], others, rng)}


def lay_out(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _outcome(reader: Reader, folder: Path, out: Path) -> str:
    try:
        reader.read(folder, out)
    except InputError as error:
        if _ran_out(error):
            return f"out of memory: {error}"
        return "refused" if str(error).endswith((".", "?")) else f"no sentence: {error}"
    except BaseException as error:  # noqa: BLE001  anything else is what is looked for
        last = traceback.extract_tb(error.__traceback__)
        ours = [f for f in last if "napari_cmr" in f.filename] or last
        where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
        return f"{type(error).__name__} at {where}: {str(error)[:120]}"
    return "read"


def _ran_out(error: BaseException | None) -> bool:
    """Whether memory that was refused is at the root of an error."""
    while error is not None:
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


# Events that change the disk, and where among their arguments a path and its folder's
# descriptor stand (None: it has none).
_WRITES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.mkdir": ((0, 2),),
    "os.rmdir": ((0, 1),),
    "os.remove": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.chmod": ((0, 2),),
    "os.truncate": ((0, None),),
}
_NEVER = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect")


def _watch(event: str, args: tuple[Any, ...], allowed: tuple[str, ...], touched: list[str]) -> None:
    """An audit hook: notes writes outside the allowed folders."""
    places = _WRITES.get(event, ())
    if event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR):
        places = ((0, None),)
    elif event in _NEVER:
        touched.append(event)
    for at, beside in places:
        if isinstance(args[at], int):  # an open file: where it lies was asked when it was opened
            continue
        folder = args[beside] if beside is not None else -1
        base = Path(f"/proc/self/fd/{folder}") if folder >= 0 else Path.cwd()
        place = os.path.realpath(base / os.fsdecode(args[at]))
        if not place.startswith(allowed) and "/__pycache__/" not in place:
            touched.append(f"{event} {place}")


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _table(results: list[Result]) -> str:
    lines = [
        "| reader | files | read or left out | refused | failures | slowest | peak |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {r.reader} | {r.files} | {r.read} | {r.refused} | {len(r.failures)} | "
        f"{r.slowest_s:.2f} s | {r.peak_mb:.0f} MB |"
        for r in results
    ]
    total = [sum(getattr(r, name) for r in results) for name in ("files", "read", "refused")]
    failures = sum(len(r.failures) for r in results)
    lines.append(f"| all | {total[0]} | {total[1]} | {total[2]} | {failures} | | |")
    return "\n".join(lines)


def main() -> int:
    """Run, print, and say by the exit code whether all went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="only readers whose name holds this")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results = run(given.files, seed=given.seed, only=given.only)
    lines = [_table(results)]
    for result in results:
        for what, n in Counter(text for _, text in result.failures).most_common(_SHOWN):
            case = next(c for c, text in result.failures if text == what)
            lines.append(f"{result.reader}: {n} x {what} (first in case {case})")
    sys.stdout.write("\n".join(lines) + "\n")
    if given.json is not None:
        given.json.write_text(json.dumps([asdict(r) for r in results], indent=1))
    return int(any(r.failures for r in results))


if __name__ == "__main__":
    sys.exit(main())
