"""Populations of real models, killed with signal 9 at different places: the same decisions, no turn
that had ended taken again, and no epoch trained twice.

`test_population_faults.py` does more to them, with a toy for a model.
"""

from __future__ import annotations

import csv
import os
import re
import signal
from collections import Counter

import numpy as np
import pytest

from lfads_nb import DatasetCollection, RunCollection, RunParams, RunSpec
from lfads_nb.datasets import Counts, write_counts
from lfads_nb.queue.api import Queue
from lfads_nb.queue.run_lock import read_holder
from lfads_nb.queue.status import RunState, read_status
from lfads_nb.sweep import Population, Searched, SearchSpace
from tests.queue.tiny_runs import marked_processes, wait_for

pytestmark = [pytest.mark.processes, pytest.mark.training, pytest.mark.timeout(1800)]

MEMBERS, EPOCHS, GENERATIONS, RAMP = 3, 4, 3, 2
LONG = 900.0


class Rig:
    """A tiny population in the real queue."""

    def __init__(self, root, home):
        rng = np.random.default_rng(0)
        phase = rng.uniform(0, 6, (60, 1, 1)) + np.arange(12)[:, None] / 2
        counts = Counts.from_bins(rng.poisson(np.exp(np.sin(phase + np.arange(6)))), bin_ms=10.0)
        write_counts(root / "data" / "a.h5", counts)
        datasets = DatasetCollection(root / "data")
        datasets.add("a.h5")
        collection = RunCollection(root / "runs", "pbt", datasets)
        base = RunParams(
            spike_bin_ms=10, batch_size=8, co_dim=0, factors_dim=3, gen_dim=8, ic_dim=4,
            ic_enc_dim=4, kl_increase_steps=12, l2_increase_steps=12, num_samples_posterior=4,
            device="/cpu:0",
        )  # fmt: skip
        space = SearchSpace(
            {"learning_rate_init": Searched(1e-4, 1e-1), "kl_ic_weight": Searched(0.01, 1.0)}
        )
        collection.add_population(
            Population(
                base, space, members=MEMBERS, epochs=EPOCHS, generations=GENERATIONS, patience=9,
                least_improvement=0.0, seed=3,
            )
        )  # fmt: skip
        collection.add_run_spec(RunSpec("a", datasets, ["a"]))
        collection.prepare()
        (self.run,) = collection.population_runs
        self.run.prepare()
        self.folder, self.home = self.run.folder, home
        self.members = [self.folder.member(m) for m in range(MEMBERS)]
        self.queue = Queue([self.folder], home=home)

    def launch(self):
        self.queue.launch(max_tasks_simultaneously=2)

    def processes(self):
        folders = [self.folder, self.folder.best, *self.members]
        return [p for folder in folders for p in marked_processes(folder)]

    def driver(self):
        holder = read_holder(self.folder)
        return holder.pid if holder is not None and holder.is_alive else None

    def begun(self, member):
        """The generations that a member has begun, as often as it began them."""
        log = self.members[member].log
        text = log.read_text() if log.exists() else ""
        return [int(g) for g in re.findall(r"  generation (\d+), epochs", text)]

    def ended(self):
        """(member, generation) of each turn that has come to its end."""
        found = set()
        for member, folder in enumerate(self.members):
            is_over = not read_status(folder).state.is_active
            begun = sorted(set(self.begun(member)))
            found |= {(member, g) for g in (begun if is_over else begun[:-1])}
        return found

    def training_the_second(self):
        return [
            folder
            for member, folder in enumerate(self.members)
            if read_status(folder).state is RunState.TRAINING and self.begun(member)[-1:] == [1]
        ]

    def wait_for_the_end(self):
        wait_for(lambda: not self.queue.states()[0].state.is_active, timeout=LONG, every=0.5)
        status = self.queue.states()[0]
        assert status.state is RunState.DONE, (status.reason, self.folder.log.read_text()[-2000:])

    def decisions(self):
        tables = {}
        for path in (self.folder.pbt_state, self.folder.gen_config, self.folder.exploits):
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            for row in rows:
                row.pop("duration_sec", None)  # of this machine, not of the decisions
            tables[path.name] = rows
        return tables

    def epochs(self, folder):
        return [int(line.split(",")[1]) for line in folder.fit_log.read_text().splitlines()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, home):
    rig = Rig(tmp_path_factory.mktemp("undisturbed"), home)
    rig.launch()
    rig.wait_for_the_end()
    decisions = rig.decisions()
    assert len(decisions["gen_config.csv"]) == MEMBERS * GENERATIONS
    assert decisions["exploits.csv"]
    for member in range(MEMBERS):
        assert rig.begun(member) == list(range(GENERATIONS))
    return rig


def kill(*pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def kill_a_turn(rig):
    kill(read_holder(rig.training_the_second()[0]).pid)


def kill_the_driver(rig):
    before = read_holder(rig.folder).pid
    kill(before)
    # Until the next one holds the population, nobody drives it.
    wait_for(lambda: rig.driver() not in (None, before), timeout=LONG)


def kill_the_server(rig):
    killed = rig.home.server_process()
    kill(killed.pid)
    # The driver may start the next server for its members before it sees that its own is gone;
    # that one takes the population up, and keeps its processes warm.
    wait_for(
        lambda: not rig.processes() or rig.home.server_process() not in (None, killed), timeout=LONG
    )
    rig.launch()


def kill_everything(rig):
    kill(rig.home.server_process().pid, *(p.pid for p in rig.processes()))
    wait_for(lambda: not rig.processes(), timeout=LONG)
    rig.launch()


@pytest.mark.parametrize("fault", [kill_a_turn, kill_the_driver, kill_the_server, kill_everything])
def test_a_population_that_is_killed_decides_as_one_that_is_not(undisturbed, tmp_path, home, fault):
    rig = Rig(tmp_path, home)
    rig.launch()
    wait_for(rig.training_the_second, timeout=LONG, every=0.02)
    ended = rig.ended()
    fault(rig)
    rig.wait_for_the_end()
    assert rig.decisions() == undisturbed.decisions()
    for member, folder in enumerate(rig.members):
        times = Counter(rig.begun(member))
        assert set(times) == set(range(GENERATIONS))
        assert all(times[g] == 1 for m, g in ended if m == member), (ended, times)
        last = RAMP + EPOCHS * GENERATIONS
        assert rig.epochs(folder) == list(range(last)) == rig.epochs(undisturbed.members[member])
        assert folder.fit_log.read_bytes() == undisturbed.members[member].fit_log.read_bytes()
    assert rig.folder.best.done.exists()
    ours, theirs = rig.run.winner.posterior_means(), undisturbed.run.winner.posterior_means()
    np.testing.assert_array_equal(ours.factors, theirs.factors)
