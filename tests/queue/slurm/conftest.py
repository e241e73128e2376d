"""One real SLURM for all tests of a session."""

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.slurm import scheduler
from tests.queue.slurm.real_slurm import RealSlurm, skip_without_slurm


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Add to a failure what SLURM says of its jobs, while they are still there."""
    report = yield
    if call.when == "call" and report.failed and "SLURM_CONF" in os.environ:
        asked = (("scontrol", "-o", "show", "job"), ("sinfo", "-N", "-o", "%N %T %E"))
        log, said = Path(os.environ["SLURM_CONF"]).with_name("slurmctld.log"), []
        # What explains a failure must not itself be one.
        with suppress(OSError, subprocess.TimeoutExpired):
            for ask in asked:
                said.append(subprocess.run(ask, capture_output=True, text=True, timeout=60).stdout)
            said += log.read_text().splitlines()[-60:]
        report.sections.append(("what SLURM says", "\n".join(said)))
    return report


@pytest.fixture(scope="session")
def one_slurm():
    skip_without_slurm()
    # munge wants a folder whose parents everybody may pass through: pytest's own are private.
    folder = Path(tempfile.mkdtemp(prefix="real-slurm-"))
    real = RealSlurm(folder)
    try:
        real.start()
        yield real
    finally:
        real.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def slurm(one_slurm, monkeypatch):
    """It, without jobs of tests before, and asked more often than users' own."""
    monkeypatch.setenv("SLURM_CONF", str(one_slurm.conf))
    monkeypatch.setattr(scheduler, "POLL_S", 0.5)
    scheduler.shared_jobs.cache_clear()
    yield one_slurm
    one_slurm.end_jobs()
    scheduler.shared_jobs.cache_clear()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    return QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})
