"""Somebody sets the clock of the machine: the queue goes on as if nothing had happened."""

import json
import os

import pytest

from lfads_nb.queue.api import Queue
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.status import RunState, read_status
from tests.queue.tiny_runs import make_run_folder, wait_for

pytestmark = pytest.mark.processes
YEAR_S = 365 * 86400

# In every process of the queue, dask's included, the wall clock is off by what a file says.
CLOCK = """
import time
from pathlib import Path
true, true_ns = time.time, time.time_ns
def offset(): return float(Path({offset!r}).read_text())
time.time = lambda: true() + offset()
time.time_ns = lambda: true_ns() + int(offset() * 1e9)
"""


def test_the_next_run_starts_though_the_clock_was_set_back_by_a_year(tmp_path, monkeypatch):
    offset = tmp_path / "offset"
    offset.write_text("0")
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(CLOCK.format(offset=str(offset)))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "clock"), os.getcwd()]))
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})
    folders = [make_run_folder(tmp_path / "runs", name) for name in ("a", "b")]
    (folders[0].path / "behaviour.json").write_text(json.dumps({"wait": True}))
    queue = Queue(folders, home=home)
    queue.launch(runner="tests.queue.quick_runner", max_tasks_simultaneously=1)
    try:
        wait_for(lambda: (folders[0].path / "starts.txt").exists())
        offset.write_text(str(-YEAR_S))
        (folders[0].path / "go").touch()
        wait_for(lambda: read_status(folders[1]).state is RunState.DONE)
    finally:
        queue.stop_server()
