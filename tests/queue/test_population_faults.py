"""Populations in the real queue: what is killed, paused and cancelled, with a toy for a model.

After each fault the population ends with the same decisions as one that nothing happened to, and
no turn has been taken twice.
"""

import json
import os
import signal
from pathlib import Path

import pytest

from lfads_nb.queue.api import Queue
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.run_lock import read_holder
from lfads_nb.queue.status import RunState, read_status
from tests.queue.populations import make_population, tables_of
from tests.queue.test_population_driver import drive
from tests.queue.tiny_runs import marked_processes, wait_for, write_template

pytestmark = pytest.mark.processes
RUNNER = "tests.queue.toy_turns"
MEMBERS = 4


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path_factory.mktemp("home"))})
    yield home
    Queue([], home=home).stop_server()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The tables of the same population, driven without a fault."""
    folder = make_population(tmp_path_factory.mktemp("undisturbed"))
    drive(folder)
    return tables_of(folder)


class Rig:
    """A population whose members wait in the middle of its second generation."""

    patience_s = 60.0

    def __init__(self, root, home):
        self.folder = make_population(root / "runs")
        self.members = [self.folder.member(m) for m in range(MEMBERS)]
        for member in self.members:
            (member.path / "behaviour.json").write_text(json.dumps({"wait": [1]}))
        self.queue, self.home = Queue([self.folder], home=home), home
        self.template = write_template(root / "template.ipynb")

    def launch(self):
        self.queue.launch(runner=RUNNER, template=str(self.template))

    def launch_to_the_middle(self):
        self.launch()
        self.wait_for_the_middle()

    def wait_for_the_middle(self):
        """Wait until one member has ended its second turn and another is taking its own."""
        first = wait_for(self.training_the_second, timeout=self.patience_s)[0]
        (first.path / "go").touch()
        wait_for(
            lambda: self.n_ended == MEMBERS + 1 and self.training_the_second(),
            timeout=self.patience_s,
        )

    def training_the_second(self):
        return [m for m in self.training() if "1" in _lines(m, "starts.txt")]

    @property
    def n_ended(self):
        return sum(len(self.ends(m)) for m in range(MEMBERS))

    def training(self):
        return [m for m in self.members if read_status(m).state is RunState.TRAINING]

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
        for member in self.members:
            (member.path / "go").touch()
        if not self.state.is_active:
            self.launch()
        wait_for(lambda: not self.state.is_active, timeout=2 * self.patience_s)
        status = self.queue.states()[0]
        assert status.state is RunState.DONE, status.reason
        assert tables_of(self.folder) == undisturbed
        assert [self.ends(m) for m in range(MEMBERS)] == [["0", "1", "2"]] * MEMBERS
        assert self.folder.best.done.exists()
        assert "population" in self.folder.notebook.read_text()
        self.launch()
        wait_for(lambda: not list(self.home.batches.glob("*.json")))
        wait_for(lambda: not self.processes())


def _lines(member, name):
    path = member.path / name
    return path.read_text().split() if path.exists() else []


@pytest.fixture
def rig(tmp_path, home):
    rig = Rig(tmp_path, home)
    yield rig
    for process in rig.processes():
        process.kill()


def test_a_population_trains_through_the_queue_and_its_winner_is_an_ordinary_run(rig, undisturbed):
    rig.launch_to_the_middle()
    progress = rig.queue.states()[0].progress
    assert (progress["generation"], progress["members"]) == (1, MEMBERS)
    rig.finish(undisturbed)
    assert read_status(rig.folder.best).state is RunState.DONE
    assert rig.folder.best.notebook.exists()


def test_a_driver_that_is_killed_is_followed_by_one_that_goes_on(rig, undisturbed):
    rig.launch_to_the_middle()
    before = rig.driver()
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: rig.driver() not in (None, before))
    rig.finish(undisturbed)


def test_a_turn_that_is_killed_is_taken_again(rig, undisturbed):
    rig.launch_to_the_middle()
    member = rig.training_the_second()[0]
    os.kill(read_holder(member).pid, signal.SIGKILL)
    rig.finish(undisturbed)


def test_when_the_server_is_killed_the_next_one_goes_on_with_the_population(rig, undisturbed):
    rig.launch_to_the_middle()
    os.kill(rig.home.server_process().pid, signal.SIGKILL)
    wait_for(lambda: not rig.processes())
    assert not rig.state.is_active
    rig.finish(undisturbed)


def test_everything_killed_at_once_and_launched_again(rig, undisturbed):
    rig.launch_to_the_middle()
    server = rig.home.server_process().pid
    for pid in [server, *(p.pid for p in rig.processes())]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait_for(lambda: not rig.processes())
    rig.finish(undisturbed)


def test_a_population_moved_to_another_place_goes_on_there(rig, undisturbed, tmp_path):
    rig.launch_to_the_middle()
    rig.queue.cancel()
    wait_for(lambda: not rig.processes())
    moved = Path(tmp_path / "elsewhere")
    os.rename(tmp_path / "runs", moved)
    again = Rig.__new__(Rig)
    again.folder = type(rig.folder)(moved / rig.folder.path.relative_to(tmp_path / "runs"))
    again.members = [again.folder.member(m) for m in range(MEMBERS)]
    again.queue, again.home = Queue([again.folder], home=rig.home), rig.home
    again.template = rig.template
    again.finish(undisturbed)


def test_a_paused_population_trains_nothing_and_goes_on_when_it_may(rig, undisturbed):
    rig.launch_to_the_middle()
    rig.queue.pause()
    wait_for(lambda: not rig.processes())
    for member in rig.members:
        (member.path / "go").touch()
    assert rig.n_ended == MEMBERS + 1
    assert rig.state is RunState.QUEUED
    rig.queue.resume()
    rig.finish(undisturbed)


def test_a_cancelled_population_ends_with_its_members_and_can_be_launched_again(rig, undisturbed):
    rig.launch_to_the_middle()
    rig.queue.cancel()
    wait_for(lambda: not rig.processes())
    wait_for(lambda: rig.state is RunState.CANCELLED)
    wait_for(lambda: not list(rig.home.batches.glob("*.json")))
    assert not any(read_status(m).state.is_active for m in rig.members)
    rig.finish(undisturbed)


def test_a_turn_that_fails_once_is_taken_again(rig, undisturbed):
    (rig.members[1].path / "behaviour.json").write_text(json.dumps({"fail": [0]}))
    for member in rig.members:
        (member.path / "go").touch()
    rig.launch()
    rig.finish(undisturbed)
    assert (rig.members[1].path / "failed").exists()
