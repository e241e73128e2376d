"""dask clusters whose workers are a batch system's jobs: SLURM's, and what all others need too.

Everything speaks TLS with a key that is made for this one cluster and lies in a folder of the
user's alone; the scheduler listens on one address, and there are no web pages. What is made for a
cluster goes when it is closed: its key at once, what its jobs printed after a week.
"""

from __future__ import annotations

import atexit
import re
import shlex
import shutil
import socket
import sys
import time as clock
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lfads_nb.errors import QueueError
from lfads_nb.plain_text import plain_text
from lfads_nb.queue.home import new_id, put_json, read_json_file
from lfads_nb.queue.processes import ProcessId
from lfads_nb.queue.slurm.scheduler import run_program
from lfads_nb.queue.slurm.settings import Slurm
from lfads_nb.state_home import HOME_VARIABLE, state_home

if TYPE_CHECKING:
    from dask_jobqueue import SLURMCluster

_PLAIN_PATH = re.compile(r"/[A-Za-z0-9_.,:@+/=-]*")
_KEPT_S = 7 * 86400.0
_CONTROLLER = re.compile(r"^SlurmctldHost\[0\]\s*=\s*([^\s(]+)(?:\(([^)]+)\))?", re.MULTILINE)
# Where idle jobs are looked for.
_LOOK_S = 2
DASK_SETTINGS = {
    # One run waits behind no other where a worker is free.
    "distributed.scheduler.worker-saturation": 1.0,
    # A node that lost its power says nothing.
    "distributed.scheduler.worker-ttl": "60s",
}


@dataclass(frozen=True)
class ClusterFolder:
    """What is made for one cluster: keys, what its jobs print, and their scratch."""

    path: Path

    @classmethod
    def make(cls, place: Path | None = None) -> ClusterFolder:
        """Make one for its owner alone, and remove what is left of earlier ones.

        Parameters
        ----------
        place : a folder that all nodes see; by default that of the user's own state.

        Raises
        ------
        QueueError
            It cannot be made, or its name is none that a job's script can hold.
        """
        root = (place.expanduser().absolute() if place else state_home()) / "clusters"
        if not _PLAIN_PATH.fullmatch(str(root)):
            raise QueueError(
                f"the folder {root} cannot be named in a job's script: give folder= one whose path "
                "has only letters, digits and signs such as . _ -"
            )
        folder = cls(root / new_id())
        try:
            for path in (root, folder.path, folder.logs, folder.scratch):
                path.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.chmod(0o700)
        except OSError as error:
            raise QueueError(
                f"{root} cannot be made ({error.strerror}): give folder= one that you may write "
                "to, and that all nodes see"
            ) from error
        put_json(folder.owner_json, asdict(ProcessId.own()))
        for other in root.iterdir():
            if other != folder.path:
                cls(other).remove_if_left()
        return folder

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def scratch(self) -> Path:
        return self.path / "scratch"

    @property
    def owner_json(self) -> Path:
        """Which process it was made for."""
        return self.path / "owner.json"

    def close(self) -> None:
        """Remove all but what the jobs have printed."""
        for key in self.path.glob("*.pem"):
            key.unlink(missing_ok=True)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def remove_if_left(self) -> None:
        """Remove the keys of a process that is gone, and after a week the rest."""
        owner = ProcessId.from_json(read_json_file(self.owner_json))
        if owner is not None and owner.is_here and owner.is_alive:
            return
        with suppress(OSError):
            age_s = clock.time() - self.owner_json.stat().st_mtime
            if owner is None or owner.is_here or age_s > 30 * _KEPT_S:
                self.close()
                if age_s > _KEPT_S:
                    shutil.rmtree(self.path, ignore_errors=True)


def safe_cluster_options(
    *, host: str = "", interface: str = "", folder: str | Path | None = None
) -> dict[str, Any]:
    """Return what makes any cluster of dask_jobqueue (PBS, LSF, SGE ...) safe, and fit for runs.

    Scheduler and workers speak TLS with a key of their own and have no web pages; one run at a
    time in each job; what the jobs print goes to a folder of ours.

    Parameters
    ----------
    host, interface : where the scheduler listens: the address, or the network interface, by which
        the nodes reach this machine. One of them must be given.
    folder : a folder that all nodes see, for keys and logs; by default that of the user's state.

    Returns
    -------
    Keywords for the cluster's class, such as `PBSCluster(..., **safe_cluster_options(...))`.

    Raises
    ------
    QueueError
        Neither host nor interface is given, or the folder cannot be used.
    """
    if bool(host) == bool(interface):
        raise QueueError(
            "say by which address or network interface the nodes reach this machine: "
            'host="10.0.0.1" or interface="eth0"'
        )
    own = ClusterFolder.make(Path(folder) if folder else None)
    atexit.register(own.close)
    return _options(own, {"host": host} if host else {"interface": interface})


