"""A sweep that is halved: what a launch writes, and what becomes of the runs."""

import json
import os
import signal

import pytest

from lfads_nb.errors import QueueError
from lfads_nb.queue.api import Queue
from lfads_nb.queue.batches import Batch, LaunchOptions
from lfads_nb.queue.halving_orders import order_halving
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.marking import is_wanted
from lfads_nb.queue.rungs import RungJudge, is_stopped_early
from lfads_nb.queue.status import LEGAL_MOVES, RunState, move_status
from lfads_nb.sweep.halving import Halving, HalvingOrder, Rung, add_rung, read_rungs, why_stopped
from tests.queue.tiny_runs import make_run_folder, marked_processes, wait_for, write_template
from tests.queue.toy_halving import PARAMS, TRAINING, make_sweep


def launched(folders, **options):
    order_halving(folders, folders, LaunchOptions(**options))


# ------------------------------------------------------------------------------ what is written


def test_the_first_rung_lies_behind_the_ramps_unless_it_is_chosen(tmp_path):
    folders = make_sweep(tmp_path, [1, 2, 3])
    launched(folders, halving=True)
    orders = [HalvingOrder.read(folder) for folder in folders]
    assert {order.rule for order in orders} == {Halving(first_epoch=2 + 25)}
    assert [peer.resolve() for peer in orders[1].peers] == [folders[0].path, folders[2].path]
    launched(folders, halving=Halving(3, 3))
    assert HalvingOrder.read(folders[0]).rule.first_epoch == 3


def test_a_rung_within_the_ramps_is_refused_and_nothing_written(tmp_path):
    folders = make_sweep(tmp_path, [1, 2, 3])
    with pytest.raises(QueueError, match=r"after 2 epochs lies within the ramps.*first_epoch=27"):
        launched(folders, halving=Halving(3, 2))
    assert not any(folder.halving_json.exists() for folder in folders)


def test_only_runs_on_the_same_data_are_compared(tmp_path):
    first, second = make_sweep(tmp_path / "a", [1, 2, 3]), make_sweep(tmp_path / "b", [1, 2, 3])
    launched([*first, *second], halving=Halving(3, 3))
    peers = {peer.resolve() for peer in HalvingOrder.read(first[0]).peers}
    assert peers == {first[1].path, first[2].path}
    with pytest.raises(QueueError, match="has 1 of them, less than the factor 3"):
        launched([*first, second[0]], halving=Halving(3, 3))


def test_a_score_that_the_runs_do_not_log_is_refused(tmp_path):
    with pytest.raises(QueueError, match="select_by='bps'"):
        launched(make_sweep(tmp_path, [1, 2, 3]), halving=Halving(3, 3, "bps"))


@pytest.mark.parametrize(
    "options", [{"more_epochs": 5}, {"go_on": True}, {"mode": "posterior_mean_only"}]
)
def test_options_that_contradict_halving_are_refused(options):
    with pytest.raises(QueueError, match="halving is for runs that train from their beginning"):
        LaunchOptions(halving=True, **options)
    with pytest.raises(QueueError, match="not 'yes'"):
        LaunchOptions(halving="yes")


def test_a_launch_file_keeps_the_rule(tmp_path):
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path)})
    batch = Batch.new([tmp_path], LaunchOptions(halving=Halving(4, 30, "co_bps"), go_on=False))
    home.batches.mkdir(parents=True, exist_ok=True)
    batch.save(home)
    assert Batch.load(home.batches / f"{batch.key}.json") == batch


# ---------------------------------------------------------------------------------- a decision


def log_costs(folder, *costs):
    folder.output.mkdir(exist_ok=True)
    lines = [
        f"epoch,{i}, step,{i}, total,9,9, recon,9,{cost}, kl,0,0, l2,0, klweight,1, l2weight,1\n"
        for i, cost in enumerate(costs)
    ]
    folder.fit_log.write_text("".join(lines))


def test_a_decision_stands_whatever_comes_later(tmp_path):
    folders = make_sweep(tmp_path, [1, 2, 3])
    launched(folders, halving=Halving(2, 3))
    log_costs(folders[0], 8, 8, 7)
    assert RungJudge.of(folders[0])(3) == ""
    log_costs(folders[1], 9, 9, 9)
    lost = RungJudge.of(folders[1])(3)
    assert lost.startswith("stopped early after 3 epochs: place 2 of 2 by validation likelihood")
    assert why_stopped(folders[1]) == lost
    written = folders[1].rungs_json.read_bytes()
    log_costs(folders[1], 1, 1, 1)  # a worse one or a better one: it was decided
    assert RungJudge.of(folders[1])(3) == RungJudge.of(folders[1])(4) == lost
    assert folders[1].rungs_json.read_bytes() == written
    assert RungJudge.of(folders[0])(3) == ""


