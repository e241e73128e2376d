import json
import os
import signal

import nbformat
import pytest

from lfads_nb.queue.runner_process import EXIT_TAKEN
from lfads_nb.queue.status import RunState, read_status
from tests.queue.tiny_runs import (
    make_run_folder,
    marked_processes,
    start_runner,
    wait_for,
    write_template,
)

pytestmark = pytest.mark.processes


def run(folder, template, *options):
    return start_runner(folder, template, *options).wait(timeout=90)


def test_a_run_goes_through_its_stages_to_done(folder, template):
    assert run(folder, template) == 0
    status = read_status(folder)
    assert status.state is RunState.DONE
    assert status.finished_stages == ("training", "sampling", "exporting")
    assert folder.done.exists()
    assert {"started", "training", "sampling", "exporting", "done", "ended"} <= set(status.times)
    assert "attempt 1" in folder.log.read_text()
    notebook = nbformat.read(folder.notebook, as_version=4)
    assert "single" in notebook.cells[0].source
    assert not marked_processes(folder)


def test_a_stage_that_raises_is_named_and_finished_stages_are_not_done_again(folder, tmp_path):
    broken = write_template(
        tmp_path / "broken.ipynb",
        sampling="def bad(run, params, datasets): raise ValueError('no <b>samples</b>')\n"
        "run_stage(run_dir, 'sampling', bad)",
    )
    assert run(folder, broken) == 1
    status = read_status(folder)
    assert status.state is RunState.FAILED
    assert status.reason == "sampling failed: ValueError: no <b>samples</b>"
    assert "cell 5 of run.ipynb" in status.detail
    assert not folder.done.exists()
    banner = nbformat.read(folder.notebook, as_version=4).cells[1].source
    assert "This run failed" in banner
    assert "<b>" not in banner

    assert run(folder, write_template(tmp_path / "mended.ipynb")) == 0
    assert (folder.path / "trained.txt").read_text() == "trained\n"
    assert read_status(folder).attempt == 2
    assert folder.log.read_text().count("attempt") == 2


def test_training_afresh_what_is_done_keeps_its_outputs_until_the_new_ones_are_whole(
    folder, tmp_path
):
    train = (
        "from lfads_nb.sweep.progress import TrainSummary\n"
        "def train(run, params, datasets):\n"
        "    run.output.mkdir(exist_ok=True)\n"
        "    note(run, f'{len(list(run.output.iterdir()))} files of an earlier training')\n"
        "    (run.output / 'checkpoint').write_text(WHICH)\n"
        "    leave_checkpoint(run)\n"
        "    return TrainSummary(40, 80, 'max_epochs=40 reached', 39, 1.0, 1.0, 10)\n"
        "run_stage(run_dir, 'training', train)"
    )
    broken = (
        "def bad(run, params, datasets): raise ValueError()\nrun_stage(run_dir, 'sampling', bad)"
    )
    first = write_template(tmp_path / "1.ipynb", training=train.replace("WHICH", "'first'"))
    failing = write_template(
        tmp_path / "2.ipynb", training=train.replace("WHICH", "'second'"), sampling=broken
    )
    assert run(folder, first) == 0
    assert read_status(folder).training_end == (
        "max_epochs=40 reached, while the validation cost was still falling"
    )
    assert run(folder, failing, "--rerun") == 1
    status = read_status(folder)
    assert status.reason == (
        "sampling failed: ValueError: it came without a message; what it had made before is in "
        "lfadsOutput_before"
    )
    assert (folder.earlier_output / "checkpoint").read_text() == "first"
    assert (folder.output / "checkpoint").read_text() == "second"
    # What is not done goes on, and is not trained once more.
    assert run(folder, first, "--rerun") == 0
    assert (folder.output / "checkpoint").read_text() == "second"
    assert not folder.earlier_output.exists()
    assert (folder.path / "trained.txt").read_text().splitlines() == [
        "0 files of an earlier training"
    ] * 2


def test_a_picture_of_a_template_of_the_user_s_own_fails_no_run(folder, tmp_path):
    drawing = "run_stage(run_dir, 'exporting', leave_weights)\n1 / 0  # a picture"
    assert run(folder, write_template(tmp_path / "t.ipynb", exporting=drawing)) == 0
    status = read_status(folder)
    assert status.state is RunState.DONE
    assert status.reason == "a cell of its report failed: ZeroDivisionError: division by zero"
    assert folder.done.exists()
    banner = nbformat.read(folder.notebook, as_version=4).cells[1].source
    assert "its report is not" in banner
    assert "ZeroDivisionError" in banner


