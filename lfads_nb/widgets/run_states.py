"""Where runs are, for tables: the state as a sign and a word, read from the folders that changed.

Only files are asked, so any number of panels, kernels and browsers see the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.outputs import is_lost
from lfads_nb.queue.reading import StatusReader
from lfads_nb.queue.status import RunState, RunStatus
from lfads_nb.sweep import Run
from lfads_nb.sweep.population_run import PopulationRun
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
    RunState.STOPPED_EARLY: ("◑", "dim"),
}
_ORDER = {state: place for place, state in enumerate(RunState)}


def state_cell(state: RunState, *, title: str | None = None, sub: str = "") -> dict[str, Any]:
    """Describe a state for a table: sign, word, colour, and why below it."""
    sign, tone = SIGNS[state]
    return cell(state.value, icon=sign, tone=tone, sort=_ORDER[state], title=title, sub=sub)


def run_cell(status: RunStatus) -> dict[str, Any]:
    """Describe where a run is for a narrow column; one that lost its outputs is not all well."""
    if is_lost(status):
        return cell(
            status.state.value, icon="!", tone="warn", sort=_ORDER[status.state],
            title=status.reason, sub="outputs deleted",
        )  # fmt: skip
    return state_cell(status.state, title=status.reason or None)


def counts_text(statuses: Iterable[RunStatus]) -> str:
    """Count states in words: `3 done (1 without its outputs), 1 training, 20 new`."""
    statuses = list(statuses)
    numbers = Counter(status.state for status in statuses)
    order = sorted(numbers, key=lambda state: (-_ORDER[state], state.value))
    words = {state: f"{numbers[state]} {state.value}" for state in order}
    if lost := sum(map(is_lost, statuses)):
        words[RunState.DONE] += f" ({lost} without {'its' if lost == 1 else 'their'} outputs)"
    return ", ".join(words.values())


class RunStatuses:
    """Reads where runs are, again and again, as the queue's own views do."""

    def __init__(self) -> None:
        self._reader: StatusReader | None = None
        self._runs: list[Run | PopulationRun] = []

    def read(self, runs: Sequence[Run | PopulationRun]) -> dict[str, RunStatus]:
        """Return the status of each run, by the run's name."""
        reader = self._reader_of(runs)
        return {run.name: status for run, status in zip(runs, reader.read(), strict=True)}

    def waits(self, runs: Sequence[Run | PopulationRun]) -> dict[str, str]:
        """Return why each run waits, as far as was last read; "" for one that does not."""
        reader = self._reader_of(runs)
        return {run.name: why for run, why in zip(runs, reader.waits(), strict=True)}

    @property
    def is_stalled(self) -> bool:
        """Whether runs wait and nobody is going to start them, as far as was last read."""
        return self._reader is not None and self._reader.is_stalled

    def _reader_of(self, runs: Sequence[Run | PopulationRun]) -> StatusReader:
        if self._reader is None or list(runs) != self._runs:
            self._runs = list(runs)
            self._reader = StatusReader([run.folder for run in runs], QueueHome.find())
        return self._reader


def run_counts(statuses: Iterable[RunStatus]) -> tuple[int, int, int, int]:
    """Count runs that are done, that were stopped early, that are active, and the rest.

    One that lost its outputs is to be done again.
    """
    states = [RunState.PREPARED if is_lost(status) else status.state for status in statuses]
    done = sum(state is RunState.DONE for state in states)
    early = sum(state is RunState.STOPPED_EARLY for state in states)
    active = sum(state.is_active for state in states)
    return done, early, active, len(states) - done - early - active


def progress_sentence(statuses: Sequence[RunStatus]) -> str:
    """Say how a number of runs stand: `5 done, 3 under way, 16 to do`."""
    done, early, active, rest = run_counts(statuses)
    parts = [f"{done} done" if done else "", f"{early} stopped early" if early else "",
             f"{active} under way" if active else "", f"{rest} to do" if rest else ""]  # fmt: skip
    return f"{plural(len(statuses), 'run')} ({', '.join(part for part in parts if part)})"
