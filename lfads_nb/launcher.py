"""The tile "LFADS bench" in JupyterLab's launcher, by jupyter-server-proxy.

The Jupyter server reads `bench_server` as it starts, so this module imports next to nothing. The
page behind the tile is served on a socket in a folder of its owner's alone: who may see it is
decided by the Jupyter server (its token, or its hub), and no other user can knock.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lfads_nb.python_commands import module_command

NAME = "lfads-bench"
TITLE = "LFADS bench"
TILE_MODULE = "lfads_nb.widgets.tile"
# The first start after an installation reads everything from a cold disk.
START_TIMEOUT_S = 120.0


def bench_server() -> dict[str, Any]:
    """Describe the bench to jupyter-server-proxy (entry point `jupyter_serverproxy_servers`)."""
    return {
        "command": [*module_command(TILE_MODULE), "{unix_socket}", "{base_url}"],
        "unix_socket": True,
        "timeout": START_TIMEOUT_S,
        "new_browser_tab": True,
        "launcher_entry": {
            # Windows has no such sockets: `lfads-nb app` serves the bench there.
            "enabled": sys.platform != "win32",
            "title": TITLE,
            "icon_path": str(Path(__file__).with_suffix(".svg")),
            "category": "Notebook",
        },
    }


def page_below(base_url: str) -> str:
    """Return the bench's path on a Jupyter server whose paths all start with `base_url`."""
    return f"/{base_url.strip('/')}/{NAME}/".replace("//", "/")
