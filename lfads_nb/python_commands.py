"""Command lines that run a module, wherever the process that they start is at home.

`python -m` looks for the module in the working folder first. Ours start in folders that may have
come from elsewhere, where a file of the right name would be run in its place.
"""

from __future__ import annotations

import os
import sys

# An empty entry is the working folder, whichever that is; `sys` is built in.
_START = (
    "import sys; sys.path[:] = filter(None, sys.path); "
    "import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
)


def module_command(module: str, *, python: str = sys.executable) -> list[str]:
    """Return the command that runs a module, and never one of that name in the working folder.

    Parameters
    ----------
    module : its dotted name.
    python : the interpreter.
    """
    return [python, "-c", _START.format(module=module)]


def import_variable(*parts: str | None) -> str:
    """Return a `PYTHONPATH` of these, without the places that mean the working folder."""
    places = [place for part in parts if part for place in part.split(os.pathsep)]
    return os.pathsep.join(place for place in places if os.path.isabs(place))
