"""Where this kernel runs: the Jupyter server's root, so that files can be opened from a panel."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lfads_nb.launcher import page_below


def server_root(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder that this kernel's Jupyter server shows, None if there is no server."""
    root = _server(environment).get("root_dir")
    return Path(root).resolve() if isinstance(root, str) else None


def proxied(port: int, path: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return where a browser finds a port of this machine through this kernel's Jupyter server.

    The server asks who it is; and it works where only the server can be reached, as on JupyterHub.

    Parameters
    ----------
    port : on 127.0.0.1.
    path : below it, without a slash in front.

    Returns
    -------
    A path on the server; None if there is none, or it has no jupyter-server-proxy.
    """
    base = _server(environment).get("base_url")
    if not isinstance(base, str) or find_spec("jupyter_server_proxy") is None:
        return None
    return f"{base.rstrip('/')}/proxy/{port}/{path}"


def bench_page(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return where this kernel's Jupyter server shows the bench as a page of its own.

    Returns
    -------
    A path on the server; None if there is none, or it has no jupyter-server-proxy.
    """
    base = _server(environment).get("base_url")
    has_tile = find_spec("jupyter_server_proxy") is not None and sys.platform != "win32"
    return page_below(base) if isinstance(base, str) and has_tile else None


def _server(environment: Mapping[str, str]) -> dict[str, Any]:
    """Read what this kernel's Jupyter server says of itself; empty if there is none.

    The server tells its process id to its kernels, and the rest in a file named after it.
    """
    pid = environment.get("JPY_PARENT_PID")
    if not pid:
        return {}
    from jupyter_core.paths import jupyter_runtime_dir

    try:
        content = json.loads((Path(jupyter_runtime_dir()) / f"jpserver-{pid}.json").read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def path_in_server(path: Path, root: Path | None) -> str | None:
    """Return a file's path as the Jupyter server names it, None if it is outside its root."""
    if root is None:
        return None
    try:
        return path.resolve().relative_to(root).as_posix()
    except ValueError:
        return None
