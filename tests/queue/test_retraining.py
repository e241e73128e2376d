"""Training again what is done: whatever happens, what it had made before is whole somewhere."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lfads_nb.errors import QueueError
from lfads_nb.queue.api import Queue
from lfads_nb.queue.batches import LaunchOptions
from lfads_nb.queue.ends import record_end
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.retraining import ask_to_retrain, bring_back, read_retraining
from lfads_nb.queue.runner_process import EXIT_CODES
from lfads_nb.queue.status import RunState, RunStatus, move_status, read_status, write_status
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.more_epochs import MoreEpochs
from tests.queue.tiny_runs import (
    leave_outputs,
    make_run_folder,
    start_runner,
    wait_for,
    write_template,
)

RETRAINING = pytest.mark.parametrize("options", [["--rerun"], ["--more-epochs=5"]])
ALL = ("training", "sampling", "exporting")

TRAINING = """
import time
def train(run, params, datasets):
    note(run, 'from ' + (run.output / 'who').read_text() if run.output.exists() else 'from nothing')
    leave_checkpoint(run)
    (run.output / 'who').write_text('the second')
    END
run_stage(run_dir, 'training', train)
"""


@pytest.fixture
def done(folder):
    """A run that is done, with outputs that can be told from others."""
    leave_outputs(folder)
    (folder.output / "who").write_text("the first")
    (folder.output / "lfads_log").mkdir()
    (folder.output / "lfads_log" / "events").write_text("...")
    folder.notebook.write_text("the first report")
    write_status(folder, RunStatus(RunState.DONE, finished_stages=ALL, training_end="at its end"))
    folder.done.touch()
    return folder


def run(folder, template, *options):
    return start_runner(folder, template, *options).wait(timeout=90)


def killed(folder, into, *options):
    """Return the run as it was left by deaths before each change, and as begun again after."""
    command = [sys.executable, "-m", "tests.queue.killed_begin", str(folder.path), str(into)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([*command, *options], env=environment, check=True, stdout=subprocess.DEVNULL)
    pairs = sorted(into.iterdir(), key=lambda path: int(path.name))
    return [(RunFolder(pair / "died"), RunFolder(pair / "again")) for pair in pairs]


def whole_first(folder):
    """Where the outputs of the first training are whole."""
    names = {"who", "model_params", "lfads_log", "lfads_vae-1.weights.h5"}
    for output in (folder.output, folder.earlier_output):
        there = {path.name for path in output.iterdir()} if output.exists() else set()
        if names <= there and (output / "who").read_text() == "the first" and len(there) == 6:
            return output
    return None


def template_that(tmp_path, end="pass", **stages):
    training = TRAINING.replace("END", end)
    return write_template(tmp_path / "t.ipynb", **{"training": training, **stages})


@RETRAINING
@pytest.mark.processes
def test_a_rerun_that_is_killed_at_any_moment_has_lost_nothing(done, tmp_path, options):
    deaths = killed(done, tmp_path / "deaths", *options)
    for n, (died, again) in enumerate(deaths):
        assert whole_first(died), f"nothing is whole after a death before change {n}"
        if not died.done.exists():
            assert read_status(died).finished_stages == ()
        # Begun again without a word of the rerun, it goes on with what was asked of it.
        assert whole_first(again), f"nothing is whole when begun again after change {n}"
        if died.retraining_json.exists():
            assert whole_first(again) == again.earlier_output
            assert read_retraining(again).begun
            assert not again.done.exists()
            assert (MoreEpochs.read(again.output) is None) == ("--rerun" in options)
    assert len(deaths) > 8
    assert whole_first(deaths[-1][0]) == deaths[-1][0].earlier_output


@RETRAINING
@pytest.mark.processes
def test_undoing_a_rerun_that_is_killed_at_any_moment_has_lost_nothing(done, tmp_path, options):
    begun, _ = killed(done, tmp_path / "deaths", *options)[-1]
    deaths = killed(begun, tmp_path / "undone", "--undo")
    for n, (died, again) in enumerate(deaths):
        assert whole_first(died), f"nothing is whole after a death before change {n}"
        assert whole_first(again) == again.output
    assert len(deaths) > 5
    assert deaths[-1][0].done.exists()


@pytest.mark.processes
@pytest.mark.parametrize(
    "is_there",
    [
        lambda run: run.done.exists() and read_status(run).finished_stages == (),
        lambda run: not run.done.exists() and not run.earlier_output.exists(),
        lambda run: run.earlier_output.exists(),
    ],
    ids=["status", "mark", "renamed"],
)
def test_a_rerun_killed_in_its_swap_and_launched_again_plainly_is_not_done_without_outputs(
    done, tmp_path, is_there
):
    left = next(died for died, _ in killed(done, tmp_path / "deaths", "--rerun") if is_there(died))
    assert run(left, template_that(tmp_path)) == 0
    assert (left.path / "trained.txt").read_text() == "from nothing\n"
    assert (left.output / "who").read_text() == "the second"
    assert left.done.exists()
    assert not left.earlier_output.exists()
    assert read_retraining(left) is None


@pytest.mark.processes
def test_outputs_deleted_by_hand_in_a_run_marked_done_are_made_again(done, tmp_path):
    queue = Queue([done], home=QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")}))
    template = template_that(tmp_path)
    assert not queue.states()[0].reason
    shutil.rmtree(done.output)
    assert "its outputs were deleted; launch it again" in queue.states()[0].reason
    queue.launch(template=str(template))
    try:
        wait_for(lambda: queue.states()[0].attempt == 1 and queue.states()[0].state.is_ended)
    finally:
        queue.stop_server()
    assert queue.states()[0].state is RunState.DONE
    assert (done.path / "trained.txt").read_text() == "from nothing\n"
    # Only the posterior means: the training is not repeated.
    assert not queue.states()[0].reason
    done.posterior_means("ds", "train").unlink()
    assert run(done, template) == 0
    assert done.posterior_means("ds", "train").exists()
    assert (done.path / "trained.txt").read_text() == "from nothing\n"


@pytest.mark.processes
def test_a_notebook_that_leaves_no_outputs_is_not_done_and_deletes_no_older_ones(done, tmp_path):
    nothing = "run_stage(run_dir, 'sampling', lambda run, params, datasets: None)"
    assert run(done, template_that(tmp_path, sampling=nothing), "--rerun") == 1
    assert read_status(done).reason == (
        "the notebook ended, but model_runs_ds.h5_train_posterior_sample_and_average in "
        "lfadsOutput is missing or cannot be opened; what it had made before is in "
        "lfadsOutput_before"
    )
    assert whole_first(done) == done.earlier_output


@RETRAINING
@pytest.mark.processes
def test_what_a_run_had_made_before_is_back_when_its_rerun_is_cancelled(done, tmp_path, options):
    runner = start_runner(done, template_that(tmp_path, "time.sleep(600)"), *options)
    wait_for(lambda: (done.path / "trained.txt").exists())
    runner.send_signal(signal.SIGINT)
    assert runner.wait(timeout=90) == EXIT_CODES[RunState.CANCELLED]
    status = read_status(done)
    assert status.state is RunState.DONE
    assert status.reason.endswith("was cancelled; what it had made before is in place again")
    assert (status.finished_stages, status.training_end) == (ALL, "at its end")
    assert whole_first(done) == done.output
    assert not done.earlier_output.exists()
    assert done.notebook.read_text() == "the first report"
    assert done.done.exists()
    assert not list(done.path.glob(".*"))


@RETRAINING
@pytest.mark.processes
def test_what_a_run_had_made_before_comes_back_by_one_word_when_its_rerun_failed(
    done, tmp_path, options
):
    assert run(done, template_that(tmp_path, "1 / 0"), *options) == 1
    assert "what it had made before is in lfadsOutput_before" in read_status(done).reason
    assert bring_back(done).state is RunState.DONE
    assert whole_first(done) == done.output
    assert done.notebook.read_text() == "the first report"
    with pytest.raises(QueueError, match="nothing to bring back"):
        bring_back(done)


@pytest.mark.processes
def test_more_epochs_go_on_from_a_copy_without_outputs_of_older_weights(done, tmp_path):
    seen = "print(sorted(p.name for p in run.output.iterdir()), flush=True)"
    assert run(done, template_that(tmp_path, seen), "--more-epochs=7") == 0
    assert (done.path / "trained.txt").read_text() == "from the first\n"
    names = ["lfads_log", "lfads_vae-1.weights.h5", "more_epochs.json", "who"]
    assert str(names) in done.log.read_text()
    assert MoreEpochs.read(done.output) == MoreEpochs(7)
    assert not done.earlier_output.exists()
    # The next ones count from there; training afresh forgets them.
    assert run(done, template_that(tmp_path), "--more-epochs=2") == 0
    assert MoreEpochs.read(done.output) == MoreEpochs(2)
    assert run(done, template_that(tmp_path), "--rerun") == 0
    assert MoreEpochs.read(done.output) is None


@pytest.mark.processes
def test_more_epochs_on_a_disk_that_is_too_full_for_the_copy(small_disk, tmp_path):
    folder = make_run_folder(small_disk / "runs")
    leave_outputs(folder)
    free = shutil.disk_usage(small_disk).free
    (folder.output / "lfads_log").write_bytes(b"x" * int(0.6 * free))
    folder.done.touch()
    assert run(folder, template_that(tmp_path), "--more-epochs=7") == 1
    assert "no room for" in read_status(folder).reason
    assert not folder.output.exists()
    assert len(list(folder.earlier_output.iterdir())) == 5
    bring_back(folder)
    assert len(list(folder.output.iterdir())) == 5
    assert folder.done.exists()


# ------------------------------------------------------------------------ without any process


def test_a_rerun_that_is_cancelled_before_it_starts_leaves_the_run_done(done):
    ask_to_retrain(done, "afresh")
    move_status(done, RunState.QUEUED)
    record_end(done, RunState.CANCELLED, "it was cancelled before it started")
    status = read_status(done)
    assert (status.state, status.reason) == (RunState.DONE, "training afresh was cancelled")
    assert read_retraining(done) is None
    assert whole_first(done) == done.output


def test_more_epochs_of_a_run_whose_checkpoints_were_deleted(done, tmp_path):
    (done.output / "lfads_vae-1.weights.h5").unlink()
    queue = Queue([done], home=QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")}))
    with pytest.raises(QueueError, match=r"last checkpoint, and these have none: single__param_"):
        queue.launch(more_epochs=5)
    assert read_status(done).state is RunState.DONE


@pytest.mark.parametrize("options", [{"rerun": True}, {"mode": "posterior_mean_only"}])
def test_choices_that_exclude_each_other(options):
    with pytest.raises(QueueError, match="exclude each other"):
        LaunchOptions(more_epochs=3, **options)
    with pytest.raises(QueueError, match="more_epochs must be 0 or more"):
        LaunchOptions(more_epochs=-1)


def test_a_damaged_record_of_a_retraining_asks_for_nothing(done):
    for text in ("", "[]", '{"schema": 1, "kind": "afresh"}', '{"schema": 9}', "{" * 10**5):
        done.retraining_json.write_text(text)
        assert read_retraining(done) is None


def test_outputs_set_aside_by_an_older_version_can_be_brought_back(done):
    done.output.rename(done.earlier_output)
    done.done.unlink()
    write_status(done, RunStatus(RunState.FAILED, finished_stages=("training",)))
    assert bring_back(done).finished_stages == ALL
    assert whole_first(done) == done.output
