"""A dask cluster that somebody else runs, as the queue's server sees it."""

from __future__ import annotations

import asyncio
from typing import Any

import dask.config
from distributed import Client, Security

from lfads_nb.queue.task import RunTask, execute_task

# So long a cluster is tried to be reached, at first and when its connection is lost.
_CONNECT_S = 10

# The user's own dask settings are for clusters of theirs.
_USERS_TLS = {
    key: dask.config.get(key, None)
    for key in ("distributed.comm.tls", "distributed.comm.require-encryption")
}


class ForeignPool:
    """A dask cluster that somebody else runs.

    Parameters
    ----------
    cluster : how to reach it, see `lfads_nb.queue.clusters.describe_cluster`.
    resources : dask resources that each run takes.

    Attributes
    ----------
    address : of its scheduler.
    jobs : what a batch system calls its jobs; "" where that is not known.
    problem : why there is no connection; "" while that is not known.
    workers : addresses of its workers when it was last looked at.
    blind : workers that do not see the run folders, each with what it met.
    """

    def __init__(self, cluster: dict[str, Any], resources: dict[str, float] | None) -> None:
        self.address, self.jobs = cluster["address"], str(cluster.get("jobs", ""))
        self._resources = resources
        self._security = security_of(cluster)
        self._client: Client | None = None
        self._places: dict[str, str] = {}
        self.problem = ""
        self.workers: set[str] = set()
        self.blind: dict[str, str] = {}

    async def start(self) -> None:
        """Connect; `problem` says afterwards why that did not work."""
        try:
            self._client = await Client(
                self.address, asynchronous=True, security=self._security, timeout=_CONNECT_S
            )
        except (OSError, asyncio.TimeoutError, ValueError, TypeError) as error:
            self.problem = f"no dask scheduler answers at {self.address} ({error})"

    @property
    def is_ready(self) -> bool:
        """Whether runs can be given to it now."""
        return self._client is not None and self._client.status == "running"

    @property
    def is_closed(self) -> bool:
        """Whether its scheduler went away and did not come back."""
        return self._client is not None and self._client.status in ("closing", "closed")

    async def look(self) -> bool:
        """Ask for its workers and what is placed on each; return whether it answered."""
        if not self.is_ready or self._client is None:
            return False
        try:
            workers = await asyncio.wait_for(self._client.nthreads(), _CONNECT_S)
            placed = await asyncio.wait_for(self._client.processing(), _CONNECT_S)
        except (OSError, asyncio.TimeoutError):
            return False
        self.workers = set(workers)
        self.blind = {worker: why for worker, why in self.blind.items() if worker in workers}
        self._places = {key: worker for worker, keys in placed.items() for key in keys}
        return True

    def worker_of(self, key: str) -> str:
        """Return the worker on which a run was placed when last looked at; "" for none."""
        return self._places.get(key, "")

    @property
    def seeing(self) -> list[str]:
        """The workers of which it is not known that they do not see the run folders."""
        return sorted(self.workers - set(self.blind))

    def submit(self, task: RunTask, *, key: str, priority: int) -> Any:
        """Give a run to the cluster; return dask's future of the exit code."""
        assert self._client is not None, "the cluster is not connected"
        # Rather there than on one that cannot; whoever comes later may have it too.
        rather = {"workers": self.seeing, "allow_other_workers": True} if self.blind else {}
        return self._client.submit(
            execute_task, task, key=key, priority=priority, resources=self._resources, pure=False,
            **rather,
        )  # fmt: skip

    async def close(self) -> None:
        """Leave the cluster; it goes on without us."""
        if self._client is not None:
            await self._client.close()


def security_of(cluster: dict[str, Any]) -> Security:
    """Return the credentials for a cluster: its own, or else what the user's dask settings say."""
    if cluster.get("security"):
        return Security(**cluster["security"])
    with dask.config.set({key: value for key, value in _USERS_TLS.items() if value is not None}):
        return Security()