def _options(folder: ClusterFolder, listens: dict[str, str]) -> dict[str, Any]:
    from lfads_nb.queue.batches import passed_on
    from lfads_nb.queue.pool import JobWorker, SilentScheduler, make_credentials

    # The workers of a scheduler on loopback are on this machine, and nobody else need reach them.
    is_local = listens.get("host", "").startswith("127.")
    exports = {k: v for k, v in passed_on().items() if k not in ("PATH", HOME_VARIABLE)}
    return {
        "security": make_credentials(folder.path),
        "protocol": "tls://",
        "scheduler_cls": SilentScheduler,
        "scheduler_options": {**listens, "dashboard": False, "dashboard_address": None},
        "processes": 1,
        "nanny": False,
        # In the shell's place: what a batch system says to the job reaches the worker itself.
        "python": f"exec {shlex.quote(sys.executable)}",
        "worker_extra_args": [
            "--nthreads", "1", "--no-dashboard", *(["--host", "127.0.0.1"] if is_local else []),
            "--worker-class", f"{JobWorker.__module__}.{JobWorker.__qualname__}",
        ],
        "log_directory": str(folder.logs),
        "local_directory": str(folder.scratch),
        "death_timeout": 120,
        "job_script_prologue": [
            # Nothing that lies where the notebook was started is taken for a module.
            f"cd {shlex.quote(str(folder.scratch))}",
            *(f"export {name}={shlex.quote(value)}" for name, value in exports.items()),
        ],
    }  # fmt: skip


def slurm_cluster(
    *,
    jobs: int,
    partition: str = "",
    account: str = "",
    qos: str = "",
    constraint: str = "",
    time: str = "",
    gres: str = "",
    cpus: int = 1,
    mem: str = "",
    min_jobs: int = 0,
    idle_s: float = 60.0,
    host: str = "",
    interface: str = "",
    folder: str | Path | None = None,
) -> SLURMCluster:
    """Make a dask cluster whose workers are SLURM jobs, for `launch(cluster=...)`.

    A job is submitted for each run that waits, `jobs` at most, and given back when there is nothing
    to do for it. A job that SLURM ends early is replaced, and its run goes on from its last
    checkpoint. The cluster ends with this process: for runs that are to outlive it, use
    `launch(slurm=Slurm(...))`.

    Parameters
    ----------
    jobs : at once, at most.
    partition, account, qos, constraint, time, gres, cpus, mem : of each job, see `Slurm`.
    min_jobs : jobs to keep even if there is nothing to do.
    idle_s : seconds without a run after which a job is given back.
    host, interface : address or network interface at which the scheduler listens; by default the
        address by which this machine reaches SLURM's controller.
    folder : a folder that all nodes see, for keys and logs; by default that of the user's state.

    Raises
    ------
    QueueError
        dask_jobqueue is not installed, SLURM cannot be asked, or would not take such a job.
    """
    asked = Slurm(partition, account, qos, constraint, time, gres, cpus, mem)
    if type(jobs) is not int or not 0 <= min_jobs <= jobs or jobs < 1:
        raise QueueError(
            f"jobs must be a number from 1 up, and min_jobs at most that, got {jobs!r}"
        )
    try:
        from lfads_nb.queue.slurm_dask import own_slurm_cluster

        kind = own_slurm_cluster()
    except ImportError as error:
        raise QueueError(
            f"a SLURM cluster of dask needs dask_jobqueue ({error}): pip install "
            '"lfads_nb[cluster]". launch(slurm=Slurm(...)) needs neither'
        ) from error
    if host and interface:
        raise QueueError("give either host= or interface=, not both")
    listens = {"interface": interface} if interface else {"host": host or address_for_nodes()}
    own = ClusterFolder.make(Path(folder) if folder else None)
    atexit.register(own.close)
    cluster = kind(own, asked, _options(own, listens))
    try:
        _try_out(own, cluster.job_script())
    except QueueError:
        cluster.close()
        raise
    cluster.adapt(
        minimum_jobs=min_jobs,
        maximum_jobs=jobs,
        interval=f"{_LOOK_S}s",
        wait_count=max(1, round(idle_s / _LOOK_S)),
        # dask asks for as many workers as end all work in this time: one for each run.
        target_duration="100ms",
    )
    return cluster


def _try_out(folder: ClusterFolder, script: str) -> None:
    """See that SLURM would take a job; nothing is submitted."""
    path = folder.path / "job.sh"
    path.write_text(script)
    try:
        run_program("sbatch", "--test-only", str(path), cwd=str(folder.scratch))
    except QueueError as error:
        raise QueueError(f"SLURM would not take such a job: {error}") from error


def address_for_nodes() -> str:
    """Return the address by which this machine reaches SLURM's controller: the nodes' network.

    Raises
    ------
    QueueError
        It cannot be found out.
    """
    found = _CONTROLLER.search(run_program("scontrol", "show", "config"))
    controller = (found[2] or found[1]) if found else ""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((controller, 1))  # which sends nothing
            return str(probe.getsockname()[0])
    except OSError as error:
        raise QueueError(
            f"the address by which nodes reach this machine is not known (SLURM's controller is "
            f"{plain_text(controller) or 'not named'}: {error}): give host= or interface="
        ) from error


def directives(asked: Slurm, skipped: Sequence[str] = ("--requeue", "--signal=")) -> list[str]:
    """Return what each job's script asks SLURM for; dask replaces jobs that are lost by itself."""
    lines = [line.removeprefix("#SBATCH ") for line in asked.directives()]
    return [line for line in lines if not line.startswith(tuple(skipped))] + ["--no-requeue"]
