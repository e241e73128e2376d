"""Threads of the widgets that end before the interpreter does.

A daemon thread is cut off wherever it is when Python ends. In the middle of a read of HDF5 it
leaves h5py's lock behind, and the process waits for that for ever instead of ending.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable

WAITS_S = 10.0
"""How long the end of Python waits for work that was told to stop, all threads together."""

log = logging.getLogger(__name__)

_running: dict[threading.Thread, Callable[[], None]] = {}


def start_thread(run: Callable[[], None], *, name: str, stop: Callable[[], None]) -> None:
    """Start a thread that is told to stop, and waited for, when Python ends.

    Parameters
    ----------
    run : what it does.
    name : for whoever looks at the threads of the process.
    stop : tells it to end as soon as it can; called from another thread.
    """

    def work() -> None:
        try:
            run()
        finally:
            _running.pop(thread, None)

    thread = threading.Thread(target=work, name=name, daemon=True)
    _running[thread] = stop
    thread.start()


@atexit.register
def _end_all() -> None:
    left = WAITS_S
    running = list(_running.items())
    for _, stop in running:
        stop()
    for thread, _ in running:
        began = time.monotonic()
        thread.join(max(left, 0.0))
        left -= time.monotonic() - began
        if thread.is_alive():
            log.warning("%s did not stop before Python's end", thread.name)
