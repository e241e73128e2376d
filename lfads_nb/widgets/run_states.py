"""Where runs are, for tables: the state as a sign and a word, read from the folders that changed.

Only files are asked, so any number of panels, kernels and browsers see the same.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from lfads_nb.queue.status import RunState, RunStatus, read_status
from lfads_nb.sweep import Run
from lfads_nb.widgets.live_table import Tone, cell
from lfads_nb.widgets.theme import plural

SIGNS: dict[RunState, tuple[str, Tone]] = {
    RunState.NEW: ("○", "dim"),
    RunState.PREPARED: ("◌", "dim"),
    RunState.QUEUED: ("…", "wait"),
    RunState.TRAINING: ("▶", "run"),
    RunState.SAMPLING: ("▶", "run"),
    RunState.EXPORTING: ("▶", "run"),
    RunState.DONE: ("✓", "good"),
    RunState.FAILED: ("✗", "bad"),
    RunState.CANCELLED: ("■", "warn"),
    RunState.INTERRUPTED: ("!", "warn"),
}
_ORDER = {state: place for place, state in enumerate(RunState)}


def state_cell(state: RunState, *, title: str | None = None, sub: str = "") -> dict[str, Any]:
    """Describe a state for a table: sign, word, colour, and why below it."""
    sign, tone = SIGNS[state]
    return cell(state.value, icon=sign, tone=tone, sort=_ORDER[state], title=title, sub=sub)


def counts_text(states: Iterable[RunState]) -> str:
    """Count states in words: `3 done, 1 training, 20 new`."""
    numbers = Counter(states)
    order = sorted(numbers, key=lambda state: (-_ORDER[state], state.value))
    return ", ".join(f"{numbers[state]} {state.value}" for state in order)


class StatusReader:
    """Reads the status of many runs again and again, but only those that changed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Any, RunStatus]] = {}

    def read(self, runs: Sequence[Run]) -> dict[str, RunStatus]:
        """Return the status of each run, by the run's name."""
        return {run.name: self._read_one(run) for run in runs}

    def _read_one(self, run: Run) -> RunStatus:
        key = str(run.folder.path)
        mark = _file_mark(run)
        known = self._known.get(key)
        if known is not None and known[0] == mark:
            return known[1]
        status = read_status(run.folder)
        self._known[key] = (mark, status)
        return status


def _file_mark(run: Run) -> tuple[Any, ...]:
    """What changes when the run's state does; a folder's own time moves when files come and go."""
    return (_stat(run.folder.status_json), _stat(run.folder.path))


def _stat(path: Any) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def run_counts(statuses: Iterable[RunStatus]) -> tuple[int, int, int]:
    """Count runs that are done, that are active, and the rest."""
    states = [status.state for status in statuses]
    done = sum(state is RunState.DONE for state in states)
    active = sum(state.is_active for state in states)
    return done, active, len(states) - done - active


def progress_sentence(statuses: Sequence[RunStatus]) -> str:
    """Say how a number of runs stand: `5 done, 3 under way, 16 to do`."""
    done, active, rest = run_counts(statuses)
    parts = [f"{done} done" if done else "", f"{active} under way" if active else "",
             f"{rest} to do" if rest else ""]  # fmt: skip
    return f"{plural(len(statuses), 'run')} ({', '.join(part for part in parts if part)})"
