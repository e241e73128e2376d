"""Into the queue: which of some runs are launched, what is refused first, and how they are marked.

Either all that is wanted is queued, or nothing is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lfads_nb.atomic_files import check_text
from lfads_nb.errors import LfadsError, QueueError
from lfads_nb.queue.batches import Batch, LaunchOptions, passed_on
from lfads_nb.queue.clusters import (
    check_dask_settings,
    describe_cluster,
    probe_folders,
    recall,
    refuse_unencrypted,
    remember,
)
from lfads_nb.queue.devices import list_devices
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
from lfads_nb.queue.reading import StatusReader
from lfads_nb.queue.slurm.settings import Slurm
from lfads_nb.queue.slurm.submission import asked_before
from lfads_nb.queue.slurm.submitting import Submitted, submit
from lfads_nb.queue.starting import ensure_server
from lfads_nb.queue.status import read_status
from lfads_nb.sweep.folders import PopulationFolder, RunFolder


def launch_folders(
    folders: Sequence[RunFolder],
    home: QueueHome,
    *,
    cluster: Any = None,
    slurm: Slurm | None = None,
    insecure: bool = False,
    **options: Any,
) -> None:
    """Queue the runs that are not done; see `lfads_nb.queue.launch`."""
    unknown = set(options) - set(LaunchOptions.__dataclass_fields__)
    if unknown:
        raise QueueError(
            f"unknown option {', '.join(sorted(unknown))}; the options of a launch are: "
            f"run_idx, cluster, {', '.join(LaunchOptions.__dataclass_fields__)}"
        )
    for folder in folders:
        check_text(folder.path)
    if "gpu_list" in options and options["gpu_list"] is not None:
        options["gpu_list"] = tuple(int(index) for index in options["gpu_list"])
    if slurm is not None:
        if cluster is not None:
            raise QueueError("give either cluster= or slurm=, not both")
        submit_folders(folders, slurm, **options)
        return
    check_dask_settings()
    described = describe_cluster(cluster, home)
    if not insecure:
        refuse_unencrypted(described)
    chosen = LaunchOptions(**{"environment": passed_on(), "cluster": described, **options})
    queue_folders(folders, home, chosen, share_gpus="one_task_per_gpu" not in options)
    if described is not None:
        remember(home, described, insecure=insecure)


def launch_where_they_were(
    folders: Sequence[RunFolder], names: Sequence[str], home: QueueHome, **options: Any
) -> None:
    """Launch runs where they were launched before, or where the options say.

    Parameters
    ----------
    names : what to call them.
    options : of a launch; with `cluster`, `slurm`, or `here=True` for this machine, there.

    Raises
    ------
    QueueError
        Their cluster does not answer, or SLURM cannot be asked here: nothing is trained on this
        machine unasked.
    """
    if options.pop("here", False) or not {"cluster", "slurm"}.isdisjoint(options):
        launch_folders(folders, home, **options)
        return
    called = dict(zip(folders, names, strict=True))
    before = {folder: read_status(folder) for folder in folders}
    asked: dict[RunFolder, Slurm] = {}
    unknown = []
    for folder in (each for each in folders if before[each].submission):
        slurm = asked_before(folder, before[folder])
        if slurm is None:
            unknown.append(called[folder])
        else:
            asked[folder] = slurm
    if unknown:
        raise QueueError(
            f"these were submitted to SLURM, and are not trained on this machine unasked: "
            f"{', '.join(unknown)}. Submit them again: lfads-nb slurm, or launch(slurm=...); or "
            "say here=True (--here)"
        )
    for slurm in dict.fromkeys(asked.values()):
        again = {name: value for name, value in options.items() if name != "insecure"}
        submit_folders([f for f in asked if asked[f] == slurm], slurm, **again)
    places: dict[str, list[RunFolder]] = {}
    for folder in folders:
        if folder not in asked:
            places.setdefault(before[folder].cluster, []).append(folder)
    for address, those in places.items():
        if not address:
            launch_folders(those, home, **options)
            continue
        known = recall(home, address) or {}
        insecure = options.get("insecure", known.get("insecure") is True)
        try:
            launch_folders(those, home, **{**options, "cluster": address, "insecure": insecure})
        except QueueError as error:
            raise QueueError(
                f"{', '.join(called[f] for f in those)} {'was' if len(those) == 1 else 'were'} "
                f"launched on the dask cluster at {address}, and nothing is trained on this "
                f"machine unasked: {error} (--cluster), or say here=True (--here)"
            ) from error


def submit_folders(
    folders: Sequence[RunFolder], slurm: Slurm, *, dry_run: bool = False, **options: Any
) -> Submitted:
    """Submit what is neither done nor queued to SLURM; see `lfads_nb.queue.slurm.submitting`."""
    chosen = LaunchOptions(**{"environment": passed_on(), **options})
    if chosen.mode == "posterior_mean_only":
        refuse_untrained(folders)
    if chosen.more_epochs:
        refuse_what_cannot_go_on(folders)
    if not dry_run:
        let_stop(folders)
        order_halving(folders, [f for f in folders if is_wanted(f, chosen)], chosen)
    return submit(folders, slurm, chosen, dry_run=dry_run)


def queue_folders(
    folders: Sequence[RunFolder],
    home: QueueHome,
    chosen: LaunchOptions,
    *,
    share_gpus: bool = False,
) -> None:
    """Queue the runs that are not done.

    Parameters
    ----------
    folders : the runs, in the order in which they should start.
    home : the queue's folder.
    chosen : complete options.
    share_gpus : put several members of a population on one GPU, whatever the options say.
    """
    wanted = [f for f in folders if is_wanted(f, chosen)]
    chosen = replace(chosen, pack=usable_pack(chosen.pack))
    if chosen.more_epochs:
        refuse_what_cannot_go_on(wanted)
    if chosen.mode == "posterior_mean_only":
        refuse_untrained(wanted)
    if chosen.cluster is None:
        _refuse_what_never_fits(wanted, chosen, home)
    else:
        probe_folders(chosen.cluster, wanted)
    let_stop(wanted)
    with home.exclusive("launch"):
        order_halving(folders, wanted, chosen)
        queued: list[RunFolder] = []
        before = [read_status(folder) for folder in wanted]
        try:
            queued += (folder for folder in wanted if mark_queued(folder, chosen))
            _save(queued, chosen, home, share_gpus=share_gpus)
        except LfadsError:
            take_back(wanted, before)
            raise
        if queued or any(s.state.is_active for s in StatusReader(folders, home).read()):
            ensure_server(home)


def _save(
    queued: Sequence[RunFolder], chosen: LaunchOptions, home: QueueHome, *, share_gpus: bool
) -> None:
    populations = [f.path for f in queued if is_population(f)]
    if runs := [f.path for f in queued if f.path not in populations]:
        Batch.new(runs, chosen).save(home)
    if populations:
        driving = driver_options(chosen, home, share_gpus=share_gpus)
        Batch.new(populations, driving).save(home)


def _refuse_what_never_fits(
    folders: Sequence[RunFolder], options: LaunchOptions, home: QueueHome
) -> None:
    devices, book = list_devices(), MemoryBook(home)
    for folder in folders:
        first = PopulationFolder(folder.path).member(0) if is_population(folder) else folder
        run = str(first.path)

        def needed_mb(kind: str, run: str = run) -> float:
            return options.gpu_memory_required or book.needed_mb(run, kind)

        wish = Wish(run, "", needed_mb, options.gpu_list)
        problem = never_fits(wish, devices)
        if problem:
            raise QueueError(f"{run_name(folder)} can never start here: {problem}")
