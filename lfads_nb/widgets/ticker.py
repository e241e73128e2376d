"""A slow heartbeat in a thread: what looks again at the disk while a browser watches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from lfads_nb.widgets.threads import start_thread

log = logging.getLogger(__name__)


class Ticker:
    """Calls a function again and again, in a daemon thread, until it is stopped.

    Parameters
    ----------
    tick : what to call; it returns the seconds until the next call.
    """

    def __init__(self, tick: Callable[[], float]) -> None:
        self._tick = tick
        self._stopped = threading.Event()
        self._has_begun = False

    def start(self) -> None:
        """Begin, unless it has begun."""
        if not self._has_begun:
            self._has_begun = True
            start_thread(self._run, name="lfads_nb ticker", stop=self.stop)

    def stop(self) -> None:
        """End after the call that is going on."""
        self._stopped.set()

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            try:
                pause = self._tick()
            except Exception:
                log.exception("looking at the runs failed; trying again")
                pause = 10.0
