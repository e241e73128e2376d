"""A population as one job of a real SLURM, with a toy for a model: whole, and after its time."""

from contextlib import suppress

import psutil
import pytest

from lfads_nb.queue.slurm.settings import Slurm
from lfads_nb.queue.slurm.submission import jobs_folder
from lfads_nb.queue.status import RunState, read_status
from tests.queue.slurm.submitting import jobs_of, start_now, wait_for
from tests.queue.test_population_faults import RUNNER, Rig, undisturbed

__all__ = ["undisturbed"]
pytestmark = [
    pytest.mark.slurm, pytest.mark.processes, pytest.mark.xdist_group("real_slurm"),
    pytest.mark.timeout(1200),
]  # fmt: skip


class SubmittedRig(Rig):
    found = None

    def launch(self):
        slurm = Slurm(cpus=2, mem="500M", time="60")
        found = self.queue.submit(slurm, runner=RUNNER, template=str(self.template))
        self.found = found if found.jobs else self.found

    @property
    def job(self):
        return f"{self.found.jobs[0]}_0"

    @property
    def log(self):
        return next(jobs_folder(self.folder).glob(f"*/slurm-{self.job}.out")).read_text()


@pytest.fixture
def rig(slurm, tmp_path, home):
    rig = SubmittedRig.make(tmp_path, home)
    yield rig
    for process in rig.processes():
        with suppress(psutil.NoSuchProcess):
            process.kill()


def test_a_population_is_one_job_that_goes_on_after_its_time_and_after_it_was_cancelled(
    slurm, rig, undisturbed
):
    rig.launch_to_the_middle()
    assert len(rig.found.jobs) == 1
    status = rig.queue.states()[0]
    assert (status.job, status.progress["generation"]) == (rig.job, 1)
    slurm.ask("scancel", "--batch", "--signal=USR1", rig.job)
    wait_for(lambda: jobs_of(slurm, rig.found.jobs[0]) == ["PENDING"], timeout=rig.patience_s)
    assert not rig.processes()
    assert rig.state is RunState.QUEUED
    rig.let_go(1)
    start_now(slurm, rig.job)
    rig.wait_for_the_middle(2)
    wait_for(lambda: "generation 3 of 4, " in rig.log, timeout=rig.patience_s)
    assert "queued again" in rig.log

    # whoever cancels it ends its members too, and what they had made stays
    rig.queue.cancel()
    wait_for(lambda: rig.state is RunState.CANCELLED, timeout=rig.patience_s)
    first = rig.found.jobs[0]
    gone = {"PENDING", "RUNNING", "COMPLETING"}
    wait_for(lambda: not set(jobs_of(slurm, first)) & gone, timeout=rig.patience_s)
    assert not rig.processes()

    rig.launch()
    assert rig.found.jobs[0] != first
    rig.finish(undisturbed)
    assert read_status(rig.folder.best).job == rig.job
    # The job's own queue is gone, and this machine's was never asked.
    wait_for(lambda: not set(jobs_of(slurm, rig.found.jobs[0])) & gone, timeout=rig.patience_s)
    assert not list(rig.home.path.parent.glob("queue-*-slurm-*"))
    assert rig.home.server_process() is None
