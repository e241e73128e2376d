"""The verdicts on runs, for panels: read when they change, made in the background where missing."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from lfads_nb.queue.status import RunState, RunStatus
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.verdict import Verdict, read_verdict
from lfads_nb.vocabulary import Figure
from lfads_nb.widgets.live_table import Cell, Tone, cell
from lfads_nb.widgets.threads import start_thread

_SIGNS: dict[str, tuple[str, Tone]] = {
    "good": ("✓", "good"), "warning": ("!", "warn"), "bad": ("✗", "bad"),
}  # fmt: skip


def verdict_cell(title: str, level: str, text: str) -> Any:
    """Describe a verdict for a table: sign, words, colour, and all of it on hovering."""
    if not title:
        return None
    sign, tone = _SIGNS.get(level, ("", "dim"))
    return cell(title, icon=sign, tone=tone, title=text)


def best_cell(text: str, best_by: Figure | None, *, sub: str = "") -> Cell:
    """Describe a run's name for a table, with a star if it is the best, and small print below."""
    if best_by is None:
        return cell(text, sub=sub) if sub else text
    title = f"{text}: the best run of its data, by {best_by.name} ({best_by.split} trials)"
    return cell(text, icon="★", title=title, sub=sub)


class Judged(Protocol):
    """A run, or a population's winner by the population's name."""

    @property
    def name(self) -> str:
        """By which its verdict is asked for."""

    @property
    def folder(self) -> RunFolder:
        """Where its outputs are."""


class RunVerdicts:
    """Knows the verdicts on the runs that are done.

    One that is missing is made by a thread, a run at a time; the next `read` shows it.
    """

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Any, Verdict | None]] = {}
        self._tried: set[tuple[Path, Any]] = set()
        self._busy, self._stopped = threading.Event(), threading.Event()

    def read(self, runs: Sequence[Judged], statuses: Mapping[str, RunStatus]) -> dict[str, Verdict]:
        """Return the verdict on each run that has one, by the run's name."""
        found, missing = {}, []
        for run in runs:
            status = statuses.get(run.name)
            if status is None or status.state is not RunState.DONE:
                continue
            verdict = self._read(run)
            if verdict is not None:
                found[run.name] = verdict
            else:
                missing.append(run)
        self._make(missing)
        return found

    def _read(self, run: Judged) -> Verdict | None:
        folder = run.folder
        mark = (_mark(folder.verdict_json), _mark(folder.fit_log))
        known_mark, verdict = self._known.get(folder.path, (None, None))
        if mark != known_mark:
            verdict = read_verdict(folder)
            self._known[folder.path] = (mark, verdict)
        return verdict

    def _make(self, runs: Sequence[Judged]) -> None:
        if self._busy.is_set():
            return
        wanted = [run for run in runs if self._key(run) not in self._tried]
        if not wanted:
            return
        self._tried |= {self._key(run) for run in wanted}
        self._busy.set()
        start_thread(
            lambda: self._judge_all(wanted), name="lfads_nb verdicts", stop=self._stopped.set
        )

    def _judge_all(self, runs: Sequence[Judged]) -> None:
        # It takes a while to load, and most collections need it not at all.
        from lfads_nb.results.verdict_report import run_verdict

        try:
            for run in runs:
                if self._stopped.is_set():
                    return
                run_verdict(run.folder)
        finally:
            self._busy.clear()

    @staticmethod
    def _key(run: Judged) -> tuple[Path, Any]:
        return run.folder.path, _mark(run.folder.fit_log)


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
