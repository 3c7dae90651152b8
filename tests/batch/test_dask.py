"""A cohort on Dask workers: whatever becomes of them, each study has exactly one row."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from napari_cmr.batch import cohort_in, local_client, remote_client, rows_from, run
from napari_cmr.core import InputError
from tests.batch.fakes import Deadly, Filled, Halting, times

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES = ("a", "b", "c", "d", "e", "f")


@pytest.fixture(scope="module")
def client():
    with local_client(workers=2, threads=1) as client:
        yield client


def on(client):
    return lambda jobs: rows_from(client, jobs)


def scratch_and_environment():
    import tempfile

    return tempfile.gettempdir(), os.environ["OMP_NUM_THREADS"]


def ports(pid):
    """TCP ports that a process listens on."""
    import psutil

    return {c.laddr.port for c in psutil.Process(pid).net_connections("tcp") if not c.raddr}


def test_a_disk_that_is_full_for_the_workers_ends_the_run_and_is_said(client, studies, small_disk):
    def filled_up(jobs):
        (small_disk / "others").write_bytes(bytes(shutil.disk_usage(small_disk).free))
        return rows_from(client, jobs)

    out = small_disk / "out"
    with pytest.raises(InputError, match=r"No space left on device.*run it again"):
        run(cohort_in(studies("a", "b"), out), out, Filled(), rows_from=filled_up)
    assert not (out / "measures.csv").exists()


def test_a_worker_killed_in_the_middle_costs_no_study(client, studies, table, tmp_path, notes):
    out, segmenter = tmp_path / "out", Halting(notes=str(notes), victim="b")

    def kill():
        with (notes / "pipe").open("wb"):  # opens once the worker waits at the other end
            os.kill(int((notes / "pid").read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    run(cohort_in(studies(*NAMES), out), out, segmenter, rows_from=on(client))
    killer.join()
    rows = table(out)
    assert [(row["id"], row["state"]) for row in rows] == [(name, "ok") for name in NAMES]
    assert times(notes, "b") == 2
    assert len((out / "journal.jsonl").read_text().splitlines()) == 1 + len(NAMES)


def test_a_study_that_kills_each_worker_fails_alone(client, studies, table, tmp_path, notes):
    out, segmenter = tmp_path / "out", Deadly(notes=str(notes), victims=("b",))
    run(cohort_in(studies("a", "b", "c"), out), out, segmenter, rows_from=on(client))
    rows = {row["id"]: row for row in table(out)}
    assert {name: row["state"] for name, row in rows.items()} == {
        "a": "ok",
        "b": "failed",
        "c": "ok",
    }
    assert "died 3 times" in rows["b"]["reason"]
    assert times(notes, "b") == 3


def test_local_workers_keep_to_themselves(client):
    address = client.scheduler.address
    assert address.startswith("tls://127.0.0.1:")
    assert not {8786, 8787} & ports(os.getpid())
    scratch, threads = client.submit(scratch_and_environment, pure=False).result()
    assert stat.S_IMODE(Path(scratch).stat().st_mode) == 0o700
    assert threads == "1"


def test_workers_keep_freed_memory_as_this_process_does(client):
    # Dask's default gives every page back at once, which makes torch more than twice as slow.
    import os

    found = client.run(os.environ.get, "MALLOC_TRIM_THRESHOLD_")
    assert set(found.values()) == {os.environ.get("MALLOC_TRIM_THRESHOLD_")}


def test_a_scheduler_that_runs_already_takes_the_work(studies, table, tmp_path):
    from distributed import LocalCluster

    out = tmp_path / "out"
    cluster = LocalCluster(
        n_workers=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    )
    with cluster, remote_client(cluster.scheduler_address) as client:
        run(cohort_in(studies("a", "b"), out), out, Filled(), rows_from=on(client))
    assert [row["state"] for row in table(out)] == ["ok", "ok"]


def test_a_scheduler_that_is_not_there_is_told():
    with (
        pytest.raises(InputError, match="No Dask scheduler answers at nowhere"),
        remote_client("nowhere://x"),
    ):
        pass


PROGRAM = """
import signal
import sys
from pathlib import Path
from napari_cmr.batch import cohort_in, local_client, rows_from, run
from tests.batch.fakes import Halting

def on_two_workers(jobs):
    with local_client(workers=2) as client:
        yield from rows_from(client, jobs)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have jobs ignore it
    folder, out, notes = map(Path, sys.argv[1:])
    segmenter = Halting(notes=str(notes), victim="c")
    run(cohort_in(folder, out), out, segmenter, rows_from=on_two_workers)
"""


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
def test_the_main_process_stopped_in_the_middle_is_resumed(blow, studies, table, tmp_path, notes):
    """Ctrl-C reaches all processes of the group; kill -9 the main one only."""
    folder, out = studies("a", "b", "c", "d"), tmp_path / "out"
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-W", "error", str(program), str(folder), str(out), str(notes)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "TMPDIR": str(tmp_path)}
    main = subprocess.Popen(command, env=environment, start_new_session=True)
    with (notes / "pipe").open("wb"):
        worker = os.pidfd_open(int((notes / "pid").read_text()))
        (os.killpg if blow is signal.SIGINT else os.kill)(main.pid, blow)
        main.wait(60)
        assert ended(worker), "a worker outlived the main process"
    done = table(out) if blow is signal.SIGINT else []
    assert all(row["state"] == "ok" for row in done)
    run(cohort_in(folder, out), out, Halting(notes=str(notes), victim="c"))
    assert [(row["id"], row["state"]) for row in table(out)] == [(n, "ok") for n in "abcd"]
    assert all(times(notes, row["id"]) == 1 for row in done)
    assert len((out / "journal.jsonl").read_text().splitlines()) == 5
    if blow is signal.SIGINT:
        assert not list(tmp_path.glob("napari-cmr-batch-*")), "the scratch folder is still there"


def ended(pidfd: int) -> bool:
    import select

    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(30_000))
