"""Asking a run to stop, on this host or another: a note in its folder, and a signal where one can.

The runner looks for the note twice a second; whoever placed the run ends it by force when it does
not react.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path

from lfads_nb.queue.run_lock import read_holder
from lfads_nb.queue.status import RunState
from lfads_nb.sweep.folders import RunFolder

_SIGNALS = {RunState.CANCELLED: signal.SIGINT, RunState.INTERRUPTED: signal.SIGTERM}


def stop_note(folder: RunFolder) -> Path:
    return folder.path / ".lfads.stop"


def ask_to_stop(folder: RunFolder, state: RunState) -> None:
    """Ask a run to stop and to end as `CANCELLED` or `INTERRUPTED`."""
    with suppress(OSError):
        # On a full disk or a read-only folder the signal alone must do.
        stop_note(folder).write_text(state.value)
    holder = read_holder(folder)
    if holder is not None and holder.is_here:
        holder.send(_SIGNALS[state])


def asked_to_stop(folder: RunFolder) -> RunState | None:
    """Return how a run is asked to end, or None if it is not."""
    try:
        return RunState(stop_note(folder).read_text().strip() or RunState.CANCELLED.value)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return RunState.CANCELLED


def forget_stop(folder: RunFolder) -> None:
    """Take an old note away."""
    with suppress(OSError):
        stop_note(folder).unlink(missing_ok=True)
