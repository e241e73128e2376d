"""Populations in the real queue: what is killed, paused and cancelled, with a toy for a model.

One population lives through several faults, a generation each: what a turn's process costs is paid
once for all of them. At its end it has made the same decisions as one that nothing happened to, and
no turn has been taken twice.
"""

import json
import os
import signal
from contextlib import suppress

import pytest

from lfads_nb.queue.api import Queue
from lfads_nb.queue.run_lock import read_holder
from lfads_nb.queue.status import RunState, read_status
from tests.queue.populations import make_population, tables_of
from tests.queue.test_population_driver import drive
from tests.queue.tiny_runs import marked_processes, wait_for, write_template

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]
RUNNER = "tests.queue.toy_turns"
MEMBERS, GENERATIONS = 4, 4


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The tables of the same population, driven without a fault."""
    folder = make_population(tmp_path_factory.mktemp("undisturbed"), generations=GENERATIONS)
    drive(folder)
    assert len(folder.exploits.read_text().splitlines()) > 1, "nothing was decided"
    return tables_of(folder)


class Rig:
    """A population whose members wait in the middle of every generation but the first."""

    patience_s = 180.0

    def __init__(self, folder, template, home):
        self.folder, self.template, self.home = folder, template, home
        self.members = [folder.member(m) for m in range(MEMBERS)]
        self.queue = Queue([folder], home=home)

    @classmethod
    def make(cls, root, home):
        folder = make_population(root / "runs", generations=GENERATIONS)
        rig = cls(folder, write_template(root / "template.ipynb"), home)
        for member in rig.members:
            waits = {"wait": list(range(1, GENERATIONS))}
            (member.path / "behaviour.json").write_text(json.dumps(waits))
        return rig

    def launch(self):
        self.queue.launch(runner=RUNNER, template=str(self.template))

    def launch_to_the_middle(self):
        self.launch()
        self.wait_for_the_middle(1)

    def wait_for_the_middle(self, generation):
        """Wait until one member has ended its turn and another is taking its own."""
        first = wait_for(lambda: self.training(generation), timeout=self.patience_s)[0]
        (first.path / f"go{generation}").touch()
        n = MEMBERS * generation + 1
        wait_for(lambda: self.n_ended == n and self.training(generation), timeout=self.patience_s)

    def let_go(self, generation):
        for member in self.members:
            (member.path / f"go{generation}").touch()

    @property
    def n_ended(self):
        return sum(len(self.ends(m)) for m in range(MEMBERS))

    def training(self, generation):
        return [
            member
            for member in self.members
            if read_status(member).state is RunState.TRAINING
            and str(generation) in _lines(member, "starts.txt")
        ]

    def ends(self, member):
        return _lines(self.members[member], "ends.txt")

    @property
    def state(self):
        return self.queue.states()[0].state

    def driver(self):
        holder = read_holder(self.folder)
        return holder.pid if holder is not None and holder.is_alive else None

    def processes(self):
        folders = [self.folder, self.folder.best, *self.members]
        return [p for folder in folders for p in marked_processes(folder)]

    def finish(self, undisturbed):
        for generation in range(1, GENERATIONS):
            self.let_go(generation)
        wait_for(lambda: not self.state.is_active, timeout=2 * self.patience_s)
        status = self.queue.states()[0]
        assert status.state is RunState.DONE, status.reason
        assert tables_of(self.folder) == undisturbed
        turns = [str(generation) for generation in range(GENERATIONS)]
        assert [self.ends(m) for m in range(MEMBERS)] == [turns] * MEMBERS
        assert self.folder.best.done.exists()
        assert read_status(self.folder.best).state is RunState.DONE
        assert self.folder.best.notebook.exists()
        assert "population" in self.folder.notebook.read_text()
        self.launch()
        wait_for(lambda: not list(self.home.batches.glob("*.json")))
        wait_for(lambda: not self.processes())


def _lines(member, name):
    path = member.path / name
    return path.read_text().split() if path.exists() else []


@pytest.fixture
def rig(tmp_path, home):
    rig = Rig.make(tmp_path, home)
    yield rig
    for process in rig.processes():
        process.kill()


def test_a_population_goes_on_through_a_failed_turn_a_pause_a_killed_turn_and_a_killed_driver(
    rig, undisturbed
):
    behaviour = rig.members[1].path / "behaviour.json"
    behaviour.write_text(json.dumps({**json.loads(behaviour.read_text()), "fail": [0]}))

    # a turn fails once: it is taken again
    rig.launch_to_the_middle()
    assert (rig.members[1].path / "failed").exists()
    progress = rig.queue.states()[0].progress
    assert (progress["generation"], progress["members"]) == (1, MEMBERS)

    # paused, it trains nothing though it might
    rig.queue.pause()
    wait_for(lambda: not rig.processes())
    rig.let_go(1)
    assert rig.n_ended == MEMBERS + 1
    assert rig.state is RunState.QUEUED
    rig.queue.resume()

    # a turn is killed: it is taken again
    rig.wait_for_the_middle(2)
    os.kill(read_holder(rig.training(2)[0]).pid, signal.SIGKILL)
    rig.let_go(2)

    # its driver is killed: another goes on
    rig.wait_for_the_middle(3)
    before = rig.driver()
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: rig.driver() not in (None, before))
    rig.finish(undisturbed)


def test_a_population_is_launched_again_after_its_server_everything_or_nothing_but_itself_ended(
    rig, undisturbed, tmp_path
):
    # the server is killed: the next one goes on with the population
    rig.launch_to_the_middle()
    os.kill(rig.home.server_process().pid, signal.SIGKILL)
    wait_for(lambda: not rig.processes())
    assert not rig.state.is_active
    rig.let_go(1)
    rig.launch()

    # everything is killed at once
    rig.wait_for_the_middle(2)
    server = rig.home.server_process().pid
    for pid in [server, *(p.pid for p in rig.processes())]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not rig.processes())
    rig.let_go(2)
    rig.launch()

    # it is cancelled with its members, moved to another place, and goes on there
    rig.wait_for_the_middle(3)
    rig.queue.cancel()
    wait_for(lambda: not rig.processes())
    wait_for(lambda: rig.state is RunState.CANCELLED)
    wait_for(lambda: not list(rig.home.batches.glob("*.json")))
    assert not any(read_status(m).state.is_active for m in rig.members)
    os.rename(tmp_path / "runs", tmp_path / "elsewhere")
    place = tmp_path / "elsewhere" / rig.folder.path.relative_to(tmp_path / "runs")
    moved = Rig(type(rig.folder)(place), rig.template, rig.home)
    moved.launch()
    moved.finish(undisturbed)
