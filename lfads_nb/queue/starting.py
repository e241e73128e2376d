"""Starting the queue's server from any view of it."""

from __future__ import annotations

import os
import time

from lfads_nb.errors import QueueError
from lfads_nb.python_commands import module_command
from lfads_nb.queue.batches import passed_on
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.processes import start_detached
from lfads_nb.state_home import HOME_VARIABLE

_START_S = 20.0


def ensure_server(home: QueueHome) -> None:
    """Start the queue's server unless it is running; it outlives this process."""
    if home.server_process() is not None:
        return
    environment = {**os.environ, **passed_on(), HOME_VARIABLE: str(home.path.parent)}
    start_detached(
        module_command("lfads_nb.queue.server"),
        log=home.log,
        cwd=home.path,
        environment=environment,
    )


class ServerKeeper:
    """Starts a server that died while somebody waits for its runs, but not for ever.

    Parameters
    ----------
    home : the queue's folder.
    tries : how many servers may die before this gives up.
    """

    def __init__(self, home: QueueHome, *, tries: int = 3) -> None:
        self._home, self._left = home, tries
        self._absent_since: float | None = None

    def keep(self) -> None:
        """Start the server if it has been absent for a while.

        Raises
        ------
        QueueError
            If servers keep dying; the end of their log says why.
        """
        if self._home.server_process() is not None:
            self._absent_since = None
            return
        now = time.monotonic()
        if self._absent_since is None:
            self._absent_since = now
        elif now - self._absent_since > _START_S:
            if self._left == 0:
                raise QueueError(
                    f"the queue's server does not start; the end of {self._home.log} says: "
                    f"{_last_line(self._home)}"
                )
            self._left -= 1
            self._absent_since = None
            ensure_server(self._home)


def _last_line(home: QueueHome) -> str:
    try:
        with home.log.open("rb") as file:
            file.seek(max(0, home.log.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "nothing"
