"""How a run that is no longer worked on ended, when it could not say so itself.

Used by the server and by every view: whoever finds a run whose process is gone writes it down.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from lfads_nb.errors import LfadsError
from lfads_nb.queue.live import duration_text
from lfads_nb.queue.processes import ProcessId, end_processes_of, this_host
from lfads_nb.queue.retraining import put_back
from lfads_nb.queue.run_lock import is_worked_on, lock_path
from lfads_nb.queue.signs_of_life import SILENT_S, shared_signs
from lfads_nb.queue.status import RunState, RunStatus, local_now, read_status, write_status
from lfads_nb.queue.stopping import ask_to_stop, asked_to_stop, forget_stop
from lfads_nb.sweep.folders import RunFolder

RESUMES = "launch it again: it goes on from its last checkpoint"


def find_dead(folder: RunFolder, status: RunStatus) -> RunStatus:
    """Return a run's status, corrected if its process on this host is gone; nothing is written.

    Parameters
    ----------
    status : as it was just read.
    """
    if not status.state.is_running or status.pid is None or status.pid_started is None:
        return status
    runner = ProcessId(status.pid, status.pid_started, status.host)
    if not runner.is_here:
        return _find_silent(folder, status)
    if runner.is_alive:
        return status
    again = read_status(folder)
    if not again.state.is_running or again.pid != status.pid:
        return again  # it ended properly in between
    if asked_to_stop(folder) is RunState.CANCELLED:
        return again.moved(RunState.CANCELLED, now=local_now(), reason="it was cancelled")
    reason = f"its process died during {again.stage or 'its start'}; {RESUMES}"
    return again.moved(RunState.INTERRUPTED, now=local_now(), reason=reason)


def _find_silent(folder: RunFolder, status: RunStatus) -> RunStatus:
    """Return a run's status, corrected if its host has given no sign of life for long."""
    silent_s = shared_signs.silence_s(lock_path(folder))
    if silent_s < SILENT_S:
        return status
    again = read_status(folder)
    if not again.state.is_running or (again.pid, again.host) != (status.pid, status.host):
        return again
    reason = f"no sign of life from {status.host} for {duration_text(silent_s)}; {RESUMES}"
    return again.moved(RunState.INTERRUPTED, now=local_now(), reason=reason)


def record_dead(folder: RunFolder) -> None:
    """Write down that a run's process is gone; only for when no server sees to it.

    Of a process on another host that cannot be known for certain, and nothing is written.
    """
    found = find_dead(folder, read_status(folder))
    if found.host == this_host() and found.state.is_ended and _is_same(read_status(folder), found):
        end_processes_of(folder.path, found.attempt_id)
        if _is_same(read_status(folder), found):  # and has not been launched again meanwhile
            with suppress(LfadsError, OSError):
                write_end(folder, found)


def _is_same(now: RunStatus, before: RunStatus) -> bool:
    """Whether a run is said to be running in the same process as before."""
    return now.state.is_running and (now.pid, now.attempt_id) == (before.pid, before.attempt_id)


def record_end(folder: RunFolder, state: RunState, reason: str, *, attempt: str = "") -> RunStatus:
    """Write the end of a run that has no process of its own any more.

    A folder that cannot be written to stays as it is, and so does one that is gone, a run that is
    launched again while its last processes are ended, and one that another attempt works on.

    Parameters
    ----------
    attempt : the one that ended, whose lock counts for nothing.
    """
    status = read_status(folder)
    if not status.state.is_active or is_worked_on(folder, but_by=attempt):
        return status
    forget_stop(folder)
    if status.state.is_running:
        end_processes_of(folder.path, status.attempt_id)
        status = read_status(folder)
        if not status.state.is_running:
            return status
    status = status.moved(state, now=local_now(), reason=reason, kernel_pid=None)
    with suppress(LfadsError, OSError):
        return write_end(folder, status)
    return status


def write_end(folder: RunFolder, status: RunStatus) -> RunStatus:
    """Write how a run ended that nobody works on; return the status that it has then.

    One that was done and was to be trained or sampled again is done as before if that is cancelled.
    """
    if status.state is RunState.CANCELLED:
        back = put_back(folder, why="was cancelled")
        if back is not None:
            return back
        if folder.done.exists():
            status = replace(status, state=RunState.DONE)
    write_status(folder, status)
    return status


def cancel_without_server(folder: RunFolder) -> None:
    """Cancel a run that no server knows: waiting, or executed by hand."""
    if is_worked_on(folder):
        ask_to_stop(folder, RunState.CANCELLED)
    elif read_status(folder).state.is_active:
        record_end(folder, RunState.CANCELLED, "it was cancelled before it started")
