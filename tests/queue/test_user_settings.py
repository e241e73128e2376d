"""The user's own settings of dask and of temporary folders leave runs alone, or are named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lfads_nb.errors import RunFolderError
from lfads_nb.private_folders import _short_enough
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.status import RunState, read_status
from tests.queue.tiny_runs import make_run_folder, write_template

pytestmark = pytest.mark.processes
CHECKOUT = Path(__file__).parents[2]

ODD = """
temporary-directory: {missing}/of/last/year
distributed:
  version: 2
  scheduler:
    worker-ttl: 1s
    idle-timeout: 1s
    allowed-failures: 0
    preload: [no_such_module_of_dask]
    default-task-durations: nonsense
  worker:
    lifetime: {{duration: 2s, stagger: 0s, restart: false}}
    preload: [no_such_module_of_dask]
    multiprocessing-method: fork
    resources: {{GPU: 3}}
  nanny:
    preload: [no_such_module_of_dask]
    environ: {{LFADS_NB_HOME: /nowhere, CUDA_VISIBLE_DEVICES: "7"}}
    pre-spawn-environ: {{OMP_NUM_THREADS: "77"}}
  comm:
    default-scheme: ucx
    compression: zstd
    require-encryption: true
    timeouts: {{connect: 1ms, tcp: 1ms}}
    tls: {{ca-file: {missing}/ca.pem, worker: {{cert: {missing}/c.pem, key: {missing}/k.pem}}}}
"""

QUEUES = """
import sys
from pathlib import Path
from lfads_nb.queue.api import Queue
from lfads_nb.sweep.folders import RunFolder
queue = Queue([RunFolder(Path(sys.argv[1]))])
queue.launch(template=sys.argv[2])
queue.wait(60)
queue.stop_server()
"""


def queue_in(tmp_path, folder, **environment):
    """Queue a run from a process of its own, with these variables; return that process."""
    template = write_template(tmp_path / "template.ipynb")
    own = {"LFADS_NB_HOME": str(tmp_path / "home"), "PYTHONPATH": str(CHECKOUT), **environment}
    return subprocess.run(
        [sys.executable, "-c", QUEUES, str(folder.path), str(template)],
        env={**os.environ, **own}, cwd=tmp_path, capture_output=True, text=True, timeout=110,
        check=False,
    )  # fmt: skip


def test_dask_settings_of_the_user_s_own_leave_the_queue_alone(tmp_path):
    folder = make_run_folder(tmp_path / "runs")
    (tmp_path / "dask").mkdir()
    (tmp_path / "dask" / "odd.yaml").write_text(ODD.format(missing=tmp_path / "missing"))
    done = queue_in(tmp_path, folder, DASK_CONFIG=str(tmp_path / "dask"))
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})
    said = home.log.read_text() if home.log.exists() else ""
    assert read_status(folder).state is RunState.DONE, done.stderr + said
    assert not (tmp_path / "missing").exists()


def test_dask_settings_that_cannot_be_read_are_named_before_anything_is_queued(tmp_path):
    folder = make_run_folder(tmp_path / "runs")
    (tmp_path / "dask").mkdir()
    (tmp_path / "dask" / "torn.yaml").write_text("distributed: {worker: [\n")
    told = queue_in(tmp_path, folder, DASK_CONFIG=str(tmp_path / "dask"))
    last = told.stderr.strip().splitlines()[-1]
    assert last.startswith(
        "lfads_nb.errors.QueueError: the user's own dask settings cannot be used"
    )
    assert "torn.yaml" in last
    assert read_status(folder).state is RunState.PREPARED


def test_a_temporary_folder_whose_name_is_too_long_for_sockets(tmp_path):
    long = tmp_path / "x"
    while len(str(long)) < 112:
        long = long.with_name(long.name + "x")
    long.mkdir()
    folder = make_run_folder(tmp_path / "runs")
    done = queue_in(tmp_path, folder, TMPDIR=str(long), XDG_RUNTIME_DIR="")
    assert read_status(folder).state is RunState.DONE, done.stderr


def test_where_every_temporary_folder_has_too_long_a_name_the_message_says_what_to_set():
    assert _short_enough(24, ["/" + 80 * "x", "/short"]) == "/short"
    with pytest.raises(RunFolderError, match=r"short enough for sockets .*Set TMPDIR"):
        _short_enough(24, ["/" + 80 * "x", "/" + 111 * "y"])


def test_a_folder_with_braces_in_its_name_goes_through_the_queue(tmp_path):
    folder = make_run_folder(tmp_path / "runs {} {run_dir} {x %s $HOME")
    done = queue_in(tmp_path, folder)
    assert read_status(folder).state is RunState.DONE, done.stderr
