import json
import subprocess
import sys
from dataclasses import asdict

import pytest

from lfads_nb.queue.processes import ProcessId
from lfads_nb.queue.run_lock import Holder, RunIsTakenError, RunLock, lock_path, read_holder


def write_holder(folder, holder):
    lock_path(folder).write_text(json.dumps(asdict(holder)))


@pytest.fixture
def other():
    """Another living process."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_a_held_run_is_refused_with_the_holder_and_free_afterwards(folder):
    with RunLock(folder):
        assert read_holder(folder) == Holder.own_of(folder)
        with pytest.raises(RunIsTakenError, match=str(ProcessId.own().pid)):
            RunLock(folder).__enter__()
    assert read_holder(folder) is None


def test_a_living_holder_keeps_its_run(folder, other):
    write_holder(folder, ProcessId.of(other.pid))
    with pytest.raises(RunIsTakenError):
        RunLock(folder).__enter__()


def test_a_dead_holder_loses_it(folder, other):
    holder = ProcessId.of(other.pid)
    other.kill()
    other.wait()
    write_holder(folder, holder)
    with RunLock(folder):
        assert read_holder(folder) == Holder.own_of(folder)


def test_a_new_process_with_the_number_of_a_dead_holder_does_not_hold_it(folder, other):
    holder = ProcessId.of(other.pid)
    write_holder(folder, ProcessId(holder.pid, holder.started - 100.0, holder.host))
    with RunLock(folder):
        pass


@pytest.mark.parametrize("content", ["", "{}", "[1", '{"pid": 1}'])
def test_a_damaged_lock_is_no_lock(folder, content):
    lock_path(folder).write_text(content)
    with RunLock(folder):
        assert read_holder(folder) == Holder.own_of(folder)


def test_a_lock_of_another_host_is_broken_only_if_it_stands_still(folder):
    write_holder(folder, ProcessId(1, 1.0, "elsewhere"))
    beaten = RunLock(folder, sleep=lambda _: lock_path(folder).touch())
    with pytest.raises(RunIsTakenError, match="elsewhere"):
        beaten.__enter__()
    with RunLock(folder, sleep=lambda _: None):
        assert read_holder(folder) == Holder.own_of(folder)
