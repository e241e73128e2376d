import http.server
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from lfads_nb.errors import QueueError
from lfads_nb.queue.home import QueueHome, put_json
from lfads_nb.queue.output_limits import MAX_SERVICE_LOG
from lfads_nb.queue.tensorboard import free_port, launch_tensorboard, logdir_spec, write_script
from lfads_nb.sweep.folders import CollectionFolder
from lfads_nb.widgets.jupyter_place import proxied
from tests.queue.tiny_runs import make_run_folder, wait_for


def test_every_run_is_named_and_relative(tmp_path):
    folders = [make_run_folder(tmp_path, name) for name in ("single", "a,b:c")]
    spec = logdir_spec(CollectionFolder(tmp_path), folders)
    first, second, third = spec.split(",")[0], spec.split(",")[1], spec
    assert first.split(":")[0].endswith("/single")
    assert first.split(":")[1].endswith("/single/lfadsOutput/lfads_log")
    assert second.split(":")[0].endswith("/a_b_c")
    assert str(tmp_path) not in third


@pytest.fixture
def home(tmp_path):
    return QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})


@pytest.fixture
def collection(tmp_path):
    return CollectionFolder(tmp_path / "runs")


@pytest.fixture
def run(collection):
    return SimpleNamespace(folder=make_run_folder(collection.path, "secret_monkey"))


def answer_at(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    from tensorboard.summary import Writer

    root = tmp_path_factory.mktemp("board")
    folder = make_run_folder(root / "runs", "secret_monkey")
    writer = Writer(str(folder.tensorboard))
    writer.add_scalar("cost", 1.0, 1)
    writer.close()
    home = QueueHome.find({"LFADS_NB_HOME": str(root / "home")})
    runs = [SimpleNamespace(folder=folder)]
    board = launch_tensorboard(CollectionFolder(root / "runs"), runs, home=home)
    yield board
    assert launch_tensorboard(CollectionFolder(root / "runs"), runs, home=home) == board
    board.stop()
    assert not board.is_alive


@pytest.mark.processes
def test_only_who_knows_the_secret_path_sees_the_runs(board):
    assert wait_for(lambda: "secret_monkey" in answer_at(board.url + "data/runs")[1])
    for path in ("", "data/runs", "x/data/runs", "data/environment"):
        status, text = answer_at(f"http://127.0.0.1:{board.port}/{path}")
        assert status == 404
        assert "secret_monkey" not in text
    family = psutil.Process(board.process.pid)
    command = " ".join(family.cmdline())
    assert board.token not in command + repr(board)
    assert "secret_monkey" not in command
    ports = [
        tuple(c.laddr)
        for p in (family, *family.children(recursive=True))
        for c in p.net_connections("inet")
        if c.status == "LISTEN"
    ]
    assert ports == [("127.0.0.1", board.port)]


@pytest.mark.processes
def test_the_log_of_a_tensorboard_that_complains_for_weeks_stays_short(home, collection, run):
    gone = home.boards / "gone.json"
    home.make()
    put_json(gone, {"pid": 2**22 + 5, "started": 1.0, "host": "here"})
    gone.with_suffix(".log").write_text("of one that has ended")
    board = launch_tensorboard(collection, [run], home=home)
    try:
        (log,) = home.boards.glob("*.log")
        with log.open("ab") as file:
            file.write(b"it complains\n" * (MAX_SERVICE_LOG // 5))
        wait_for(lambda: log.stat().st_size < MAX_SERVICE_LOG)
        assert b"were left out here" in log.read_bytes()
        assert board.is_alive
    finally:
        board.stop()


@pytest.mark.processes
def test_another_users_server_at_the_port_is_never_taken_for_ours(collection, run, home):
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler
    ) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        port = other.server_address[1]
        with pytest.raises(QueueError, match=f"port {port}, it was already in use"):
            launch_tensorboard(collection, [run], port=port, home=home)
        other.shutdown()
    assert not list(home.boards.iterdir())
    board = launch_tensorboard(collection, [run], port=port, home=home)
    try:
        assert board.port == port
    finally:
        board.stop()


@pytest.mark.processes
def test_the_script_of_the_collection_starts_one_for_its_owner(collection, run):
    write_script(collection, [run.folder])
    assert str(collection.path) not in collection.tensorboard_script.read_text()
    by_hand = subprocess.Popen(
        [str(collection.tensorboard_script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    try:
        url = by_hand.stdout.readline().split()[-1]
        assert answer_at(url)[0] == 200
        assert answer_at(url.rsplit("/", 2)[0] + "/")[0] == 404
    finally:
        by_hand.terminate()
        by_hand.communicate()


@pytest.mark.processes
def test_a_jupyter_server_passes_it_on_to_who_has_its_token(board, tmp_path):
    port = free_port()
    server = subprocess.Popen(
        [
            sys.executable, "-m", "jupyter", "server", "--no-browser", "--allow-root",
            f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--ServerApp.base_url=/lab1/",
            f"--ServerApp.root_dir={tmp_path}", "--IdentityProvider.token=tellnobody",
        ],
        stderr=subprocess.DEVNULL, env={**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path / "rt")},
    )  # fmt: skip
    try:
        wait_for(lambda: (tmp_path / "rt" / f"jpserver-{server.pid}.json").exists())
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "rt"))
            path = proxied(board.port, f"{board.token}/", {"JPY_PARENT_PID": str(server.pid)})
        assert path == f"/lab1/proxy/{board.port}/{board.token}/"
        url = f"http://127.0.0.1:{port}{path}"
        wait_for(lambda: _listens(port))
        assert "TensorBoard" not in answer_at(url)[1]
        status, text = answer_at(f"{url}?token=tellnobody")
        assert status == 200
        assert "tf-tensorboard" in text or "TensorBoard" in text
    finally:
        server.terminate()
        server.wait(timeout=90)


def _listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
