"""A population whose generations train as one program in the real queue, with a toy for a model."""

import os
import signal

import pytest

from lfads_nb.queue import packing
from lfads_nb.queue.api import Queue
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.run_lock import read_holder
from lfads_nb.queue.status import read_status
from lfads_nb.queue.turn_runner import MODULE as TURN_RUNNER
from tests.queue.populations import make_population, tables_of
from tests.queue.test_population_driver import drive
from tests.queue.test_population_faults import GENERATIONS, MEMBERS, Rig

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]


class PackedRig(Rig):
    """Its members' turns go as one program."""

    def launch(self):
        self.queue.launch(
            runner=TURN_RUNNER,
            pack=8,
            pack_runner="tests.queue.toy_turn_pack",
            template=str(self.template),
        )


@pytest.fixture
def rig(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "find_spec", lambda name: name)  # as if JAX were installed
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})
    rig = PackedRig.make(tmp_path, home)
    data = tmp_path / "data.h5"
    data.touch()
    for member in rig.members:
        member.input_file("ds").symlink_to(data)
    yield rig
    Queue([], home=home).stop_server()
    for process in rig.processes():
        process.kill()


def packs(member):
    """How many were taken together, for each time that the member was."""
    return [int(n) for n in (member.path / "packs.txt").read_text().split()]


def test_generations_train_as_one_program_and_go_on_when_it_is_killed(rig, tmp_path):
    folder = make_population(tmp_path / "undisturbed", generations=GENERATIONS)
    drive(folder)

    rig.launch_to_the_middle()
    left = rig.training(1)
    assert len(left) == 1  # the toy takes one after the other
    (holder,) = {read_holder(m).pid for m in rig.members if read_holder(m) is not None}
    assert read_status(left[0]).place.startswith(f"{MEMBERS} in one program on ")
    os.kill(holder, signal.SIGKILL)
    rig.finish(tables_of(folder))

    # All generations went as a whole; what was whole when the process died was not asked again.
    n = [packs(member) for member in rig.members]
    assert [each.count(MEMBERS - 1) for each in n] == [0, 1, 1, 1]
    whole = [GENERATIONS, GENERATIONS, GENERATIONS - 1, GENERATIONS - 1]
    assert [each.count(MEMBERS) for each in n] == whole
