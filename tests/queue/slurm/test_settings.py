"""What is asked of SLURM gets into a script as it was said, or not at all."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lfads_nb.errors import QueueError
from lfads_nb.queue.batches import passed_on
from lfads_nb.queue.slurm.remembered import remember, remembered, remembered_file
from lfads_nb.queue.slurm.settings import Slurm
from lfads_nb.queue.slurm.submission import Submission, Work, jobs_folder, relative_runs
from lfads_nb.queue.slurm.task import main
from lfads_nb.queue.status import RunState, RunStatus, write_status


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("partition", "gpu; touch injected"), ("partition", "gpu\n#SBATCH --uid=0"),
        ("partition", "$(id)"), ("account", "`id`"), ("qos", "a b"), ("constraint", "'x'"),
        ("gres", 'gpu:1"'), ("mem", "1G\\"), ("time", "soon"), ("time", "1:2:3:4"),
        ("cpus", 0), ("cpus", True), ("array_limit", -1), ("partition", None),
    ],
)  # fmt: skip
def test_what_could_be_a_command_is_refused_by_name(name, value):
    with pytest.raises(QueueError, match=name):
        Slurm(**{name: value})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 5400), ("4:00:00", 14400), ("90:30", 5430), ("1-12", 129600), ("1-0:30", 88200)],
)
def test_times_are_read_as_slurm_reads_them(text, seconds):
    assert Slurm(time=text).seconds == seconds


def test_a_short_job_is_not_warned_at_its_very_start():
    assert not any("--signal" in line for line in Slurm(time="9").directives())
    assert "#SBATCH --signal=B:USR1@120" in Slurm(time="10").directives()
    assert "#SBATCH --signal=B:USR1@120" in Slurm().directives()


def test_the_script_is_bash_whatever_the_folder_is_called(tmp_path):
    place = tmp_path / 'it\'s a "lab" $(touch injected) & `id`; x' / "jobs" / "KEY"
    work = Work(("param_a/one", "param_a/two"), "/opt/my python/bin/python", environment={
        "PYTHONPATH": "/a b:$(touch injected)", "PATH": "/bin",
    })  # fmt: skip
    slurm = Slurm("gpu", "lab", time="4:00:00", gres="gpu:1", cpus=4, mem="16G", array_limit=8)
    script = Submission(place).script_text(work, slurm)
    for line in (
        "#SBATCH --array=0-1%8", "#SBATCH --partition=gpu", "#SBATCH --account=lab",
        "#SBATCH --time=4:00:00", "#SBATCH --gres=gpu:1", "#SBATCH --cpus-per-task=4",
        "#SBATCH --mem=16G", "#SBATCH --requeue",
    ):  # fmt: skip
        assert line in script.splitlines()
    # What it would start is printed instead, one word in a line.
    said = subprocess.run(
        ["bash", "-c", script.replace("exec ", "printf '%s\\n' ") + 'echo "$PYTHONPATH"'],
        capture_output=True, text=True, cwd=tmp_path, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert said[0] == "/opt/my python/bin/python"
    assert said[-3:] == [str(place), work.digest, "/a b:$(touch injected)"]
    assert not list(Path(tmp_path).iterdir())


def test_what_was_asked_last_is_the_beginning_of_the_next_form(tmp_path, monkeypatch):
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    assert remembered() is None
    asked = Slurm("gpu", "lab", time="4:00:00", cpus=4, requeue=False)
    remember(asked)
    assert remembered() == asked
    for damage in ("", "[]", '{"partition": "a;b"}', '{"speed": 3}'):
        remembered_file().write_text(damage)
        assert remembered() is None


def test_what_begins_like_tensorflows_variables_and_holds_secrets_gets_into_no_script():
    environment = {
        "TF_XLA_FLAGS": "x",
        "TF_VAR_password": "hunter2",
        "TF_TOKEN_a": "t",
        "PATH": "/",
    }
    kept = passed_on(environment)
    assert kept["TF_XLA_FLAGS"] == "x"
    assert "hunter2" not in kept.values()
    assert "t" not in kept.values()


def test_work_that_somebody_changed_after_it_was_submitted_is_not_done(folder, monkeypatch, capsys):
    submission = Submission(jobs_folder(folder) / "KEY")
    submission.path.mkdir(parents=True)
    work = Work(relative_runs([folder]), sys.executable)
    submission.write(work, Slurm())
    assert submission.read_work() == work
    assert work.digest in submission.script.read_text()
    write_status(folder, RunStatus(RunState.CANCELLED, submission="KEY/0"))
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "12")
    assert main([str(submission.path), work.digest]) == 0
    assert "not started: it was cancelled" in capsys.readouterr().out
    submission.write(replace(work, runner="evil"), Slurm())
    assert main([str(submission.path), work.digest]) == 1
    assert "work.json is not what was submitted: submit it again" in capsys.readouterr().out