def test_a_peer_that_is_gone_or_damaged_does_not_count(tmp_path):
    folders = make_sweep(tmp_path, [1, 2, 3])
    launched(folders, halving=Halving(2, 3))
    folders[0].output.mkdir()
    folders[0].rungs_json.write_text("{")
    for path in sorted(folders[1].path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    log_costs(folders[2], 5, 5, 5)
    assert RungJudge.of(folders[2])(3) == ""
    assert read_rungs(folders[2]) == [Rung(3, 5.0, 1, 1, goes_on=True)]


def stopped(folder):
    folder.output.mkdir(exist_ok=True)
    add_rung(folder, Rung(3, 5.0, 2, 2, goes_on=False))
    for state in (RunState.TRAINING, RunState.STOPPED_EARLY):
        move_status(folder, state)


def test_what_was_stopped_is_left_alone_until_it_is_told_to_go_on(tmp_path):
    folders = make_sweep(tmp_path, [1, 2, 3])
    launched(folders, halving=Halving(3, 3))
    stopped(folders[0])
    assert is_stopped_early(folders[0])
    assert not is_wanted(folders[0], LaunchOptions())
    assert is_wanted(folders[0], LaunchOptions(rerun=True))
    go_on = LaunchOptions(go_on=True)
    assert is_wanted(folders[0], go_on)
    order_halving(folders, folders, go_on)
    assert [folder.halving_json.exists() for folder in folders] == [False, True, True]
    launched(folders, halving=Halving(3, 3))  # what was told to go on is not judged again
    assert not is_stopped_early(folders[0])
    assert not folders[0].halving_json.exists()


def test_training_afresh_is_judged_only_if_that_is_asked_for(tmp_path):
    folders = make_sweep(tmp_path, [1, 2, 3])
    launched(folders, halving=Halving(3, 3))
    launched(folders, rerun=True)
    assert not any(folder.halving_json.exists() for folder in folders)
    launched(folders, rerun=True, halving=Halving(3, 3))
    assert all(folder.halving_json.exists() for folder in folders)


def test_stopped_early_is_an_end_but_neither_done_nor_failed():
    state = RunState.STOPPED_EARLY
    assert state.is_ended
    assert not state.is_active
    assert RunState.QUEUED in LEGAL_MOVES[state]
    assert [s for s in RunState if state in LEGAL_MOVES[s]] == [RunState.TRAINING]


# ---------------------------------------------------------------------------- real processes


@pytest.fixture
def home(tmp_path):
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})
    yield home
    Queue([], home=home).stop_server()


def ended(queue):
    wait_for(lambda: not any(status.state.is_active for status in queue.states()), 180)
    return [status.state.value for status in queue.states()]


def epochs_of(folder):
    return (folder.path / "trained.txt").read_text().split("\n")[:-1]


@pytest.mark.processes
def test_a_sweep_that_is_killed_in_between_ends_as_one_that_went_through(tmp_path, home):
    template = str(write_template(tmp_path / "template.ipynb", training=TRAINING))
    folders = make_sweep(tmp_path / "runs", [4, 6, 3], pause_s=0.2)
    queue = Queue(folders, home=home)
    queue.launch(halving=Halving(3, 3), max_tasks_simultaneously=1, template=template)
    wait_for(lambda: read_rungs(folders[2]), 180)
    server, processes = home.server_process(), marked_processes(folders[2])
    os.kill(server.pid, signal.SIGKILL)
    for process in processes:
        process.kill()
    wait_for(lambda: not server.is_alive)
    # A process that was killed is there for some moments: a launch leaves alone what it works on.
    wait_for(lambda: queue.states()[2].state is RunState.INTERRUPTED)
    queue.launch(max_tasks_simultaneously=1, template=template)
    assert ended(queue) == ["done", "stopped early", "done"]
    found = [[(r.epoch, r.place, r.n, r.goes_on) for r in read_rungs(f)] for f in folders]
    assert found == [
        [(3, 1, 1, True), (9, 1, 1, True)], [(3, 2, 2, False)], [(3, 1, 3, True), (9, 1, 2, True)],
    ]  # fmt: skip
    for folder, status in zip(folders, queue.states(), strict=True):
        n = 12 if status.state is RunState.DONE else 3
        assert epochs_of(folder) == [f"epoch {i}" for i in range(n)]
    reason = queue.states()[1].reason
    assert reason.startswith("stopped early after 3 epochs: place 2 of 2 by validation")
    assert not folders[1].done.exists()
    assert not folders[1].model_params.exists()
    report = json.loads(folders[1].notebook.read_text())
    assert "This run was stopped early." in "".join(report["cells"][1]["source"])

    assert not any(is_wanted(folder, LaunchOptions()) for folder in folders)
    assert queue.go_on([folders[1], folders[2]], template=template) == [queue.names[1]]
    assert ended(queue) == ["done"] * 3
    assert epochs_of(folders[1]) == [f"epoch {i}" for i in range(12)]


def test_a_run_without_an_order_has_no_judge(tmp_path):
    assert RungJudge.of(make_run_folder(tmp_path, **PARAMS)) is None
