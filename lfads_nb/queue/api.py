"""Launching runs, and `Queue`: a view of them that every process can open at any time.

Views ask; the server and the runs do. Nothing here keeps state that matters: the runs go on when
this process ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lfads_nb.errors import LfadsError, QueueError
from lfads_nb.plain_text import plain_text
from lfads_nb.python_commands import module_command
from lfads_nb.queue.batches import Batch, LaunchOptions, passed_on
from lfads_nb.queue.clusters import (
    check_dask_settings,
    describe_cluster,
    probe_folders,
    refuse_unencrypted,
)
from lfads_nb.queue.devices import Device, find_device, list_devices
from lfads_nb.queue.ends import cancel_without_server
from lfads_nb.queue.halving_orders import order_halving
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.marking import (
    is_wanted,
    let_stop,
    mark_queued,
    refuse_untrained,
    refuse_what_cannot_go_on,
    run_name,
    take_back,
)
from lfads_nb.queue.memory import MemoryBook
from lfads_nb.queue.packing import usable_pack
from lfads_nb.queue.plan import Wish, never_fits
from lfads_nb.queue.population_launch import driver_options, is_population
from lfads_nb.queue.processes import new_attempt, run_marks
from lfads_nb.queue.progress_view import show_progress
from lfads_nb.queue.reading import StatusReader, current_status
from lfads_nb.queue.retraining import bring_back, has_earlier_output
from lfads_nb.queue.run_lock import RunIsTakenError, read_holder
from lfads_nb.queue.runner import EXIT_TAKEN
from lfads_nb.queue.slurm.cancelling import cancel_submitted
from lfads_nb.queue.slurm.settings import Slurm
from lfads_nb.queue.slurm.submitting import Submitted, submit
from lfads_nb.queue.starting import ServerKeeper, ensure_server
from lfads_nb.queue.status import STOPPED, RunState, RunStatus, read_status
from lfads_nb.queue.stopping import forget_stop
from lfads_nb.queue.table import make_table
from lfads_nb.sweep.folders import PopulationFolder, RunFolder
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.stored_params import check_own_code

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
        unknown = set(options) - set(LaunchOptions.__dataclass_fields__)
        if unknown:
            raise QueueError(
                f"unknown option {', '.join(sorted(unknown))}; the options of a launch are: "
                f"run_idx, cluster, {', '.join(LaunchOptions.__dataclass_fields__)}"
            )
        if "gpu_list" in options and options["gpu_list"] is not None:
            options["gpu_list"] = tuple(int(index) for index in options["gpu_list"])
        if slurm is not None:
            if cluster is not None:
                raise QueueError("give either cluster= or slurm=, not both")
            self.submit(slurm, **options)
            return
        check_dask_settings()
        described = describe_cluster(cluster, self.home)
        if not insecure:
            refuse_unencrypted(described)
        chosen = LaunchOptions(**{"environment": passed_on(), "cluster": described, **options})
        self.launch_with(chosen, share_gpus="one_task_per_gpu" not in options)

    def submit(self, slurm: Slurm, *, dry_run: bool = False, **options: Any) -> Submitted:
        """Submit what is neither done nor queued to SLURM; see `lfads_nb.queue.slurm.submitting`.

        Raises
        ------
        QueueError
            SLURM cannot be asked, or refuses: then nothing is queued.
        """
        chosen = LaunchOptions(**{"environment": passed_on(), **options})
        if chosen.mode == "posterior_mean_only":
            refuse_untrained(self.folders)
        if not dry_run:
            let_stop(self.folders)
            order_halving(self.folders, [f for f in self.folders if is_wanted(f, chosen)], chosen)
        return submit(self.folders, slurm, chosen, dry_run=dry_run)

    def launch_with(self, chosen: LaunchOptions, *, share_gpus: bool = False) -> None:
        """Queue the runs that are not done.

        Parameters
        ----------
        chosen : complete options.
        share_gpus : put several members of a population on one GPU, whatever the options say.
        """
        wanted = [f for f in self.folders if is_wanted(f, chosen)]
        chosen = replace(chosen, pack=usable_pack(chosen.pack))
        if chosen.more_epochs:
            refuse_what_cannot_go_on(wanted)
        if chosen.mode == "posterior_mean_only":
            refuse_untrained(wanted)
        if chosen.cluster is None:
            self._refuse_what_never_fits(wanted, chosen)
        else:
            probe_folders(chosen.cluster, wanted)
        let_stop(wanted)
        with self.home.exclusive("launch"):
            order_halving(self.folders, wanted, chosen)
            queued: list[RunFolder] = []
            before = [read_status(folder) for folder in wanted]
            try:
                queued += (folder for folder in wanted if mark_queued(folder, chosen))
                self._save(queued, chosen, share_gpus=share_gpus)
            except LfadsError:
                take_back(wanted, before)
                raise
            if queued or any(s.state.is_active for s in self._reader.read()):
                ensure_server(self.home)

    def _save(self, queued: list[RunFolder], chosen: LaunchOptions, *, share_gpus: bool) -> None:
        populations = [f.path for f in queued if is_population(f)]
        if runs := [f.path for f in queued if f.path not in populations]:
            Batch.new(runs, chosen).save(self.home)
        if populations:
            driving = driver_options(chosen, self.home, share_gpus=share_gpus)
            Batch.new(populations, driving).save(self.home)

    def _refuse_what_never_fits(self, folders: list[RunFolder], options: LaunchOptions) -> None:
        devices, book = list_devices(), MemoryBook(self.home)
        for folder in folders:
            first = PopulationFolder(folder.path).member(0) if is_population(folder) else folder
            run = str(first.path)

            def needed_mb(kind: str, run: str = run) -> float:
                return options.gpu_memory_required or book.needed_mb(run, kind)

            wish = Wish(run, "", needed_mb, options.gpu_list)
            problem = never_fits(wish, devices)
            if problem:
                raise QueueError(f"{run_name(folder)} can never start here: {problem}")

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
                if not any(status.state.is_active for status in statuses):
                    break
                if deadline is not None and time.monotonic() > deadline:
                    break
                if any(status.state is RunState.QUEUED for status in statuses):
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
        submitted = [f for f in folders if read_status(f).submission]
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
        """Queue again what failed, was cancelled or was interrupted; None for all of this view."""
        folders = self._chosen(runs)
        names = dict(zip(self.folders, self.names, strict=True))
        again = [f for f in folders if current_status(f).state in STOPPED]
        submitted = [names[f] for f in again if read_status(f).submission]
        if submitted and "slurm" not in options and "cluster" not in options:
            raise QueueError(
                f"these were submitted to SLURM, and are not trained on this machine unasked: "
                f"{', '.join(submitted)}. Submit them again: lfads-nb slurm, or launch(slurm=...)"
            )
        Queue(again, names=[names[f] for f in again], home=self.home).launch(**options)

    def go_on(self, runs: Any = None, **options: Any) -> list[str]:
        """Go on to their own end with runs that were stopped early; None for all of this view.

        Parameters
        ----------
        options : of the launch, see `launch`.

        Returns
        -------
        The names of those that were.
        """
        names = dict(zip(self.folders, self.names, strict=True))
        stopped = [
            f for f in self._chosen(runs) if current_status(f).state is RunState.STOPPED_EARLY
        ]
        found = [names[folder] for folder in stopped]
        Queue(stopped, names=found, home=self.home).launch(go_on=True, **options)
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
        self.home.post(verb, runs=_paths(self._chosen(runs)), **content)

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


# ------------------------------------------------------------------------------------- one by one


def run_here(run_dir: str | Path, *, device: str | None = None) -> int:
    """Execute one run now, without the queue's server, and wait for its end.

    Parameters
    ----------
    run_dir : the run's folder.
    device : "cpu", or a GPU by number or UUID; by default what the environment offers.

    Returns
    -------
    0 if it is done, else another exit code; `lfads.out` and the status tell why.

    Raises
    ------
    RunIsTakenError
        If another process works on it.
    QueueError
        If there is no such device.
    """
    folder = RunFolder(Path(run_dir).resolve())
    check_own_code(RunRecord.load(folder).params)
    find_device(device or "")
    _refuse_taken(folder)
    forget_stop(folder)
    command = [*module_command("lfads_nb.queue.runner"), str(folder.path)]
    # A scheduler that ends this process, however hard, means the run.
    command += [f"--parent={os.getpid()}"]
    command += [f"--device={device}"] if device else []
    environment = {**os.environ, **passed_on(), **run_marks(folder.path, new_attempt())}
    with subprocess.Popen(
        command, env=environment, start_new_session=True, stderr=subprocess.PIPE
    ) as process:
        try:
            with show_progress([run_name(folder)]) as view:
                while process.poll() is None:
                    view.update([current_status(folder)], [""])
                    time.sleep(0.5)
                view.update([current_status(folder)], [""])
        except KeyboardInterrupt:
            process.send_signal(2)
            process.wait()
        # What comes before its output goes to the log: that it cannot start at all.
        said = process.stderr.read().decode(errors="replace") if process.stderr else ""
    if process.returncode == EXIT_TAKEN:
        raise RunIsTakenError(read_holder(folder))
    sys.stderr.write(plain_text(said))
    return process.returncode


def _refuse_taken(folder: RunFolder) -> None:
    holder = read_holder(folder)
    if holder is not None and holder.may_be_alive:
        raise RunIsTakenError(holder)


def _paths(folders: Iterable[RunFolder]) -> list[str]:
    return [str(folder.path) for folder in folders]
