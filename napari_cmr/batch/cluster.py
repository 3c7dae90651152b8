"""A Dask cluster to work on: one of this machine's processes, or one that runs elsewhere."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_cmr.core import InputError

if TYPE_CHECKING:
    from distributed import Client

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_WORKER_BYTES = 3 << 30  # torch and a large study; fewer workers where memory is short
_CONNECT_S = 20
_CONFIG = {
    # A worker that is paused or spills never ends its study; one that is too large is restarted.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    # Dask would have malloc give every freed page back at once, and torch is 2.5 times slower then.
    "distributed.nanny.pre-spawn-environ": {},
    # The pages of a dashboard are open to whoever reaches the port.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}


def thread_limits(threads: int) -> Mapping[str, str]:
    """The environment in which torch and numpy take that many threads once they are imported."""
    return dict.fromkeys(_THREADS, str(threads))


def default_workers(threads: int) -> int:
    """As many workers as this process's cores and memory have room for."""
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    return max(1, min(int(CPU_COUNT) // threads, int(MEMORY_LIMIT) // _WORKER_BYTES))


@contextmanager
def local_client(workers: int, threads: int = 1) -> Iterator[Client]:
    """Worker processes on this machine, gone with all they left on the disk when this ends.

    They listen on ephemeral ports of the loopback address, and talk TLS with a certificate made
    for this run, since another user of the machine could otherwise hand them work. Their scratch
    folder, into which archives are unpacked, is the owner's only. A worker that dies is replaced.

    Parameters
    ----------
    threads
        Of torch, a worker; each measures one study at a time.
    """
    import dask
    from distributed import Client, LocalCluster
    from distributed.system import MEMORY_LIMIT

    with (
        tempfile.TemporaryDirectory(prefix="napari-cmr-batch-", ignore_cleanup_errors=True) as home,
        dask.config.set(_CONFIG),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            scheduler_port=0,
            dashboard_address="127.0.0.1:0",  # None would take port 8787
            protocol="tls",
            security=_security(),
            memory_limit=MEMORY_LIMIT // workers,
            local_directory=home,
            silence_logs=logging.CRITICAL,
            env=dict(thread_limits(threads)) | {"TMPDIR": home},
            # A death is told at once; the study is then tried by itself, see `dasked`.
            scheduler_kwargs={"allowed_failures": 0, "dashboard": False},
        ) as cluster,
        Client(cluster) as client,
    ):
        client.register_plugin(_deaf_worker())
        yield client


@contextmanager
def remote_client(address: str) -> Iterator[Client]:
    """A scheduler that runs already; TLS is as Dask's own configuration says.

    Raises
    ------
    InputError
        If none answers there.
    """
    from distributed import Client

    try:
        client = Client(address, timeout=_CONNECT_S)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise InputError(
            f"No Dask scheduler answers at {address}; give its address as it prints it, "
            "for example tcp://host:8786."
        ) from error
    with client:
        yield client


def _security() -> Any:
    from distributed import Security

    try:
        return Security.temporary()
    except ImportError as error:
        raise InputError(
            "Local workers need the package cryptography; install it, or say --workers 0."
        ) from error


def _deaf_worker() -> Any:
    """Ctrl-C reaches every process of a terminal; workers leave it to the main one."""
    from distributed import WorkerPlugin

    class DeafWorker(WorkerPlugin):  # type: ignore[misc]
        name = "napari-cmr-deaf"

        def setup(self, worker: Any) -> None:  # noqa: ARG002  Dask's signature
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    return DeafWorker()


def limit_threads_here(threads: int) -> None:
    """Bound torch's threads in this process, which must not have imported it yet."""
    os.environ.update(thread_limits(threads))
