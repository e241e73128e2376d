"""Asking a run to stop, on this host or another: a note in its folder, and a signal where one can.

The runner looks for the note twice a second; whoever placed the run ends it by force when it does
not react.
"""

from __future__ import annotations

import errno
import signal
from contextlib import suppress
from pathlib import Path

from lfads_nb.atomic_files import write_text
from lfads_nb.queue.run_lock import read_holder
from lfads_nb.queue.status import RunState
from lfads_nb.regular_files import open_regular
from lfads_nb.sweep.folders import RunFolder

_SIGNALS = {RunState.CANCELLED: signal.SIGINT, RunState.INTERRUPTED: signal.SIGTERM}

_UNREADABLE = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.EINVAL, errno.ELOOP)


def stop_note(folder: RunFolder) -> Path:
    return folder.path / ".lfads.stop"


def ask_to_stop(folder: RunFolder, state: RunState, *, attempt: str = "") -> None:
    """Ask a run to stop and to end as `CANCELLED` or `INTERRUPTED`.

    Parameters
    ----------
    attempt : the one that is meant; any by default.
    """
    holder = read_holder(folder)
    if holder is not None and attempt and holder.attempt != attempt and holder.may_be_alive:
        return
    with suppress(OSError):
        # On a full disk or a read-only folder the signal alone must do.
        write_text(stop_note(folder), f"{state.value} {attempt}")
    if holder is not None and holder.is_here:
        holder.send(_SIGNALS[state])


def asked_to_stop(folder: RunFolder, *, attempt: str = "") -> RunState | None:
    """Return how a run is asked to end, or None if it is not.

    Parameters
    ----------
    attempt : the one that asks: what is asked of another one does not count. "" for any.
    """
    try:
        with open_regular(stop_note(folder)) as file:
            words = file.read(200).decode("utf-8", errors="replace").split()
    except OSError as error:
        # A note that is there and cannot be read asks all the same. A disk that does not answer, or
        # too many open files, say nothing of it: it is looked for again in a moment.
        return RunState.CANCELLED if error.errno in _UNREADABLE else None
    if attempt and len(words) > 1 and words[1] != attempt:
        return None
    known = {state.value: state for state in _SIGNALS}
    return known.get(words[0] if words else "", RunState.CANCELLED)


def forget_stop(folder: RunFolder) -> None:
    """Take an old note away."""
    with suppress(OSError):
        stop_note(folder).unlink(missing_ok=True)
