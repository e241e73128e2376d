"""A run on a host that lost its power is not shown as training for minutes, whatever its clock."""

import json
import os
import time

import pytest

from lfads_nb.queue import ends, run_lock, signs_of_life
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.reading import StatusReader, current_status
from lfads_nb.queue.run_lock import RunLock, is_worked_on, lock_path
from lfads_nb.queue.signs_of_life import SILENT_S, SignsOfLife, time_of_file_system
from lfads_nb.queue.status import RunState, RunStatus, read_status, write_status


class Clocks:
    """A steady clock, this host's, and the file system's, of which the last two may differ."""

    def __init__(self, *, skew_s=0.0):
        self.now, self.skew_s, self.n_probes = 1000.0, skew_s, 0

    def signs(self):
        return SignsOfLife(
            clock=lambda: self.now, wall=lambda: self.now + self.skew_s, folder_time=self._probe
        )

    def _probe(self, folder):
        self.n_probes += 1
        return self.now

    def touch(self, path):
        path.touch()
        os.utime(path, (self.now, self.now))


@pytest.fixture
def lock(tmp_path):
    return tmp_path / ".lfads.lock"


def test_a_lock_that_is_touched_is_alive_and_no_file_is_made_for_that(lock):
    clocks = Clocks()
    signs = clocks.signs()
    for _ in range(30):
        clocks.touch(lock)
        clocks.now += 10
        assert signs.silence_s(lock) <= 10
    assert clocks.n_probes == 0


def test_one_that_stands_still_is_silent_for_as_long(lock):
    clocks = Clocks()
    signs = clocks.signs()
    clocks.touch(lock)
    assert signs.silence_s(lock) == 0
    clocks.now += SILENT_S + 1
    assert signs.silence_s(lock) == SILENT_S + 1


def test_a_view_that_is_opened_later_knows_at_once(lock):
    clocks = Clocks()
    clocks.touch(lock)
    clocks.now += 500
    assert clocks.signs().silence_s(lock) == 500


@pytest.mark.parametrize("skew_s", [-3600.0, 3600.0, 200.0])
def test_a_clock_that_is_wrong_makes_no_living_run_silent(lock, skew_s):
    clocks = Clocks(skew_s=skew_s)
    signs = clocks.signs()
    for _ in range(5):
        clocks.touch(lock)
        assert signs.silence_s(lock) == 0
        clocks.now += 10


def test_a_clock_that_hides_the_silence_is_found_out_in_a_minute(lock):
    clocks = Clocks(skew_s=-300.0)
    clocks.touch(lock)
    clocks.now += 300
    signs = clocks.signs()
    assert signs.silence_s(lock) == 0
    clocks.now += SILENT_S
    assert signs.silence_s(lock) == SILENT_S


def test_no_lock_tells_nothing(lock):
    assert Clocks().signs().silence_s(lock) == 0


def test_the_file_system_tells_the_time_and_nothing_is_left(tmp_path):
    assert abs(time_of_file_system(tmp_path) - time.time()) < 60
    assert not list(tmp_path.iterdir())
    assert time_of_file_system(tmp_path / "nowhere") is None


@pytest.fixture
def left_behind(folder, monkeypatch):
    """A run whose host was last seen five minutes ago."""
    monkeypatch.setattr(signs_of_life, "shared_signs", SignsOfLife())
    monkeypatch.setattr(run_lock, "shared_signs", signs_of_life.shared_signs)
    monkeypatch.setattr(ends, "shared_signs", signs_of_life.shared_signs)
    who = {"pid": 1, "started": 1.0, "host": "node7", "attempt": "a"}
    lock_path(folder).write_text(json.dumps(who))
    status = RunStatus(
        RunState.TRAINING, stage="training", pid=1, pid_started=1.0, host="node7", attempt_id="a"
    )
    write_status(folder, status)
    old = time.time() - 300
    os.utime(lock_path(folder), (old, old))
    return folder


def test_every_view_tells_it_and_none_writes_it_down(left_behind, tmp_path):
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})
    for status in (current_status(left_behind), *StatusReader([left_behind], home).read()):
        assert status.state is RunState.INTERRUPTED
        assert "no sign of life from node7 for 5 min; launch it again" in status.reason
    assert read_status(left_behind).state is RunState.TRAINING
    assert not is_worked_on(left_behind)


def test_one_that_beats_is_training(left_behind):
    lock_path(left_behind).touch()
    assert current_status(left_behind).state is RunState.TRAINING
    assert is_worked_on(left_behind)


def test_it_is_taken_over_after_one_beat_missed_and_not_after_a_minute(left_behind):
    waited = []
    with RunLock(left_behind, sleep=waited.append):
        pass
    assert waited == [15.0]


def test_one_that_was_touched_just_now_is_watched_for_a_minute(left_behind):
    lock_path(left_behind).touch()
    waited = []
    with RunLock(left_behind, sleep=waited.append):
        pass
    assert len(waited) == 1
    assert 50 < waited[0] <= SILENT_S


def test_a_run_that_another_login_node_queued_is_not_called_forgotten(folder, tmp_path):
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})
    write_status(folder, RunStatus(RunState.QUEUED, host="login2"))
    reader = StatusReader([folder], home, clock=lambda: time.time() + 1000)
    reader.read()
    assert reader.waits() == [
        "waits in the queue of login2: ask there, or cancel it and launch it here"
    ]
    assert not reader.is_stalled
