"""`launch`, and `Queue`: a view of runs that every process can open at any time.

Views ask; the server and the runs do. Nothing here keeps state that matters: the runs go on when
this process ends.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lfads_nb.errors import QueueError
from lfads_nb.queue.devices import Device, list_devices
from lfads_nb.queue.ends import cancel_without_server
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.launching import launch_folders, launch_where_they_were, submit_folders
from lfads_nb.queue.marking import run_name
from lfads_nb.queue.progress_view import show_progress
from lfads_nb.queue.reading import StatusReader, current_status
from lfads_nb.queue.retraining import bring_back, has_earlier_output
from lfads_nb.queue.slurm.cancelling import cancel_submitted, is_submitted
from lfads_nb.queue.slurm.settings import Slurm
from lfads_nb.queue.slurm.submitting import Submitted
from lfads_nb.queue.starting import ServerKeeper
from lfads_nb.queue.status import STOPPED, RunState, RunStatus, read_status
from lfads_nb.queue.table import make_table
from lfads_nb.sweep.folders import RunFolder

if TYPE_CHECKING:
    import pandas as pd

    from lfads_nb.sweep.population_run import PopulationRun
    from lfads_nb.sweep.run import Run


def launch(
    runs: Iterable[Run | PopulationRun],
    *,
    run_idx: Sequence[int] | None = None,
    cluster: Any = None,
    slurm: Slurm | None = None,
    **options: Any,
) -> Queue:
    """Queue runs and populations for execution in the background, and return at once.

    Runs that are done are left alone, unless `rerun` trains them afresh or `more_epochs` goes on
    with them, and so are those that `halving` stopped early, unless they `go_on`; runs that are
    queued or running are not queued twice. What is not prepared is prepared.

    Parameters
    ----------
    runs : in the order in which they should start.
    run_idx : positions of those to launch, in the order in which they should start.
    cluster : another dask cluster to run on: the address of its scheduler, a `Client`, or a cluster
        object such as `dask_jobqueue.SLURMCluster`; the run folders must be on a file system that
        it shares.
        A scheduler without TLS is refused unless `insecure=True`: others could run code as you.
    slurm : submit the runs to SLURM as a job array, with what each job asks for; nothing runs here.
    **options : see `lfads_nb.queue.batches.LaunchOptions`: gpu_list, one_task_per_gpu,
        gpu_memory_required, max_tasks_simultaneously, rerun, more_epochs, mode, priority, retries,
        template, resources, pack, halving, go_on, ahead.

    Raises
    ------
    QueueError
        An option is wrong, a run folder cannot be written to, or a run can never fit: then nothing
        has been queued.
    """
    chosen = list(runs)
    if run_idx is not None:
        chosen = [chosen[index] for index in run_idx]
    for run in chosen:
        run.prepare()
    queue = Queue([run.folder for run in chosen], names=[run.name for run in chosen])
    queue.launch(cluster=cluster, slurm=slurm, **options)
    return queue


class Queue:
    """A view of some runs in the queue.

    Parameters
    ----------
    folders : the runs' folders.
    names : what to call them; by default as their records say.
    home : the queue's own folder; by default this user's.
    """

    def __init__(
        self,
        folders: Iterable[RunFolder],
        *,
        names: Sequence[str] | None = None,
        home: QueueHome | None = None,
    ) -> None:
        self.folders = [RunFolder(folder.path.absolute()) for folder in folders]
        self.names = list(names) if names is not None else [run_name(f) for f in self.folders]
        self.home = home or QueueHome.find()
        self._reader = StatusReader(self.folders, self.home)

    # ------------------------------------------------------------------------------- launching

    def launch(
        self,
        *,
        cluster: Any = None,
        slurm: Slurm | None = None,
        insecure: bool = False,
        **options: Any,
    ) -> None:
        """Queue the runs that are not done; see `launch`."""
        launch_folders(
            self.folders, self.home, cluster=cluster, slurm=slurm, insecure=insecure, **options
        )

    def submit(self, slurm: Slurm, *, dry_run: bool = False, **options: Any) -> Submitted:
        """Submit what is neither done nor queued to SLURM; see `lfads_nb.queue.slurm.submitting`.

        Raises
        ------
        QueueError
            SLURM cannot be asked, or refuses: then nothing is queued.
        """
        return submit_folders(self.folders, slurm, dry_run=dry_run, **options)

    # ---------------------------------------------------------------------------------- looking

    def states(self) -> list[RunStatus]:
        """Return every run's status, reading only what has changed."""
        return self._reader.read()

    def status(self) -> pd.DataFrame:
        """Return one row for each run; see `lfads_nb.queue.table.status_table`."""
        return make_table(self.names, self._reader)

    @property
    def is_served(self) -> bool:
        """Whether the queue's server is running."""
        return self.home.server_process() is not None

    @staticmethod
    def devices() -> list[Device]:
        """List this machine's devices and what is free on them now."""
        return list_devices()

    def wait(self, timeout_s: float | None = None) -> pd.DataFrame:
        """Show progress until every run has ended; stopping to wait does not stop the runs.

        Parameters
        ----------
        timeout_s : wait no longer than this.

        Returns
        -------
        The last table.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        keeper = ServerKeeper(self.home)
        with show_progress(self.names) as view:
            while True:
                statuses = self._reader.read()
                view.update(statuses, self._reader.waits())
                is_open = any(status.state.is_active for status in statuses)
                if not is_open and not self._reader.may_go_on:
                    break
                if deadline is not None and time.monotonic() > deadline:
                    break
                # What waits for SLURM needs no server of ours.
                if any(s.state is RunState.QUEUED and not s.submission for s in statuses):
                    keeper.keep()
                time.sleep(0.5)
        return self.status()

    # ----------------------------------------------------------------------------------- acting

    def cancel(self, runs: Any = None) -> None:
        """End runs for good, running or waiting; None for all of this view.

        A running one is interrupted, saves its notebook as far as it came, and is gone within ten
        seconds.
        """
        folders = self._chosen(runs)
        submitted = [f for f in folders if is_submitted(f)]
        here = [f for f in folders if f not in submitted]
        if self.is_served:
            self.home.post("cancel", runs=_paths(here))
        else:
            for folder in here:
                cancel_without_server(folder)
        cancel_submitted(submitted)

    def pause(self, runs: Any = None) -> None:
        """Hold runs back; one that is running stops and will go on from its last checkpoint."""
        self._ask("pause", runs)

    def resume(self, runs: Any = None) -> None:
        """Let paused runs go on."""
        self._ask("resume", runs)

    def set_priority(self, runs: Any, priority: int) -> None:
        """Move waiting runs forward (higher) or back (lower); launches begin with 0."""
        self._ask("priority", runs, priority=int(priority))

    def retry(self, runs: Any = None, **options: Any) -> None:
        """Queue again what failed, was cancelled or was interrupted; None for all of this view.

        Parameters
        ----------
        options : of the launch, see `launch`. Without `cluster` or `slurm`, runs go to the dask
            cluster that they were launched on; `here=True` trains them on this machine instead.

        Raises
        ------
        QueueError
            Their cluster does not answer, or they were submitted to SLURM: nothing is trained on
            this machine unasked.
        """
        names = dict(zip(self.folders, self.names, strict=True))
        again = [f for f in self._chosen(runs) if current_status(f).state in STOPPED]
        launch_where_they_were(again, [names[f] for f in again], self.home, **options)

    def go_on(self, runs: Any = None, **options: Any) -> list[str]:
        """Go on to their own end with runs that were stopped early; None for all of this view.

        Parameters
        ----------
        options : of the launch, and where, see `retry`.

        Returns
        -------
        The names of those that were.
        """
        names = dict(zip(self.folders, self.names, strict=True))
        stopped = [
            f for f in self._chosen(runs) if current_status(f).state is RunState.STOPPED_EARLY
        ]
        found = [names[folder] for folder in stopped]
        launch_where_they_were(stopped, found, self.home, go_on=True, **options)
        return found

    def bring_back(self, runs: Any = None) -> list[str]:
        """Bring back what runs had made before training them again failed; None for all of this.

        Returns
        -------
        The names of those that had something to bring back; they are done now.
        """
        names = dict(zip(self.folders, self.names, strict=True))
        chosen = self._chosen(runs)
        found = [f for f in chosen if has_earlier_output(f) and not read_status(f).state.is_active]
        for folder in found:
            bring_back(folder)
        return [names[folder] for folder in found]

    def pause_all(self) -> None:
        """Start no more runs of any collection; those that are running go on."""
        self.home.post("pause", runs=None)

    def resume_all(self) -> None:
        """Undo `pause_all`, and let every paused run go on."""
        self.home.post("resume", runs=None)

    def stop_server(self, timeout_s: float = 20.0) -> None:
        """End the server; running runs are interrupted and go on when it is started again.

        Raises
        ------
        QueueError
            If it has not ended by then.
        """
        server = self.home.server_process()
        if server is None:
            return
        # By name: a request that a hung server leaves behind must not end the next one.
        self.home.post("stop", server=asdict(server))
        deadline = time.monotonic() + timeout_s
        while server.is_alive:
            if time.monotonic() > deadline:
                raise QueueError(
                    f"the queue's server (process {server.pid}) does not end; if it still does not "
                    f"in a minute, kill it: kill -9 {server.pid}. Its runs lose nothing"
                )
            time.sleep(0.05)

    def _ask(self, verb: str, runs: Any, **content: Any) -> None:
        chosen = self._chosen(runs)
        names = dict(zip(self.folders, self.names, strict=True))
        submitted = [f for f in chosen if is_submitted(f) and read_status(f).state.is_active]
        if here := [folder for folder in chosen if folder not in submitted]:
            self.home.post(verb, runs=_paths(here), **content)
        if submitted:
            raise QueueError(
                f"these are SLURM's, which knows no {verb} of ours: "
                f"{', '.join(names[folder] for folder in submitted)}. Cancel them (what is trained "
                "is kept, and a new submission goes on from there), or ask scontrol"
            )

    def _chosen(self, runs: Any) -> list[RunFolder]:
        """Return folders for runs given as names, positions, `Run`s or folders."""
        if runs is None:
            return list(self.folders)
        if isinstance(runs, str | int | RunFolder) or hasattr(runs, "folder"):
            runs = [runs]
        return [self._find(run) for run in runs]

    def _find(self, run: Any) -> RunFolder:
        if isinstance(run, int):
            return self.folders[run]
        if isinstance(run, str):
            if run not in self.names:
                raise QueueError(
                    f"there is no run {run!r} here; there are: {', '.join(self.names)}"
                )
            return self.folders[self.names.index(run)]
        return run if isinstance(run, RunFolder) else run.folder

    def __repr__(self) -> str:
        counts: dict[str, int] = {}
        for status in self.states():
            counts[status.state.value] = counts.get(status.state.value, 0) + 1
        text = ", ".join(f"{n} {state}" for state, n in counts.items())
        return f"<Queue of {len(self.folders)} runs: {text}>"


def _paths(folders: Iterable[RunFolder]) -> list[str]:
    return [str(folder.path) for folder in folders]
