"""Where this user's own state lies: what is remembered between sessions, the queue's folders."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

HOME_VARIABLE = "LFADS_NB_HOME"


def state_home(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of this user's state; it need not be there yet."""
    chosen = environment.get(HOME_VARIABLE)
    root = Path(chosen).expanduser() if chosen else platformdirs.user_state_path("lfads_nb")
    return root.absolute()
