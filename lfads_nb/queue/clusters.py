"""Other dask clusters: how to reach one, and whether its workers see the run folders."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lfads_nb.errors import QueueError
from lfads_nb.plain_text import plain_text
from lfads_nb.queue.home import QueueHome, put_json, read_json_file
from lfads_nb.queue.tickets import UnsharedFolderError, answer_probe
from lfads_nb.sweep.folders import RunFolder

_SECURITY_FIELDS = (
    "tls_ca_file", "tls_client_key", "tls_client_cert", "tls_scheduler_key", "tls_scheduler_cert",
    "tls_worker_key", "tls_worker_cert",
)  # fmt: skip
_REMEMBERED_S = 30 * 86400.0


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
    """Return a cluster's address, credentials and the name of its jobs as plain values.

    Credentials that exist in memory only go along as they are; those in files are named.

    Parameters
    ----------
    cluster : None for this machine, the address of a scheduler, a `distributed.Client`, or a
        cluster object such as `dask_jobqueue.SLURMCluster`.
    home : where the credentials of an address may be known from an earlier launch.

    Raises
    ------
    QueueError
        If it is none of those.
    """
    if cluster is None:
        return None
    if isinstance(cluster, str):
        if "://" not in cluster:
            raise QueueError(f"{cluster!r} is no address of a dask scheduler, like tls://host:8786")
        known = recall(home, cluster)
        return known or {"address": cluster, "security": {}}
    scheduler = getattr(cluster, "scheduler", None)
    address = getattr(cluster, "scheduler_address", None) or getattr(scheduler, "address", None)
    if not isinstance(address, str) or "://" not in address:
        raise QueueError(
            f"cluster must be the address of a dask scheduler, a Client or a dask cluster, got a "
            f"{type(cluster).__name__}"
        )
    described = {"address": address, "security": _security(getattr(cluster, "security", None))}
    made_by = getattr(cluster, "cluster", None) or cluster  # a Client knows whose it is
    if any(kind.__name__ == "SLURMCluster" for kind in type(made_by).__mro__):
        described["jobs"] = str(made_by.job_name)
    return described


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
        "port can run code as you. Make it with lfads_nb.slurm_cluster(...) or with "
        "security=distributed.Security.temporary(), or say insecure=True if nobody else can reach "
        "it. For SLURM, launch(slurm=Slurm(...)) needs no dask"
    )


def _security(security: Any) -> dict[str, Any]:
    if security is None or not getattr(security, "require_encryption", False):
        return {}
    fields: dict[str, Any] = {"require_encryption": True}
    return fields | {
        name: value for name in _SECURITY_FIELDS if (value := getattr(security, name, None))
    }


# ------------------------------------------------------------------------- known from launches


def remember(home: QueueHome, described: dict[str, Any], *, insecure: bool) -> None:
    """Keep how a cluster is reached, for the owner alone, so that a retry can go to it.

    Parameters
    ----------
    insecure : whether it was launched on although it has no TLS.
    """
    for path in home.clusters.glob("*.json"):
        if abs(time.time() - path.stat().st_mtime) > _REMEMBERED_S:
            path.unlink(missing_ok=True)
    put_json(_known(home, described["address"]), {**described, "insecure": insecure})


def recall(home: QueueHome, address: str) -> dict[str, Any] | None:
    """Return how a cluster is reached that was launched on before; None if it was not.

    Its `insecure` says whether that was without TLS, as its user wanted.
    """
    found = read_json_file(_known(home, address))
    if found.get("address") != address or not _is_security(found.get("security")):
        return None
    return found


def _is_security(content: Any) -> bool:
    """Whether a file's content are credentials as `_security` describes them."""
    return (
        isinstance(content, dict)
        and all(
            value is True if name == "require_encryption" else isinstance(value, str)
            for name, value in content.items()
            if name == "require_encryption" or name in _SECURITY_FIELDS
        )
        and set(content) <= {"require_encryption", *_SECURITY_FIELDS}
    )


def forget(home: QueueHome, address: str) -> None:
    """Forget a cluster that was closed, with its credentials."""
    _known(home, address).unlink(missing_ok=True)


def _known(home: QueueHome, address: str) -> Path:
    return home.clusters / f"{hashlib.sha256(address.encode()).hexdigest()[:24]}.json"


# --------------------------------------------------------------------------------- run folders


def probe_folders(
    cluster: dict[str, Any], folders: Sequence[RunFolder], *, connect_s: float = 20.0
) -> None:
    """Check that a cluster answers, and that the workers it has see and may write the run folders.

    A file is put into the folder that all runs share; every worker reads it and writes one beside
    it. Workers that come later look before their first run, see `lfads_nb.queue.tickets`.

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
    from distributed import Client

    shared = Path(os.path.commonpath([str(folder.path) for folder in folders]))
    word = uuid.uuid4().hex
    probe = shared / f".lfads-probe-{word}"
    try:
        client = Client(
            cluster["address"],
            security=_usable_security(cluster),
            timeout=connect_s,
            set_as_default=False,
        )
    except (OSError, asyncio.TimeoutError, ValueError, TypeError) as error:
        raise QueueError(
            f"no dask scheduler answers at {cluster['address']}, or not to these credentials "
            f"({plain_text(str(error))}): is the program that made it still running? To go on "
            "elsewhere, give another cluster="
        ) from error
    try:
        probe.write_text(word)
        answers = client.run(answer_probe, str(probe), word, on_error="return")
    finally:
        probe.unlink(missing_ok=True)
        client.close()
    for worker, problem in answers.items():
        if isinstance(problem, OSError):
            continue  # it went away in between
        if problem:
            raise UnsharedFolderError(worker, str(problem))


def _usable_security(cluster: dict[str, Any]) -> Any:
    """Return the credentials for a cluster, which one with TLS does not answer without."""
    from lfads_nb.queue.foreign_pool import security_of

    security, problem = security_of(cluster), ""
    if cluster["address"].startswith("tls://"):
        try:
            if security.get_connection_args("client").get("ssl_context") is None:
                problem = "they were never given, or went when it was closed"
        except OSError as error:
            problem = f"{error.strerror} ({error.filename})" if error.filename else str(error)
    if problem:
        raise QueueError(
            f"the credentials of the dask cluster at {cluster['address']} are not known here "
            f"({plain_text(problem)}): give the cluster object as cluster="
        )
    return security
