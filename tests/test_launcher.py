import html
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from lfads_nb.launcher import NAME, bench_server, page_below


def test_jupyter_server_proxy_takes_the_description():
    config = pytest.importorskip("jupyter_server_proxy.config")
    (entry,) = (e for e in entry_points(group="jupyter_serverproxy_servers") if e.name == NAME)
    server = config.ServerProcess(name=entry.name, **entry.load()())
    assert server.launcher_entry.title == "LFADS bench"
    assert server.unix_socket is True
    ElementTree.parse(server.launcher_entry.icon_path)


def test_a_jupyter_server_reads_it_without_loading_the_bench():
    code = (
        "import sys, json; from lfads_nb.launcher import bench_server; bench_server();"
        "print(json.dumps([n for n in ('numpy', 'ipywidgets', 'tensorflow') if n in sys.modules]))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert json.loads(answer.stdout) == []


@pytest.mark.parametrize(
    ("base", "page"), [("/", "/lfads-bench/"), ("/user/ada/", "/user/ada/lfads-bench/")]
)
def test_the_page_is_below_the_servers_prefix(base, page):
    assert page_below(base) == page


def test_the_command_names_no_port_and_no_secret():
    assert bench_server()["command"][-2:] == ["{unix_socket}", "{base_url}"]
    assert Path(bench_server()["launcher_entry"]["icon_path"]).is_file()


@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="no such sockets")
@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("sys.modules['voila.app'] = None", f"{sys.executable} -m pip install voila. Then reload"),
        ("sys.modules['filelock'] = None", f"{sys.executable} -m pip install filelock. Then"),
        ("sys.modules['lfads_nb.widgets.serve'] = None", "The bench did not start: ModuleNotFound"),
    ],
)
def test_a_bench_that_cannot_start_says_why_on_its_page(tmp_path, fault, sentence):
    socket = tmp_path / "s"
    code = (
        f"import sys; {fault}; from pathlib import Path;"
        "from lfads_nb.widgets.tile import serve_tile; serve_tile(Path(sys.argv[1]), '/')"
    )
    tile = subprocess.Popen([sys.executable, "-c", code, str(socket)], stderr=subprocess.DEVNULL)
    try:
        status, text = _ask(socket)
    finally:
        tile.kill()
        tile.wait()
    assert status == 503
    assert sentence in html.unescape(text)


@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="no such sockets")
def test_after_its_page_was_seen_the_bench_is_tried_again(tmp_path):
    socket = tmp_path / "s"
    code = (
        "import sys; sys.modules['voila.app'] = None; from pathlib import Path;"
        "import lfads_nb.widgets.tile as tile;"
        "tile.module_command = lambda _: [sys.executable, '-c', 'print(\"tried again\")'];"
        "tile.serve_tile(Path(sys.argv[1]), '/')"
    )
    tile = subprocess.Popen(
        [sys.executable, "-c", code, str(socket)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert _ask(socket)[0] == 503
        said, _ = tile.communicate(timeout=60)
    finally:
        tile.kill()
        tile.wait()
    assert said == "tried again\n"


def _ask(path: Path) -> tuple[int, str]:
    import http.client
    import socket
    import time

    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    connection = http.client.HTTPConnection("localhost", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    connection.request("GET", "/anything")
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text
