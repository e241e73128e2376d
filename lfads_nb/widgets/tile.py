"""What the launcher's tile starts: the bench on a socket, until its Jupyter server is gone.

`python -m lfads_nb.widgets.tile SOCKET BASE_URL` is started by jupyter-server-proxy, as
`lfads_nb.launcher` tells it to.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from html import escape
from pathlib import Path
from typing import Any

from lfads_nb.launcher import NAME, page_below
from lfads_nb.private_folders import PrivateFolder
from lfads_nb.widgets.jupyter_place import server_root
from lfads_nb.widgets.serve import SOCKET_NAMES, configure_server, traits_in

MISSING = (
    "The bench's page needs Voila, which this Python does not have. "
    "Install it with: {python} -m pip install voila. Then reload this page."
)
_PARENT_CHECK_MS = 2_000


def serve_tile(socket: Path, base_url: str) -> None:
    """Serve the bench on a socket for as long as the Jupyter server lives.

    Parameters
    ----------
    socket : where to listen; its folder is its owner's alone.
    base_url : with which all paths of the Jupyter server start.
    """
    from tornado.httpserver import HTTPServer
    from tornado.ioloop import IOLoop, PeriodicCallback
    from tornado.netutil import bind_unix_socket

    parent = os.getppid()

    def listen(application: Any) -> None:
        # Other users could not reach it by its folder; nor can they by its own mode.
        HTTPServer(application).add_socket(bind_unix_socket(str(socket), mode=0o600))
        loop = IOLoop.current()

        def end_with_parent() -> None:
            if os.getppid() != parent:  # killed: nobody is left to end this process
                loop.stop()

        PeriodicCallback(end_with_parent, _PARENT_CHECK_MS).start()
        loop.start()

    try:
        from voila.app import Voila
    except ImportError:
        listen(_sentence(MISSING.format(python=sys.executable)))
        return

    class SocketVoila(Voila):
        def listen(self) -> None:
            self.ioloop = IOLoop.current()  # what a signal stops
            try:
                listen(self.app)
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


def _sentence(text: str) -> Any:
    """Return a web application that says one thing, wherever it is asked."""
    from tornado.web import Application, RequestHandler

    class Sentence(RequestHandler):
        def get(self) -> None:
            self.set_status(503)
            self.write(f"<!doctype html><title>LFADS bench</title><p>{escape(text)}</p>")

    return Application([(r"/.*", Sentence)])


if __name__ == "__main__":
    serve_tile(Path(sys.argv[1]), sys.argv[2])
