"""Runs that need longer than a job may take, on a real SLURM."""

import re

import pytest

from lfads_nb import DatasetCollection, RunCollection, RunParams, RunSpec, generate_demo_datasets
from lfads_nb.queue.api import Queue
from lfads_nb.queue.slurm.settings import Slurm
from lfads_nb.queue.status import RunState, read_status
from tests.queue.slurm.submitting import (
    RUNNER,
    jobs_of,
    make_queue,
    start_now,
    starts,
    states,
    submit,
    wait_for,
)
from tests.queue.tiny_runs import write_template

pytestmark = [pytest.mark.slurm, pytest.mark.processes, pytest.mark.xdist_group("real_slurm")]

# A step is noted when it is trained, and takes its time until a file named `go` is there.
TRAIN = """
import time
from lfads_nb.model import stages

def train(run, params, datasets, on_progress=None, on_step=None):
    def stepped():
        with open(run.path / "steps.txt", "a") as file:
            file.write("1\\n")
        if not (run.path / "go").exists():
            time.sleep(0.5)
        return False
    return stages.train(run, params, datasets, on_progress=on_progress, on_step=on_step,
                        should_stop=stepped)

run_stage(run_dir, "training", train)
"""
EPOCHS = 100


@pytest.fixture
def run(tmp_path):
    """A prepared run of a small real model."""
    generate_demo_datasets(
        tmp_path / "datasets", n_datasets=1, n_conditions=5, trials_per_condition=(8, 8),
        channels=(12, 12), duration_ms=300,
    )  # fmt: skip
    datasets = DatasetCollection(tmp_path / "datasets")
    collection = RunCollection(tmp_path / "a lab's $runs", "small", datasets)
    params = RunParams(
        spike_bin_ms=20, co_dim=0, batch_size=16, gen_dim=8, ic_enc_dim=8, ic_dim=4, factors_dim=2,
        max_epochs=EPOCHS, kl_increase_steps=4, l2_increase_steps=4, learning_rate_stop=1e-9,
    )  # fmt: skip
    dataset = datasets.add("dataset001.h5")
    collection.add_params(params)
    collection.add_run_spec(RunSpec(dataset.single_run_name, datasets, [dataset]))
    collection.prepare()
    return collection.runs[0]


def end_time(slurm, job):
    """Have the time of a job be over within seconds; it gets a longer one when it starts again."""
    slurm.ask("scontrol", "update", f"JobId={job}", "EndTime=now+3seconds")


def steps(folder):
    path = folder.path / "steps.txt"
    return len(path.read_text().split()) if path.exists() else 0


def newest_checkpoint(folder):
    found = [re.fullmatch(r"lfads_vae-(\d+)\.weights\.h5", p.name) for p in folder.output.iterdir()]
    return max(int(name[1]) for name in found if name)


@pytest.mark.training
@pytest.mark.timeout(1800)
def test_a_run_that_is_out_of_time_goes_on_and_trains_no_epoch_twice(slurm, run, tmp_path, home):
    folder, template = run.folder, write_template(tmp_path / "run.ipynb", training=TRAIN)
    queue = Queue([folder], home=home)
    (job,) = queue.submit(Slurm(cpus=2, time="60"), template=str(template)).jobs
    wait_for(lambda: steps(folder) > 8, timeout=600)
    end_time(slurm, f"{job}_0")
    wait_for(lambda: jobs_of(slurm, job) == ["PENDING"], timeout=200)
    trained, saved = steps(folder), newest_checkpoint(folder)
    assert states(queue) == [RunState.QUEUED]
    assert "its job ended, and waits for another start" in queue._reader.waits()[0]
    assert "was asked to end (SIGTERM)" in folder.log.read_text()
    per_epoch = 2
    assert 0 <= trained - saved < 2 * per_epoch
    assert saved % per_epoch == 0
    (folder.path / "go").touch()
    start_now(slurm, f"{job}_0")
    wait_for(lambda: states(queue) == [RunState.DONE], timeout=600)
    assert steps(folder) - trained == EPOCHS * per_epoch - saved
    assert read_status(folder).attempt == 2
    log = next((folder.path.parents[1] / "jobs").glob(f"*/slurm-{job}_0.out")).read_text()
    assert "queued again" in log
    assert re.search(r"training, epoch \d+, validation cost [\d.]+", log)


def test_a_warning_before_the_end_ends_the_run_in_good_order_and_it_goes_on(slurm, tmp_path, home):
    queue = make_queue(tmp_path / "runs", home, 1, wait=True, epochs=True)
    (job,) = submit(queue, time="60").jobs
    wait_for(lambda: starts(queue.folders[0]) == 1)
    slurm.ask("scancel", "--batch", "--signal=USR1", f"{job}_0")
    wait_for(lambda: jobs_of(slurm, job) == ["PENDING"])
    (queue.folders[0].path / "go").touch()
    start_now(slurm, f"{job}_0")
    wait_for(lambda: states(queue) == [RunState.DONE])
    assert starts(queue.folders[0]) == 2


def test_a_job_that_is_too_short_for_one_epoch_fails_and_says_what_to_do(slurm, tmp_path, home):
    queue = make_queue(tmp_path / "runs", home, 1, wait=True)
    (job,) = submit(queue, time="60").jobs
    wait_for(lambda: starts(queue.folders[0]) == 1)
    slurm.ask("scancel", "--batch", "--signal=USR1", f"{job}_0")
    wait_for(lambda: states(queue) == [RunState.FAILED])
    assert "ask for more with --time" in read_status(queue.folders[0]).reason
    wait_for(lambda: not set(jobs_of(slurm, job)) & {"PENDING", "RUNNING"})


def test_a_warning_that_comes_before_python_can_act_ends_nothing(slurm, tmp_path, home):
    queue = make_queue(tmp_path / "runs", home, 1)
    (submission,) = [queue.submit(Slurm(time="60"), runner=RUNNER, dry_run=True).scripts]
    assert submission[0].index("trap '' USR1") < submission[0].index("exec ")
