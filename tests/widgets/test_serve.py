import json
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import psutil
import pytest

from lfads_nb import private_folders
from lfads_nb.errors import QueueError
from lfads_nb.widgets.serve import HOST, bench_notebook, make_server, serve_app


class FakeVoila:
    def __init__(self, **traits):
        self.traits = traits
        self.voila_configuration = type("Configuration", (), {})()

    def initialize(self, argv):
        self.argv = argv


def test_the_server_listens_on_loopback_and_wants_a_token(tmp_path):
    server, url = make_server(FakeVoila, tmp_path, None, 1234)
    assert server.traits["ip"] == HOST == "127.0.0.1"
    assert len(server.token) >= 32
    assert url == f"http://127.0.0.1:1234/?token={server.token}"
    # the token must be on no command line
    assert not any(server.token in argument for argument in server.argv)


def test_two_servers_have_two_tokens(tmp_path):
    tokens = {make_server(FakeVoila, tmp_path, None, 1)[0].token for _ in range(2)}
    assert len(tokens) == 2


def test_the_notebook_shows_the_folder_whatever_its_name(tmp_path):
    folder = tmp_path / 'it\'s a "folder"'
    (cell,) = bench_notebook(folder).cells
    names = {}
    exec(cell.source.replace("lfads_nb.app", "shown = str").replace("import lfads_nb\n", ""), names)
    assert names["shown"] == str(folder)


def test_a_missing_voila_is_said_in_words(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "voila.app", None)
    with pytest.raises(QueueError, match="pip install voila"):
        serve_app(open_browser=False)


def test_the_notebook_is_written_for_voila(tmp_path):
    server, _ = make_server(FakeVoila, tmp_path, None, 1)
    content = json.loads((tmp_path / "bench.ipynb").read_text())
    assert server.argv[-1] == str(tmp_path / "bench.ipynb")
    assert content["cells"][0]["source"]


@pytest.mark.processes
def test_the_pages_kernel_has_no_port_and_nothing_is_left_of_a_killed_app(tmp_path):
    pytest.importorskip("voila")
    command = [sys.executable, "-m", "lfads_nb", "app", str(tmp_path / "runs"), "--no-browser"]
    app = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        url = app.stdout.readline().strip()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        assert "lfads" in opener.open(url, timeout=120).read().decode()
        server = psutil.Process(app.pid)
        children = server.children(recursive=True)
        (kernel,) = (k for k in children if "lfads_nb.queue.kernel" in " ".join(k.cmdline()))
        place = Path(next(a for a in kernel.cmdline() if a.endswith(".json"))).parents[1]
        assert not [
            c for k in children for c in k.net_connections("inet") if c.status == "LISTEN"
        ]  # fmt: skip
        ports = {c.laddr for c in server.net_connections("inet") if c.status == "LISTEN"}
        assert ports == {(HOST, urllib.parse.urlparse(url).port)}
    finally:
        app.kill()
        app.communicate()
    _, alive = psutil.wait_procs(children, timeout=90)
    assert not alive
    assert place.name.startswith("lfads-nb-")
    assert place.is_dir()
    private_folders.sweep()
    assert not place.exists()
