"""The bench as a web page of its own: Voila on loopback, for its owner alone.

The page needs a token; it never stands on a command line, which other users of the machine could
read. Each visit gets a kernel of its own and finds everything again in the collection's folder.
"""

from __future__ import annotations

import secrets
import webbrowser
from collections.abc import Callable
from contextlib import closing
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from jupyter_core.paths import jupyter_config_path

from lfads_nb.errors import QueueError, RunFolderError
from lfads_nb.private_folders import PrivateFolder
from lfads_nb.queue.kernel import own_kernel_spec
from lfads_nb.queue.tensorboard import free_port

HOST = "127.0.0.1"
# Voila's folder and the sockets of a kernel in it.
SOCKET_NAMES = len("/voila_xxxxxxxx/kernel-01234567-0123-0123-0123-012345678901-ipc-5-pipe")


def serve_app(
    folder: str | Path | None = None,
    port: int | None = None,
    *,
    open_browser: bool = True,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve the bench until the process is interrupted.

    Parameters
    ----------
    folder : a collection, or a folder to make collections in; by default the one open last.
    port : on which port of 127.0.0.1; by default a free one.
    open_browser : open the page in a browser.
    announce : called with the page's address, token included, once it can be opened.

    Raises
    ------
    QueueError
        If Voila is not installed.
    RunFolderError
        If `folder` is a file.
    """
    if folder is not None and Path(folder).exists() and not Path(folder).is_dir():
        raise RunFolderError(f"{folder} is no folder: give a collection's, or one to work in")
    try:
        from tornado.ioloop import IOLoop
        from voila.app import Voila
    except ImportError:
        raise QueueError("Voila is not installed: pip install voila") from None
    with closing(PrivateFolder(room=SOCKET_NAMES)) as private:
        place = private.path
        server, url = make_server(Voila, place, folder, port or free_port())

        def say_where() -> None:
            if announce is not None:
                announce(url)
            if open_browser:
                _open_in_browser(place, url)

        # The loop runs only once the server listens: before that, the page would be refused.
        IOLoop.current().add_callback(say_where)
        server.start()


def make_server(
    voila_class: Any, place: Path, folder: str | Path | None, port: int
) -> tuple[Any, str]:
    """Set a server up and return it with its address; `place` is a private temporary folder."""
    token = secrets.token_urlsafe(24)
    server = voila_class(ip=HOST, port=port, port_retries=0, **traits_in(place))
    configure_server(server, place, folder)
    server.token = token
    return server, f"http://{HOST}:{port}/?token={token}"


def traits_in(place: Path) -> dict[str, Any]:
    """Return how every server of the bench is made; `place` is a private temporary folder."""
    # Its own announcement would show the address with the token struck out.
    return {
        "open_browser": False, "connection_dir_root": str(place), "log_level": "WARN",
        "config_file_paths": jupyter_config_path(),  # not the working folder
    }  # fmt: skip


def configure_server(
    server: Any,
    place: Path,
    folder: str | Path | None,
    *options: str,
    working_folder: Path | None = None,
) -> None:
    """Give a server its notebook, and kernels of this Python without a port.

    Parameters
    ----------
    server : Voila, made but not initialized.
    place : a private temporary folder, for the notebook and the kernels' sockets.
    folder, working_folder : as in `bench_notebook`.
    options : more of its command line; nothing secret.
    """
    notebook = place / "bench.ipynb"
    nbformat.write(bench_notebook(folder, working_folder=working_folder), notebook)
    # The kernels' channels are sockets in the private folder: a port would tell every user of the
    # machine what is going on.
    server.initialize(["--KernelManager.transport=ipc", *options, str(notebook)])
    server.voila_configuration.kernel_spec_manager_class = _own_kernel_specs()
    server.voila_configuration.strip_sources = True
    server.voila_configuration.show_tracebacks = False


def _own_kernel_specs() -> type:
    """Return what starts kernels of this very Python, whatever is registered on the machine."""
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    class OwnKernelSpecs(KernelSpecManager):
        def find_kernel_specs(self) -> dict[str, str]:
            return {"python3": ""}

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:  # noqa: ARG002
            return own_kernel_spec()

        def get_all_specs(self) -> dict[str, Any]:
            return {"python3": {"resource_dir": "", "spec": own_kernel_spec().to_dict()}}

    return OwnKernelSpecs


def bench_notebook(
    folder: str | Path | None, *, working_folder: Path | None = None
) -> nbformat.NotebookNode:
    """Make the notebook that shows the bench and nothing else.

    Parameters
    ----------
    folder : as `lfads_nb.app` takes it.
    working_folder : where its kernel works; by default where it is started.
    """
    where = repr(str(Path(folder).expanduser().absolute())) if folder is not None else ""
    code = f"import lfads_nb\nlfads_nb.app({where})"
    if working_folder is not None:
        code = f"import os\nos.chdir({str(working_folder)!r})\n{code}"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata["kernelspec"] = {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }  # fmt: skip
    notebook.metadata["title"] = "lfads_nb"
    return notebook


def _open_in_browser(place: Path, url: str) -> None:
    # by way of a private file, so that the token is on no command line
    page = place / "open.html"
    page.touch(mode=0o600)
    page.write_text(
        f'<!doctype html><meta http-equiv="refresh" content="1; url={escape(url)}">'
        f'<p>Opening <a href="{escape(url)}">the bench</a> …</p>',
        encoding="utf-8",
    )
    webbrowser.open(page.as_uri())
