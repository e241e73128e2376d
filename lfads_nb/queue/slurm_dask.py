"""A SLURMCluster of dask_jobqueue that replaces lost jobs and takes its keys away at its end."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from contextlib import suppress
from typing import Any

import dask.config

from lfads_nb.errors import LfadsError
from lfads_nb.queue.clusters import forget
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.job_clusters import DASK_SETTINGS, ClusterFolder, directives
from lfads_nb.queue.slurm.scheduler import Jobs, shared_jobs
from lfads_nb.queue.slurm.settings import Slurm

log = logging.getLogger(__name__)

_LOOK_AFTER_S = 20.0
_CLOSES = 10
# Lines of dask_jobqueue's that ours take the place of.
_SKIPPED = (
    "#SBATCH -p ", "#SBATCH -A ", "#SBATCH -t ", "#SBATCH -e ", "#SBATCH --mem=",
    "#SBATCH --cpus-per-task=",
)  # fmt: skip


@functools.cache
def own_slurm_cluster() -> type:
    """Return the class of what `lfads_nb.slurm_cluster` makes.

    Raises
    ------
    ImportError
        dask_jobqueue is not installed, which everything else does without.
    """
    from dask_jobqueue import SLURMCluster
    from distributed import Status

    class OwnSlurmCluster(SLURMCluster):
        """What `lfads_nb.slurm_cluster` makes.

        Parameters
        ----------
        folder : what is made for it.
        asked : of each job.
        options : of every cluster that is safe, see `lfads_nb.queue.job_clusters`.
        jobs : what SLURM says; by default what this process shares.
        """

        def __init__(
            self,
            folder: ClusterFolder,
            asked: Slurm,
            options: dict[str, Any],
            *,
            jobs: Jobs | None = None,
        ) -> None:
            self.folder, self._asked_slurm = folder, jobs or shared_jobs()
            self._looking: asyncio.Task[None] | None = None
            self._came: set[str] = set()
            with dask.config.set(DASK_SETTINGS):
                super().__init__(
                    cores=asked.cpus or 1,
                    memory="64GiB",  # of the idle worker itself: SLURM's is in `asked`
                    job_name=f"lfads-dask-{folder.path.name.rpartition('-')[2]}",
                    job_directives_skip=_SKIPPED,
                    job_extra_directives=directives(asked),
                    **options,
                )

        async def _start(self) -> None:
            await super()._start()
            if self._looking is None:
                self._looking = asyncio.create_task(self._look_after())

        def _update_worker_status(self, op: str, msg: Any) -> None:
            if op == "add":
                names = (worker["name"] for worker in msg["workers"].values())
                self._came |= {str(self.workers[n].job_id) for n in names if n in self.workers}
            super()._update_worker_status(op, msg)

        async def _close(self) -> None:
            if self._looking is not None:
                self._looking.cancel()
            address = self.scheduler_address
            try:
                for left in reversed(range(_CLOSES)):
                    try:
                        await super()._close()
                        break
                    except RuntimeError:
                        # A connection that the pool of dask's scheduler gives up twice at once
                        # (its worker ends, and so does the pool) is an error there; the caller
                        # of this takes it for the end of the loop and says nothing, and scheduler
                        # and cluster stay half closed. The connection is gone a moment later.
                        if not left or self.scheduler is None:
                            raise
                        await asyncio.sleep(0.2)
                        self.scheduler.status = self.status = Status.running
            finally:
                self.folder.close()
                with suppress(LfadsError, OSError):
                    forget(QueueHome.find(os.environ), address)

        async def _look_after(self) -> None:
            """Replace jobs that SLURM has ended, whether or not their workers ever came."""
            while True:
                await asyncio.sleep(_LOOK_AFTER_S)
                try:
                    await self._replace_lost()
                except Exception:  # the next look may do better
                    log.exception("lost jobs cannot be replaced now")

        async def _replace_lost(self) -> None:
            jobs = {
                name: str(job.job_id)
                for name, job in self.workers.items()
                if getattr(job, "job_id", None)
            }
            # dask itself forgets a job whose worker came and went, after a while.
            away = {name: job for name, job in jobs.items() if job not in self._came}
            if away:
                await asyncio.to_thread(self._asked_slurm.look)
            for name, number in away.items() if self._asked_slurm.answers else ():
                found = await asyncio.to_thread(self._asked_slurm.find, number)
                if found is not None and found.is_over and number not in self._came:
                    log.warning("SLURM job %s ended (%s) and is replaced", number, found.state)
                    self.workers.pop(name, None)
            if set(self.worker_spec) - set(self.workers):
                await self._correct_state()

    return OwnSlurmCluster
