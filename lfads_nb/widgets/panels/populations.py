"""The populations of a collection: launch them, watch them, take what came out of them."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets as w

from lfads_nb.errors import CollectionError, LfadsError
from lfads_nb.queue import Queue
from lfads_nb.queue.live import duration_text
from lfads_nb.queue.status import RunState, RunStatus
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.population_run import PopulationRun
from lfads_nb.sweep.verdict import Verdict
from lfads_nb.widgets.background import Progress, TaskBar
from lfads_nb.widgets.bench import Bench
from lfads_nb.widgets.guard import Notice, guarded
from lfads_nb.widgets.live_table import LiveTable, Row, cell, column
from lfads_nb.widgets.run_states import RunStatuses, state_cell
from lfads_nb.widgets.run_verdicts import RunVerdicts, verdict_cell
from lfads_nb.widgets.theme import button, html, plural, row, section, title

COLUMNS = [
    column("run", "Run spec", kind="code", width="150px"),
    column("population", "Population", kind="code"),
    column("state", "State", width="210px"),
    column("generation", "Generation", kind="number"),
    column("progress", "Progress"),
    column("best", "Best score", kind="number", hint="smoothed; what members are judged by"),
    column("verdict", "Winner's verdict", hint="what the winner's own figures say of it"),
    column("eta", "Left", kind="number", hint="at most, by the pace of whole generations"),
    column("what", "What is searched", width="260px"),
]


class Populations(w.VBox):
    """A table of a collection's populations with what can be done to them, and a view of one.

    Parameters
    ----------
    bench : whose collection.
    launch : called with the populations to launch and what to tell when that is done; None for a
        table without a launch button.
    """

    def __init__(
        self,
        bench: Bench,
        launch: Callable[[list[PopulationRun]], Any] | None = None,
        *,
        with_view: bool = False,
    ) -> None:
        self.bench, self._launch, self._with_view = bench, launch, with_view
        self._reader, self._verdicts = RunStatuses(), RunVerdicts()
        self._statuses: dict[str, RunStatus] = {}
        self.notice, self.task = Notice(), TaskBar()
        self.table = LiveTable(
            COLUMNS, "Populations", selectable="many", max_height="240px",
            empty="No populations: Parameters, AutoLFADS adds one.",
        )  # fmt: skip
        self.start = button("Launch AutoLFADS", style="primary", tip="Prepare and queue them")
        self.pause = button("Pause", tip="Members stop and keep their checkpoints")
        self.resume = button("Resume")
        self.cancel = button("Cancel", tip="Stop for good; a relaunch goes on where it was")
        self.remove = button("Remove from the collection", tip="Nothing on disk is touched")
        self._view = w.VBox()
        self._viewed: tuple[str, Any] | None = None
        for control, action in (
            (self.start, self._start), (self.remove, self._remove),
            (self.pause, lambda: self._ask("pause")), (self.resume, lambda: self._ask("resume")),
            (self.cancel, lambda: self._ask("cancel")),
        ):  # fmt: skip
            control.on_click(guarded(self.notice, lambda _b, action=action: action()))
        self.table.observe(guarded(self.notice, lambda _c: self._enable()), "selected")
        controls = [self.start] if launch is not None else []
        controls += [self.pause, self.resume, self.cancel]
        controls += [self.remove] if launch is not None else []
        super().__init__([
            section(
                title(
                    "AutoLFADS",
                    "Populations; the winner of each becomes an ordinary run of the collection.",
                ),
                self.table, row(*controls), self.task, self.notice, self._view,
            )
        ])  # fmt: skip
        self.add_class("lfads-populations")

    @property
    def populations(self) -> list[PopulationRun]:
        """Those of the collection that is open."""
        return [] if self.bench.collection is None else self.bench.collection.population_runs

    def show(self) -> None:
        """Read where they are and show it."""
        runs = self.populations
        self.layout.display = "" if runs else "none"
        if not runs:
            self._statuses = {}
            self.table.update_rows([])
            return
        self._statuses = self._reader.read(runs)
        waits = self._reader.waits(runs)
        winners = [_Winner(run.name, run.folder.best) for run in runs]
        verdicts = self._verdicts.read(winners, self._statuses)
        self.table.update_rows(
            [
                _row(run, self._statuses[run.name], waits[run.name], verdicts.get(run.name))
                for run in runs
            ]
        )
        self._enable()

    @property
    def statuses(self) -> list[RunStatus]:
        """Where they were when last looked at."""
        return list(self._statuses.values())

    @property
    def is_active(self) -> bool:
        """Whether any of them was under way when last looked at."""
        return any(status.state.is_active for status in self._statuses.values())

    def _chosen(self) -> list[PopulationRun]:
        chosen = set(self.table.selected)
        return [run for run in self.populations if not chosen or run.name in chosen]

    def _enable(self) -> None:
        states = [self._statuses[r.name].state for r in self._chosen() if r.name in self._statuses]
        idle = [s for s in states if not s.is_active and s is not RunState.DONE]
        active = [s for s in states if s.is_active]
        self.start.disabled = not idle or self.bench.busy
        self.start.description = f"Launch {plural(len(idle), 'population')}" if idle else "Launch"
        self.pause.disabled = self.cancel.disabled = not active
        self.resume.disabled = RunState.QUEUED not in states
        self.remove.disabled = not self.table.selected or bool(active)
        if self._with_view:
            self._show_view()

    def _show_view(self) -> None:
        """Show the first of those that are selected, or the only one."""
        chosen = self._chosen()
        if not chosen:
            self._view.children, self._viewed = (), None
            return
        run = chosen[0]
        if self._viewed is not None and self._viewed[0] == run.name:
            self._viewed[1].read_again()
            return
        self._viewed = None
        if not run.is_prepared:
            self._view.children = [
                html('<span class="lfads-dim">It has not been prepared yet: launch it.</span>')
            ]
            return
        viewer = importlib.import_module("lfads_nb.widgets.viewers").PopulationViewer
        try:
            made = viewer(run)
        except LfadsError as error:
            self._view.children = [html(f'<span class="lfads-dim">{escape(str(error))}</span>')]
            return
        self._viewed = (run.name, made)
        self._view.children = [made]

    # --------------------------------------------------------------------------------- doing

    def _start(self) -> None:
        self.start.disabled = True
        idle = [
            run
            for run in self._chosen()
            if not self._statuses[run.name].state.is_active
            and self._statuses[run.name].state is not RunState.DONE
        ]
        if not idle:
            raise CollectionError("nothing is left to launch: all are done or under way")
        assert self._launch is not None
        self._launch(idle)

    def _ask(self, verb: str) -> None:
        runs = self._chosen()

        def work(_progress: Progress) -> None:
            queue = Queue([run.folder for run in runs], names=[run.name for run in runs])
            getattr(queue, verb)()

        self.task.start(
            f"{verb.capitalize()} {plural(len(runs), 'population')}", work, on_end=self.show
        )

    def _remove(self) -> None:
        collection = self.bench.collection
        if collection is None:
            return
        gone = {run.population.hash for run in self._chosen()}
        with self.bench.lock:
            kept = [p for p in collection.populations if p.hash not in gone]
            collection.clear_populations()
            collection.add_population(kept)
        self.bench.changed()


@dataclass(frozen=True)
class _Winner:
    """A population's winner, by the population's name."""

    name: str
    folder: RunFolder


def _generation(progress: dict[str, Any]) -> Any:
    now, most = progress.get("generation"), progress.get("generations")
    if not isinstance(now, int) or not isinstance(most, int):
        return None
    members = f"{progress.get('members_done', 0)} of {progress.get('members', '?')} members"
    return cell(f"{now + 1} of {most}", sort=now, sub=members)


def _known(value: Any) -> float | None:
    """Return a number of a status file if it is one that a table can show."""
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _row(run: PopulationRun, status: RunStatus, wait: str, verdict: Verdict | None) -> Row:
    progress = status.progress
    note = wait if status.state.is_active else status.reason
    fraction = 1.0 if status.state is RunState.DONE else _known(progress.get("fraction"))
    eta = _known(progress.get("eta_s"))
    best = _known(progress.get("best_score", progress.get("score")))
    return {
        "id": run.name,
        "label": run.name,
        "cells": {
            "run": run.spec.name,
            "population": cell(run.population.hash, title=run.population.describe()),
            "state": state_cell(status.state, title=note or None, sub=note),
            "generation": _generation(progress),
            "progress": cell(f"{fraction:.0%}", fraction=fraction, sort=fraction)
            if fraction is not None
            else None,
            "best": cell(f"{best:.5g}", sort=best) if best is not None else None,
            "verdict": None
            if verdict is None
            else verdict_cell(verdict.title, verdict.level_name, verdict.text),
            "eta": cell(duration_text(eta), sort=eta) if eta is not None else None,
            "what": cell(", ".join(run.population.space), title=run.population.describe()),
        },
    }
