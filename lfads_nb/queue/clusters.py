"""Other dask clusters: how to reach one, and whether its workers see the run folders."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lfads_nb.errors import QueueError
from lfads_nb.plain_text import plain_text
from lfads_nb.queue.home import QueueHome
from lfads_nb.sweep.folders import RunFolder

_SECURITY_FIELDS = (
    "tls_ca_file", "tls_client_key", "tls_client_cert", "tls_scheduler_key", "tls_scheduler_cert",
    "tls_worker_key", "tls_worker_cert",
)  # fmt: skip
_PROBE_TIMEOUT_S = 60


def check_dask_settings() -> None:
    """See that dask, which the queue stands on, can be imported with the user's own settings.

    Raises
    ------
    QueueError
        A settings file of dask is damaged; the message names it.
    """
    try:
        import dask.config  # noqa: F401  it reads them on import
    except (ValueError, TypeError, AttributeError, OSError) as error:
        said = plain_text(" ".join(str(error).split()))
        raise QueueError(f"the user's own dask settings cannot be used: {said}") from error


def describe_cluster(cluster: Any, home: QueueHome) -> dict[str, Any] | None:
    """Return a cluster's address and credentials as plain values, None for this machine.

    Parameters
    ----------
    cluster : None, the address of a scheduler, a `distributed.Client`, or a cluster object such as
        `dask_jobqueue.SLURMCluster`.
    home : credentials that exist in memory only are kept here, for their owner alone.

    Raises
    ------
    QueueError
        If it is none of those.
    """
    if cluster is None:
        return None
    if isinstance(cluster, str):
        if "://" not in cluster:
            raise QueueError(f"{cluster!r} is no address of a dask scheduler, like tcp://host:8786")
        return {"address": cluster, "security": {}}
    scheduler = getattr(cluster, "scheduler", None)
    address = getattr(cluster, "scheduler_address", None) or getattr(scheduler, "address", None)
    if not isinstance(address, str) or "://" not in address:
        raise QueueError(
            f"cluster must be the address of a dask scheduler, a Client or a dask cluster, got a "
            f"{type(cluster).__name__}"
        )
    return {"address": address, "security": _security(getattr(cluster, "security", None), home)}


def refuse_unencrypted(described: dict[str, Any] | None) -> None:
    """See that nobody else who reaches a cluster's port can run code as this user.

    Raises
    ------
    QueueError
        Its scheduler has no TLS.
    """
    if described is None or described["address"].startswith(("tls://", "inproc://")):
        return
    raise QueueError(
        f"the dask cluster at {plain_text(described['address'])} has no TLS: whoever reaches its "
        "port can run code as you. Start it with security=distributed.Security.temporary(), or "
        "say insecure=True if nobody else can reach it. For SLURM, launch(slurm=Slurm(...)) needs "
        "no dask"
    )


def _security(security: Any, home: QueueHome) -> dict[str, Any]:
    if security is None or not getattr(security, "require_encryption", False):
        return {}
    fields: dict[str, Any] = {"require_encryption": True}
    for name in _SECURITY_FIELDS:
        value = getattr(security, name, None)
        if value and "\n" in value:  # the content itself rather than a file's name
            path = home.credentials / f"cluster-{uuid.uuid4().hex}.pem"
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(value)
            value = str(path)
        if value:
            fields[name] = value
    return fields


def probe_folders(
    cluster: dict[str, Any], folders: Sequence[RunFolder], *, connect_s: float = 20.0
) -> None:
    """Check that a cluster's workers see and may write the run folders.

    A file is put into the folder that all runs share; every worker reads it and writes one beside
    it. A cluster that has no worker yet is waited for.

    Parameters
    ----------
    cluster : as `describe_cluster` returns it.
    folders : the runs' folders.
    connect_s : how long to try to reach the scheduler.

    Raises
    ------
    QueueError
        If nobody answers, or a worker does not see the folder; it is named.
    """
    if not folders:
        return
    from distributed import Client, Security

    shared = Path(os.path.commonpath([str(folder.path) for folder in folders]))
    word = uuid.uuid4().hex
    probe = shared / f".lfads-probe-{word}"
    security = Security(**cluster["security"]) if cluster["security"] else None
    try:
        client = Client(
            cluster["address"], security=security, timeout=connect_s, set_as_default=False
        )
    except (OSError, asyncio.TimeoutError) as error:
        raise QueueError(f"no dask scheduler answers at {cluster['address']}: {error}") from error
    try:
        probe.write_text(word)
        client.wait_for_workers(1, timeout=_PROBE_TIMEOUT_S)
        answers = client.run(answer_probe, str(probe), word)
    except (TimeoutError, asyncio.TimeoutError) as error:
        raise QueueError(
            f"the cluster at {cluster['address']} has no worker after {_PROBE_TIMEOUT_S} s: scale "
            "it up, or look into its workers' logs"
        ) from error
    finally:
        probe.unlink(missing_ok=True)
        client.close()
    for worker, problem in answers.items():
        if problem:
            raise QueueError(
                f"the worker {worker} of the cluster cannot use the run folders: {problem}. They "
                "must be on a file system that all of its machines share, under the same path"
            )


def answer_probe(path: str, word: str) -> str:
    """Say what keeps this machine from using a folder; "" if nothing does."""
    probe = Path(path)
    try:
        if probe.read_text() != word:
            return f"{probe.parent} is another folder there"
        own = probe.with_name(f"{probe.name}-{uuid.uuid4().hex}")
        own.write_text(word)
        own.unlink()
    except OSError as error:
        return f"{error.strerror} ({probe.parent})"
    return ""
