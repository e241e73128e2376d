"""The process of a pack of turns: with a toy for a model, and once with the real one."""

import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from lfads_nb.errors import RunFolderError
from lfads_nb.queue.pack_runner import EXIT_ALONE, execute_pack
from lfads_nb.queue.packing import TURN_PACK_RUNNER, make_pack_folder, read_pack_memory
from lfads_nb.queue.processes import ATTEMPT_MARK, run_marks
from lfads_nb.queue.run_lock import read_holder
from lfads_nb.queue.runner_process import RunnerOptions
from lfads_nb.queue.status import RunState, read_status, write_status
from lfads_nb.queue.stopping import ask_to_stop
from lfads_nb.queue.turn_pack_runner import TurnMember
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.turns import TurnRequest, TurnResult
from tests.model.small_runs import small_params, write_inputs
from tests.queue.tiny_runs import make_run_folder, wait_for

ROOT = Path(__file__).parents[2]
OPTIONS = RunnerOptions(device="GPU 0", threads=1)


def ask(folder, seed):
    request = TurnRequest(folder.path, 0, {"learning_rate_init": 0.01}, 0, 1, None, seed)
    request.save()
    return request


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv(ATTEMPT_MARK, "this-attempt")
    made = [make_run_folder(tmp_path / f"member_{i}", seed=i) for i in range(4)]
    for i, folder in enumerate(made):
        ask(folder, i)
        write_status(folder, replace(read_status(folder), state=RunState.QUEUED))
    return made


def states(folders):
    return [read_status(folder).state.value for folder in folders]


def test_each_turn_of_a_pack_ends_in_its_own_way(folders):
    seen = []

    def take(members):
        seen.extend(read_status(member.folder).place for member in members)
        whole, failed, cancelled, stopped = members
        whole.end(TurnResult(0, 1, 2.0, (2.0,), False, 1.0, 0.1))
        assert read_holder(whole.folder) is None
        failed.end(RunFolderError("no whole checkpoint"))
        ask_to_stop(cancelled.folder, RunState.CANCELLED, attempt="this-attempt")
        wait_for(cancelled.should_stop)
        cancelled.end(None)
        stopped.end(None)

    assert execute_pack(folders, OPTIONS, train=take, make=TurnMember) == 0
    assert seen == ["4 in one program on GPU 0"] * 4
    assert states(folders) == ["done", "failed", "cancelled", "queued"]
    assert read_status(folders[1]).reason == "training failed: no whole checkpoint"
    assert [read_status(folder).pack for folder in folders] == [0] * 4
    assert "one program of 4 members" in folders[0].log.read_text()


def test_a_pack_of_turns_that_breaks_leaves_what_is_whole(folders):
    def take(members):
        members[0].end(TurnResult(0, 1, 2.0, (2.0,), False, 1.0, 0.1))
        raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")

    assert execute_pack(folders, OPTIONS, train=take, make=TurnMember) == EXIT_ALONE
    assert states(folders) == ["done", "queued", "queued", "queued"]


@pytest.mark.training
@pytest.mark.processes
@pytest.mark.timeout(600)
@pytest.mark.skipif(find_spec("jax") is None, reason="needs JAX: pip install 'lfads-nb[jax]'")
def test_two_members_take_their_turns_in_one_process(tmp_path):
    data, requests = write_inputs(tmp_path / "data"), []
    for seed in range(2):
        member = RunFolder(tmp_path / f"member_{seed}")
        member.input.mkdir(parents=True)
        member.input_file("one").symlink_to(data.input_file("one"))
        RunRecord("population", "one", small_params(), ("one",)).save(member)
        requests.append(ask(member, seed))
    pack = tmp_path / "pack"
    make_pack_folder(pack, [str(request.folder) for request in requests])
    ran = subprocess.run(
        [sys.executable, "-m", TURN_PACK_RUNNER, str(pack), "--device=cpu", "--threads=2"],
        cwd=ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu", **run_marks(pack, "an-attempt")},
        timeout=580,
    )
    log = RunFolder(pack).log
    assert ran.returncode == 0, log.read_text()
    first, second = map(TurnResult.of, requests)
    assert (first.epoch, second.epoch) == (1, 1)
    assert first.score != second.score
    for request in requests:
        status = read_status(RunFolder(request.folder))
        assert (status.state, status.progress["epoch"]) == (RunState.DONE, 0)
    assert read_pack_memory(pack)[1] == 2
