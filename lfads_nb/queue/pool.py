"""The processes that runs are placed on here: one dask worker for each device of this machine.

Nothing listens in the clear and nothing beyond loopback: scheduler and workers speak TLS with a
certificate that is made for this server and kept in the queue's private folder. dask's web pages
are off.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import dask.config
from distributed import Client, Nanny, Scheduler, Security, Worker
from distributed.deploy.spec import SpecCluster

from lfads_nb.queue.devices import Device, run_environment
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.task import RunTask, execute_task

_CONFIG = {
    "distributed.scheduler.allowed-failures": 0,  # what becomes of a run is decided by the server
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.daemon": True,
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.tick.limit": "60s",
    "distributed.admin.system-monitor.interval": "60s",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.client.scheduler-info-interval": "60s",
    "distributed.comm.timeouts.connect": "60s",
}


_HEARTBEAT_S = 10
# SLURM leaves a job half a minute from its SIGTERM.
_LEAVES_WITHIN_S = 20
# Of dask's own tasks some end at no request, and its process waits for them.
_CLOSED_LEAVES_WITHIN_S = 2
MAX_DRIVERS = 16


class SilentScheduler(Scheduler):
    """A scheduler without web pages, hence without a port in the clear, that is told little.

    A worker's death is seen by its connection; what else its heartbeats say nobody reads here.
    """

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Leave the web pages out."""

    def heartbeat_worker(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Ask for fewer heartbeats than dask's two a second."""
        answer = super().heartbeat_worker(*arguments, **options)
        return {**answer, "heartbeat-interval": _HEARTBEAT_S}


class SilentWorker(Worker):
    """A worker without web pages, which leaves a Ctrl-C to the server.

    dask would end its loop and keep its process, waiting for a run that nobody follows any more.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Not SIG_IGN, which the processes of the runs would inherit.
        signal.signal(signal.SIGINT, lambda *_: None)

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Leave the web pages out."""


class JobWorker(SilentWorker):
    """A worker in a job of a batch system, which is given back when the worker is closed.

    A run that does not end in time must not keep the job: without a worker it leaves by itself.
    """

    async def close(self, *args: Any, **options: Any) -> Any:
        """End, and the process with it."""
        _exit_in(_LEAVES_WITHIN_S)
        closed = await super().close(*args, **options)
        _exit_in(_CLOSED_LEAVES_WITHIN_S)
        return closed


def _exit_in(seconds: float) -> None:
    last = threading.Timer(seconds, os._exit, [0])
    last.daemon = True
    last.start()


class LocalPool:
    """One worker process for each device of this machine.

    Parameters
    ----------
    home : where the credentials are kept.
    devices : what to make workers for.
    """

    def __init__(self, home: QueueHome, devices: Sequence[Device]) -> None:
        self._home, self.devices = home, list(devices)
        self._cluster: SpecCluster | None = None
        self._client: Client | None = None

    async def start(self) -> None:
        """Start scheduler and workers."""
        # A user's dask settings (preloads, lifetimes, schemes, timeouts ...) are not made for this.
        dask.config.refresh(paths=[], env={})
        # By itself dask shares a folder in /tmp with whoever made it first, and locks files there.
        dask.config.set({**_CONFIG, "temporary-directory": str(self._home.scratch)})
        security = make_credentials(self._home.credentials)
        address = {"protocol": "tls://", "host": "127.0.0.1", "security": security}
        self._cluster = await SpecCluster(
            scheduler={
                "cls": SilentScheduler,
                "options": {**address, "port": 0, "dashboard": False, "dashboard_address": None},
            },
            workers={device.key: self._worker(device, address) for device in self.devices},
            security=security,
            asynchronous=True,
            silence_logs=logging.WARNING,
            scheduler_sync_interval=60,
            name="lfads_nb",
        )
        self._client = await Client(self._cluster, asynchronous=True, security=security)

    def _worker(self, device: Device, address: dict[str, Any]) -> dict[str, Any]:
        options = {
            **address,
            "name": device.key,
            "nthreads": device.slots,
            "memory_limit": None,
            "worker_class": SilentWorker,
            "dashboard": False,
            "silence_logs": logging.WARNING,
            "local_directory": str(self._home.scratch),
            "env": run_environment(device, threads=1),
        }
        return {"cls": Nanny, "options": options}

    def submit(self, task: RunTask, *, key: str, priority: int) -> Any:
        """Place a run on its device; return dask's future of the exit code."""
        assert self._client is not None, "the pool has not been started"
        return self._client.submit(
            execute_task, task, key=key, workers=[task.device], priority=priority, pure=False
        )

    async def close(self) -> None:
        """End scheduler and workers."""
        if self._client is not None:
            await cast(Awaitable[None], self._client.close())
        if self._cluster is not None:
            await cast(Awaitable[None], self._cluster.close())


class DriverPool:
    """Threads of the server that wait for the drivers of populations, which take no device."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MAX_DRIVERS, thread_name_prefix="driver")
        self._n_running = 0

    @property
    def is_full(self) -> bool:
        """Whether no further driver can be started now."""
        return self._n_running >= MAX_DRIVERS

    def submit(self, task: RunTask, *, key: str, priority: int) -> Any:  # noqa: ARG002
        """Start a driver; return a future of its exit code."""
        self._n_running += 1
        future = _Future(
            asyncio.get_running_loop().run_in_executor(self._threads, execute_task, task)
        )
        future.running.add_done_callback(lambda _: self._ended())
        return future

    def _ended(self) -> None:
        self._n_running -= 1

    def close(self) -> None:
        """Take no more; the drivers were asked to stop."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Future:
    """A future that can be released as dask's can."""

    def __init__(self, running: asyncio.Future[int]) -> None:
        self.running = running

    def __await__(self) -> Generator[Any, None, int]:
        return self.running.__await__()

    def release(self) -> None:
        """Do nothing: no scheduler keeps the result."""


def make_credentials(folder: Path) -> Security:
    """Make a key and certificate for one server, and keep them where only the owner reads."""
    temporary = Security.temporary()
    paths = {}
    for name, content in (
        ("key", temporary.tls_scheduler_key),
        ("cert", temporary.tls_scheduler_cert),
        ("ca", temporary.tls_ca_file),
    ):
        path = folder / f"{name}.pem"
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
        paths[name] = str(path)
    roles = {
        f"tls_{role}_{part}": paths[part]
        for role in ("client", "scheduler", "worker")
        for part in ("key", "cert")
    }
    return Security(require_encryption=True, tls_ca_file=paths["ca"], **roles)
