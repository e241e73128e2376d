"""Where this kernel runs: the Jupyter server's root, so that files can be opened from a panel."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path


def server_root(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder that this kernel's Jupyter server shows, None if there is no such server.

    The server tells its process id to its kernels, and its root folder in a file named after it.
    """
    pid = environment.get("JPY_PARENT_PID")
    if not pid:
        return None
    from jupyter_core.paths import jupyter_runtime_dir

    try:
        content = json.loads((Path(jupyter_runtime_dir()) / f"jpserver-{pid}.json").read_text())
        return Path(content["root_dir"]).resolve()
    except (OSError, ValueError, KeyError, TypeError):
        return None


def path_in_server(path: Path, root: Path | None) -> str | None:
    """Return a file's path as the Jupyter server names it, None if it is outside its root."""
    if root is None:
        return None
    try:
        return path.resolve().relative_to(root).as_posix()
    except ValueError:
        return None
