"""What the launcher's tile starts: the bench on a socket, until its Jupyter server is gone.

`python -m lfads_nb.widgets.tile SOCKET BASE_URL` is started by jupyter-server-proxy, as
`lfads_nb.launcher` tells it to. The proxy starts it once, and shows a bare "500" for one that ends:
so whatever fails is a page that says so, and is tried again after that page was looked at.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from contextlib import closing
from html import escape
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

from lfads_nb.launcher import NAME, TILE_MODULE, page_below
from lfads_nb.python_commands import module_command

MISSING = (
    "The bench needs the package {package}, which this Python does not have. Install it with: "
    "{python} -m pip install {package}. Then reload this page."
)
FAILED = (
    "The bench did not start: {error}. The Jupyter server's log has the whole story. "
    "When its cause is gone, reload this page."
)
_PARENT_CHECK_MS = 2_000
_TRY_AGAIN_S = 2.0

log = logging.getLogger(__name__)


def serve_tile(socket: Path, base_url: str) -> None:
    """Serve the bench on a socket for as long as the Jupyter server lives.

    Parameters
    ----------
    socket : where to listen; its folder is its owner's alone.
    base_url : with which all paths of the Jupyter server start.
    """
    parent = os.getppid()
    try:
        _serve_bench(socket, base_url, parent)
    except Exception as error:  # whatever it is, its user sees it on the page
        log.exception("the bench did not start")
        again = [*module_command(TILE_MODULE), str(socket), base_url]
        _listen(socket, _sentence(_in_words(error), then=again), parent)


def _in_words(error: Exception) -> str:
    """Say why the bench did not start, and what to do."""
    missing = getattr(error, "name", None) if isinstance(error, ImportError) else None
    package = (missing or "").split(".")[0]
    if any(re.match(rf"{re.escape(package)}\b", needed) for needed in _needed()) and package:
        return MISSING.format(package=package, python=sys.executable)
    return FAILED.format(error=f"{type(error).__name__}: {error}")


def _needed() -> list[str]:
    try:
        return requires("lfads-nb") or []
    except PackageNotFoundError:
        return []  # run from a checkout that is not installed


def _serve_bench(socket: Path, base_url: str, parent: int) -> None:
    from tornado.ioloop import IOLoop
    from voila.app import Voila

    from lfads_nb.private_folders import PrivateFolder
    from lfads_nb.widgets.jupyter_place import server_root
    from lfads_nb.widgets.serve import SOCKET_NAMES, configure_server, traits_in

    class SocketVoila(Voila):
        def listen(self) -> None:
            self.ioloop = IOLoop.current()  # what a signal stops
            try:
                _listen(socket, self.app, parent)
            except KeyboardInterrupt:
                pass
            finally:
                self.stop()

    with closing(PrivateFolder(room=SOCKET_NAMES)) as private:
        server = SocketVoila(
            token="", base_url=page_below(base_url), server_url="/",
            **traits_in(private.path),
        )  # fmt: skip
        root = server_root({"JPY_PARENT_PID": str(parent)})
        # Not the name of the Jupyter server's own cookie, which would take that for a forged one.
        cookie = f"--IdentityProvider.cookie_name={NAME}"
        working_folder = root or Path.home()
        configure_server(server, private.path, None, cookie, working_folder=working_folder)
        server.start()


def _listen(socket: Path, application: Any, parent: int) -> None:
    """Serve an application on the socket until the parent is gone."""
    from tornado.httpserver import HTTPServer
    from tornado.ioloop import IOLoop, PeriodicCallback
    from tornado.netutil import bind_unix_socket

    # Other users could not reach it by its folder; nor can they by its own mode.
    HTTPServer(application).add_socket(bind_unix_socket(str(socket), mode=0o600))
    loop = IOLoop.current()

    def end_with_parent() -> None:
        if os.getppid() != parent:  # killed: nobody is left to end this process
            loop.stop()

    PeriodicCallback(end_with_parent, _PARENT_CHECK_MS).start()
    loop.start()


def _sentence(text: str, *, then: list[str]) -> Any:
    """Return a web application that says one thing, and soon after makes place for a new try."""
    from tornado.ioloop import IOLoop
    from tornado.web import Application, RequestHandler

    waiting: list[object] = []

    class Sentence(RequestHandler):
        def get(self) -> None:
            self.set_status(503)
            self.write(
                '<!doctype html><html lang="en"><title>LFADS bench</title>'
                '<body style="font: 16px system-ui, sans-serif; max-width: 44em; margin: 3em auto">'
                f"<h1>LFADS bench</h1><p>{escape(text)}</p>"
            )

        def on_finish(self) -> None:
            # jupyter-server-proxy asks once by itself before the page does: both are answered.
            if not waiting:
                loop = IOLoop.current()
                waiting.append(loop.call_later(_TRY_AGAIN_S, os.execv, then[0], then))

    return Application([(r"/.*", Sentence)])


if __name__ == "__main__":
    serve_tile(Path(sys.argv[1]), sys.argv[2])
