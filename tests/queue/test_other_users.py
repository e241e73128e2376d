"""Another user of the same machine, with real users where the tests run as root."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest

from lfads_nb.errors import QueueError
from lfads_nb.queue.api import Queue
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.status import RunState, read_status
from tests.queue.tiny_runs import (
    make_run_folder,
    marked_processes,
    start_runner,
    wait_for,
    write_template,
)

pytestmark = pytest.mark.processes
RUNNER = "tests.queue.quick_runner"
NOBODY = 65534
as_root = pytest.mark.skipif(os.getuid() != 0, reason="becoming another user needs root")


def as_nobody(code, *arguments):
    """Run a piece of Python as another user; the interpreter is the system's own."""
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")
    if shutil.which("setpriv") is None or python is None:
        pytest.skip("there is no setpriv, or no Python for everybody")
    return subprocess.run(
        [*command, python, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, cwd="/",
    )  # fmt: skip


@pytest.fixture
def temporary(monkeypatch):
    """A folder for temporary files that everybody may write to."""
    with tempfile.TemporaryDirectory(prefix="lfads-test-", dir="/tmp") as place:
        os.chmod(place, 0o1777)
        monkeypatch.setenv("TMPDIR", place)
        yield Path(place)


@pytest.fixture
def home(tmp_path):
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})
    yield home
    Queue([], home=home).stop_server()


@pytest.mark.parametrize("trap", ["link", "file", "pipe"])
def test_a_trap_in_the_folder_for_temporary_files_is_not_stepped_into(
    trap, temporary, home, folder, tmp_path
):
    precious = tmp_path / "thesis.tex"
    precious.write_text("five years of work")
    scratch = temporary / "dask-scratch-space"
    if trap == "link":
        scratch.mkdir(mode=0o777)
        for name in ("global.lock", "purge.lock"):
            (scratch / name).symlink_to(precious)
    elif trap == "file":
        scratch.touch()
    else:
        os.mkfifo(scratch)
    if os.getuid() == 0:
        for path in (scratch, *(scratch.iterdir() if trap == "link" else ())):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    Queue([folder], home=home).launch(runner=RUNNER)
    wait_for(lambda: read_status(folder).state is RunState.DONE)
    assert precious.read_text() == "five years of work"
    assert trap != "link" or sorted(p.name for p in scratch.iterdir()) == [
        "global.lock", "purge.lock",
    ]  # fmt: skip


WAITING = """
import os, sys, time
child = os.fork()
if child == 0:
    print('a child says hello', flush=True); time.sleep(0.5); os._exit(0)
os.waitpid(child, 0)
def train(run, params, datasets):
    (run.path / 'here').touch()
    while not (run.path / 'go').exists(): time.sleep(0.05)
run_stage(run_dir, 'training', train)
"""


def listening(processes):
    return [c for p in processes for c in p.net_connections("inet") if c.status == "LISTEN"]


def test_a_run_has_no_port_and_its_sockets_are_its_owners_alone(tmp_path, folder, temporary):
    runner = start_runner(folder, write_template(tmp_path / "t.ipynb", training=WAITING))
    wait_for(lambda: (folder.path / "here").exists())
    processes = marked_processes(folder)
    assert len(processes) >= 2
    assert not listening(processes)
    (place,) = temporary.glob("lfads-nb-*")
    assert place.stat().st_mode & 0o777 == 0o700
    sockets = [path for path in place.rglob("*") if path.is_socket()]
    assert sockets
    if os.getuid() == 0:
        for path in sockets:
            code = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
            assert "PermissionError" in as_nobody(code, path).stderr
    (folder.path / "go").touch()
    assert runner.wait(timeout=60) == 0
    assert "a child says hello" in folder.notebook.read_text()
    assert not list(temporary.iterdir())


def test_the_queue_listens_with_tls_on_loopback_only(home, folder):
    (folder.path / "behaviour.json").write_text(json.dumps({"wait": True}))
    Queue([folder], home=home).launch(runner=RUNNER)
    wait_for(lambda: (folder.path / "starts.txt").exists())
    server = psutil.Process(home.server_process().pid)
    ports = listening([server, *server.children(recursive=True)])
    assert ports
    for port in ports:
        assert port.laddr.ip == "127.0.0.1"
        with socket.create_connection(port.laddr, timeout=5) as plain:
            plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
            plain.settimeout(5)
            try:
                answer = plain.recv(100)
            except ConnectionError:
                answer = b""
        assert not answer or answer[0] == 0x15  # a TLS alert
    (folder.path / "go").touch()


@as_root
def test_a_home_that_is_somebody_elses_link_or_folder_is_refused(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    link = tmp_path / "link"
    link.symlink_to(mine)
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(QueueError, match="made by another user"):
        QueueHome.find({"LFADS_NB_HOME": str(link)})
    assert not list(mine.iterdir())
    folder = QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "folder")}).path
    os.chown(folder, NOBODY, NOBODY)
    with pytest.raises(QueueError, match="belongs to another user"):
        QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "folder")})
    own = tmp_path / "own"
    own.symlink_to(mine)
    assert QueueHome.find({"LFADS_NB_HOME": str(own)}).inbox.is_dir()


@as_root
def test_a_home_whose_part_is_somebody_elses_link_is_refused(tmp_path):
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path)})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    home.credentials.rmdir()
    home.credentials.symlink_to(elsewhere)
    os.chown(home.credentials, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(QueueError, match="made by another user"):
        QueueHome.find({"LFADS_NB_HOME": str(tmp_path)})


def test_what_killed_runners_leave_behind_is_swept_by_the_next(tmp_path, temporary):
    template = write_template(tmp_path / "t.ipynb", training=WAITING)
    killed, living, last = (make_run_folder(tmp_path / "runs", f"run{i}") for i in range(3))
    runners = [start_runner(folder, template) for folder in (killed, living)]
    for folder in (killed, living):
        wait_for(lambda folder=folder: (folder.path / "here").exists())
    runners[0].kill()
    runners[0].wait()
    wait_for(lambda: not marked_processes(killed))
    foreign = temporary / "lfads-nb-of-somebody"
    foreign.mkdir()
    before = set(temporary.glob("lfads-nb-*")) - {foreign}
    assert len(before) == 2
    (last.path / "go").touch()
    assert start_runner(last, template).wait(timeout=60) == 0
    assert len(before & set(temporary.iterdir())) == 1
    assert foreign.is_dir()
    (living.path / "go").touch()
    assert runners[1].wait(timeout=60) == 0
