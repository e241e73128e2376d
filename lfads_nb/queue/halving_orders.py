"""What a launch writes into the folders of a sweep that is halved: the rule, and who is compared.

Figures are comparable among runs on the same data alone, and after the penalties have risen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path

from lfads_nb.errors import QueueError
from lfads_nb.queue.batches import LaunchOptions
from lfads_nb.queue.population_launch import is_population
from lfads_nb.queue.rungs import is_stopped_early
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.halving import AFTER_RAMPS, Halving, HalvingOrder, read_rungs
from lfads_nb.sweep.population import ramp_epochs
from lfads_nb.sweep.population_run import read_sizes
from lfads_nb.sweep.progress import LOWER_IS_BETTER
from lfads_nb.sweep.run_record import RunRecord


def order_halving(
    folders: Sequence[RunFolder], wanted: Sequence[RunFolder], options: LaunchOptions
) -> None:
    """Write into the folders of a launch by what rule their runs are judged, or that by none.

    Parameters
    ----------
    folders : all of the launch: those that are done count too.
    wanted : those that are to be queued.
    options : with the rule, or that those that were stopped go on.

    Raises
    ------
    QueueError
        The runs cannot be halved as asked; then nothing is written.
    """
    orders = {} if options.halving is None else _orders(folders, wanted, options.halving)
    for folder in wanted:
        if folder in orders:
            orders[folder].save(folder)
        elif options.rerun or (options.go_on and is_stopped_early(folder)):
            folder.halving_json.unlink(missing_ok=True)


def _orders(
    folders: Sequence[RunFolder], wanted: Sequence[RunFolder], rule: Halving
) -> dict[RunFolder, HalvingOrder]:
    populations = [folder.path.parent.name for folder in folders if is_population(folder)]
    if populations:
        raise QueueError(
            f"a population has a rule of its own and is not halved: {', '.join(populations)}. "
            "Launch runs and populations apart"
        )
    groups: dict[Hashable, list[tuple[RunFolder, RunRecord]]] = defaultdict(list)
    for folder in folders:
        record = RunRecord.load(folder)
        groups[_judged_by(folder, record)].append((folder, record))
    orders: dict[RunFolder, HalvingOrder] = {}
    sizes: dict[Path, int] = {}
    for group in groups.values():
        mine = [folder for folder, _ in group if folder in wanted]
        if not mine:
            continue
        if len(group) < rule.factor:
            raise QueueError(
                f"successive halving compares runs on the same data, and {_name(group[0])} has "
                f"{len(group)} of them, less than the factor {rule.factor}: launch them without it"
            )
        known = _with_first_rung(rule, group, sizes)
        for folder in mine:
            if not _was_let_go_on(folder):
                peers = tuple(other.path for other, _ in group if other != folder)
                orders[folder] = HalvingOrder(known, peers)
    return orders


def _judged_by(folder: RunFolder, record: RunRecord) -> Hashable:
    """Return what is equal for runs whose figures mean the same."""
    p = record.params
    files = tuple(str(folder.input_file(name).resolve()) for name in record.datasets)
    return files, p.output_dist, p.heldout_channels, p.forward_prediction_bins


def _with_first_rung(
    rule: Halving, group: Sequence[tuple[RunFolder, RunRecord]], sizes: dict[Path, int]
) -> Halving:
    """Return the rule with its first rung, which lies behind the ramps of all runs.

    Parameters
    ----------
    sizes : training trials of input files, added to: runs of a sweep share them.
    """
    longest = 0
    for folder, record in group:
        if rule.score not in (*LOWER_IS_BETTER, record.params.select_by):
            raise QueueError(
                f"successive halving by {rule.score} needs runs that log it: set "
                f"select_by={rule.score!r}, or judge by recon_valid"
            )
        n_train = []
        for name in record.datasets:
            path = folder.input_file(name).resolve()
            if path not in sizes:
                sizes[path] = read_sizes(folder, name)[0]
            n_train.append(sizes[path])
        longest = max(longest, ramp_epochs(record.params, n_train))
    first = rule.first_epoch or longest + AFTER_RAMPS
    if first <= longest:
        raise QueueError(
            f"the first rung after {first} epochs lies within the ramps of {_name(group[0])}: "
            f"penalties rise for {longest} epochs, and costs with them. Choose first_epoch="
            f"{longest + AFTER_RAMPS}, say, or 0 for that"
        )
    return replace(rule, first_epoch=first)


def _was_let_go_on(folder: RunFolder) -> bool:
    """Whether a run was stopped at a rung and then told to go on, which holds."""
    return not folder.halving_json.exists() and any(not r.goes_on for r in read_rungs(folder))


def _name(member: tuple[RunFolder, RunRecord]) -> str:
    return member[1].name