def test_a_matplotlib_backend_that_is_not_there_leaves_a_run_alone(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    drawing = "from lfads_nb.results import report\nrun_stage(run_dir, 'sampling', leave_means)"
    assert run(folder, write_template(tmp_path / "t.ipynb", sampling=drawing)) == 0


def test_a_folder_with_braces_in_its_name_is_only_a_folder(tmp_path, template):
    folder = make_run_folder(tmp_path / "runs {} {run_dir} {x")
    assert run(folder, template) == 0
    assert nbformat.read(folder.notebook, as_version=4).cells


def test_sampling_alone_needs_a_trained_model(folder, template):
    mode = "--mode=posterior_mean_only"
    assert run(folder, template, mode) == 1
    assert "its training has not ended" in read_status(folder).reason
    assert run(folder, template) == 0
    assert run(folder, template, mode) == 0
    assert (folder.path / "trained.txt").read_text() == "trained\n"
    assert read_status(folder).state is RunState.DONE


def test_a_received_run_whose_outputs_are_a_link_to_another_run_s_changes_nothing_there(
    folder, template, tmp_path
):
    mine = make_run_folder(tmp_path / "mine")
    mine.output.mkdir()
    mine.fit_log.write_text("of mine")
    folder.output.symlink_to(mine.output)
    assert run(folder, template) == 1
    assert read_status(folder).state is RunState.FAILED
    assert f"link to the outputs of another run ({mine.path})" in read_status(folder).reason
    assert [path.name for path in mine.output.iterdir()] == [mine.fit_log.name]
    folder.output.unlink()
    elsewhere = tmp_path / "another disk"
    elsewhere.mkdir()
    folder.output.symlink_to(elsewhere)
    assert run(folder, template) == 0
    assert list(elsewhere.iterdir())


def test_cancelling_saves_the_notebook_and_leaves_no_process(folder, tmp_path):
    slow = write_template(
        tmp_path / "slow.ipynb",
        training="import os, time, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('here', 'I am', flush=True); os.system('echo from C')\n"
        "def train(run, params, datasets): time.sleep(600)\n"
        "run_stage(run_dir, 'training', train)",
    )
    runner = start_runner(folder, slow)
    wait_for(lambda: "here I am" in folder.log.read_text() if folder.log.exists() else False)
    wait_for(lambda: read_status(folder).stage == "training")
    runner.send_signal(signal.SIGINT)
    assert runner.wait(timeout=90) == 3
    assert read_status(folder).state is RunState.CANCELLED
    assert not marked_processes(folder)
    text = json.dumps(nbformat.read(folder.notebook, as_version=4))
    assert "here I am" in text
    assert folder.log.read_text().count("here I am") == 1
    assert folder.log.read_text().count("from C") == 1
    assert "was cancelled" in text


def test_a_killed_kernel_is_a_failure_that_says_so(folder, tmp_path):
    dying = write_template(
        tmp_path / "dying.ipynb",
        training="import os, signal\nos.system('echo last words')\n"
        "os.kill(os.getpid(), signal.SIGKILL)",
    )
    assert run(folder, dying) == 1
    assert "killed (signal 9)" in read_status(folder).reason
    assert "last words" in read_status(folder).detail
    assert "last words" in nbformat.read(folder.notebook, as_version=4).cells[1].source


def test_a_killed_runner_takes_its_kernel_along(folder, tmp_path):
    slow = write_template(
        tmp_path / "slow.ipynb",
        training="import time\ndef train(run, params, datasets): time.sleep(600)\n"
        "run_stage(run_dir, 'training', train)",
    )
    runner = start_runner(folder, slow)
    wait_for(lambda: read_status(folder).stage == "training")
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait()
    wait_for(lambda: not marked_processes(folder))


def test_two_runners_never_work_on_one_run(folder, tmp_path, capfd):
    slow = write_template(
        tmp_path / "slow.ipynb",
        training="import time\ndef train(run, params, datasets): time.sleep(3); note(run, 'x')\n"
        "run_stage(run_dir, 'training', train)",
    )
    runners = [start_runner(folder, slow) for _ in range(2)]
    assert sorted(r.wait(timeout=90) for r in runners) == [0, EXIT_TAKEN]
    told = [line for line in capfd.readouterr().err.splitlines() if "worked on" in line]
    winner = next(r for r in runners if r.returncode == 0)
    assert len(told) == 1
    assert f"process {winner.pid}" in told[0]
    assert (folder.path / "trained.txt").read_text() == "x\n"


def test_a_run_that_is_done_stays_done_when_another_attempt_cannot_start(folder, template):
    assert run(folder, template) == 0
    runner = start_runner(folder, template, "--device", "99")
    assert runner.wait(timeout=90) == 1
    status = read_status(folder)
    assert status.state is RunState.DONE
    assert "no device '99'" in status.reason
