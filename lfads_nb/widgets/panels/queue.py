"""The queue panel: every run live, what was asked of it, its curves, its log, its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from lfads_nb.errors import CollectionError
from lfads_nb.queue import Queue
from lfads_nb.queue.status import RunState, RunStatus, local_now
from lfads_nb.sweep import Run
from lfads_nb.widgets.background import Progress, TaskBar
from lfads_nb.widgets.bench import Source
from lfads_nb.widgets.jupyter_place import proxied
from lfads_nb.widgets.links import Links, file_link, page_link
from lfads_nb.widgets.live_table import LiveTable
from lfads_nb.widgets.panel import Panel
from lfads_nb.widgets.panels.device_load import DeviceLoad
from lfads_nb.widgets.panels.loss_curves import LossCurves
from lfads_nb.widgets.panels.loss_history import LossHistory
from lfads_nb.widgets.panels.notes_box import NotesReader
from lfads_nb.widgets.panels.populations import Populations
from lfads_nb.widgets.panels.queue_rows import (
    COLUMNS,
    RunLine,
    best_of_queue,
    columns_shown,
    describe_runs,
    note_of,
    queue_row,
)
from lfads_nb.widgets.panels.run_details import RunDetails
from lfads_nb.widgets.panels.runs import UNSEEN_S
from lfads_nb.widgets.run_states import RunStatuses, counts_text
from lfads_nb.widgets.run_verdicts import RunVerdicts
from lfads_nb.widgets.theme import button, html, plural, row, section, stack, title

if TYPE_CHECKING:
    from lfads_nb.queue.tensorboard import TensorBoard

FRESH_LOGS_PER_TICK = 25
_AGAIN = (RunState.FAILED, RunState.INTERRUPTED, RunState.CANCELLED)


class QueuePanel(Panel):
    """Shows the runs of a collection live, and tells the queue what to do with them.

    Parameters
    ----------
    source : a run collection, its folder, or a bench.
    on_look : called with a run whose rates are to be shown; None for no such button.
    """

    def __init__(
        self, source: Source = None, *, on_look: Callable[[Run], Any] | None = None
    ) -> None:
        super().__init__(source)
        self._reader, self._history = RunStatuses(), LossHistory()
        self._verdicts, self._notes = RunVerdicts(), NotesReader()
        self._statuses: dict[str, RunStatus] = {}
        self._described: list[Run] = []
        self._lines: dict[str, RunLine] = {}
        self._tick_lock = threading.Lock()
        self.devices = DeviceLoad()
        self.table = LiveTable(
            COLUMNS, "Runs", selectable="many", filterable=True, facets=["state", "run"],
            max_height="400px", empty="No runs yet: make some in Runs.",
        )  # fmt: skip
        self.pause = button("Pause", tip="Hold them back; running ones stop and go on later")
        self.resume = button("Resume", tip="Let held runs start again")
        self.cancel = button(
            "Cancel",
            tip="Stop running ones (in one program: after the epoch), take waiting ones out",
        )
        self.retry = button("Retry", tip="Go on from the last checkpoint")
        self.go_on = button("Go on", tip="Train what was stopped early to its own end")
        self.sample = button(
            "Sample again",
            tip="Rates, factors and report anew from the trained weights: when outputs are damaged",
        )
        self.retry_all = button("Retry all failed")
        self.first = button("First in line", tip="Higher priority than all others")
        self.last = button("Last in line", tip="Lower priority than all others")
        self.tensorboard = button("TensorBoard", tip="Curves of all runs in a page of their own")
        self.report = button(
            "Save sweep report", tip="All runs as one HTML page, in the collection's folder"
        )
        self.task = TaskBar()
        self.curves = LossCurves()
        self.details = RunDetails(on_look)
        self.populations = Populations(self.bench, with_view=True)
        self._count = html()
        self._about = html()
        self._tensorboard_link, self._report_link = Links(), Links()
        self.restart = button("Start the queue again", style="primary")
        self._stalled = row(html("<b>The queue is not running, and runs wait.</b>"), self.restart)
        self._lay_out()
        self._connect()
        self.refresh()

    def _lay_out(self) -> None:
        left, right = stack(title("Costs"), self.curves), stack(title("Run"), self.details)
        left.layout = w.Layout(flex="1 1 50%", min_width="0")
        right.layout = w.Layout(flex="1 1 50%", min_width="0")
        below = w.HBox([left, right])
        below.add_class("lfads-columns")
        self.fill(
            title("Queue", "Runs go on when this page is closed; it finds them again."),
            self._count,
            self.devices,
            self.populations,
            self.table,
            row(self.pause, self.resume, self.cancel, self.retry, self.go_on, self.sample,
                self.first, self.last, self._about),
            row(self.retry_all, self.tensorboard, self._tensorboard_link, self.report,
                self._report_link),
            self.task,
            self._stalled,
            self.notice,
            section(below),
        )  # fmt: skip

    def _ask_of_chosen(self, verb: str) -> None:
        self._ask(verb, self._chosen())

    def _connect(self) -> None:
        for control, verb in (
            (self.pause, "pause"), (self.resume, "resume"), (self.cancel, "cancel"),
            (self.retry, "retry"), (self.go_on, "go_on"),
        ):  # fmt: skip
            self.on_click(control, partial(self._ask_of_chosen, verb))
        self.on_click(self.sample, self._sample_again)
        self.on_click(self.first, lambda: self._prioritise(+1))
        self.on_click(self.last, lambda: self._prioritise(-1))
        self.on_click(self.retry_all, lambda: self._ask("retry", self._ended_badly()))
        self.on_click(self.restart, lambda: self._ask("launch", self._queued()))
        self.on_click(self.tensorboard, self._open_tensorboard)
        self.on_click(self.report, self._save_report)
        self.table.observe(self.guard(lambda _change: self._show_selected()), "selected")
        self.bench.on_change(self.refresh)
        self.bench.on_open(self._forget_links)
        self.bench.on_tick(self.tick)

    # -------------------------------------------------------------------------------- showing

    @property
    def runs(self) -> list[Run]:
        """The runs of the collection."""
        return self.bench.collection.runs if self.bench.collection is not None else []

    def refresh(self) -> None:
        """Read where the runs are and show it."""
        runs = self.runs
        with self._tick_lock:
            self._statuses = self._reader.read(runs)
            self._show_rows(runs)
        self.populations.show()
        self._show_counts()
        self._show_selected()

    def tick(self) -> bool:
        """Look again, if anybody sees it; return whether anything is going on."""
        if self.table.seconds_unseen < UNSEEN_S:
            self.refresh()
            self.devices.update(self._statuses.values(), self.populations.statuses)
        active = [status.state.is_active for status in self._statuses.values()]
        return any(active) or self.populations.is_active

    def _show_rows(self, runs: list[Run]) -> None:
        if runs != self._described:
            self._described, self._lines = runs, describe_runs(runs)
        waits, now = self._reader.waits(runs), local_now()
        before = self._history.n_files_read
        verdicts = self._verdicts.read(runs, self._statuses)
        rows, courses = [], {}
        for name, line in self._lines.items():
            # Many logs are read little by little: the table is there at once.
            may_read = self._history.n_files_read - before < FRESH_LOGS_PER_TICK
            course = self._history.course(line.folder.fit_log, may_read=may_read)
            courses[name] = course
        notes = {name: self._notes.read(line.folder.path) for name, line in self._lines.items()}
        best = best_of_queue(self._lines.values(), verdicts, courses, self._statuses)
        for name, line in self._lines.items():
            status, course = self._statuses[name], courses[name]
            rows.append(
                queue_row(
                    line, status, spark=course.spark if course else [],
                    note=note_of(status, waits[name]), now=now, verdict=verdicts.get(name),
                    best_by=best.get(name), notes=notes[name],
                )
            )  # fmt: skip
        columns = columns_shown(notes.values())
        if columns != self.table.columns:
            self.table.columns = columns
        self.table.update_rows(rows)

    def _show_counts(self) -> None:
        states = [status.state for status in self._statuses.values()]
        listed = {"run": list(self._statuses.values()), "population": self.populations.statuses}
        counted = [
            f"{plural(len(found), what)}: {counts_text(found)}"
            for what, found in listed.items()
            if found
        ]
        words = "; ".join(counted) or "No runs yet"
        self._count.value = f'<div class="lfads-count" role="status">{words}</div>'
        badly = self._ended_badly()
        self.retry_all.disabled = not badly
        self.retry_all.description = (
            f"Retry all {len(badly)} that failed" if badly else "Retry all failed"
        )
        self.tensorboard.disabled = not states
        self.report.disabled = RunState.DONE not in states
        stalled = self._reader.is_stalled
        self._stalled.layout.display = "" if stalled else "none"

    def _show_selected(self) -> None:
        runs = self._chosen()
        states = {self._statuses[run.name].state for run in runs if run.name in self._statuses}
        queued, active = RunState.QUEUED in states, any(state.is_active for state in states)
        self.pause.disabled, self.resume.disabled = not active, not queued
        self.first.disabled = self.last.disabled = not queued
        self.cancel.disabled = not active
        self.retry.disabled = not states & set(_AGAIN)
        self.go_on.disabled = RunState.STOPPED_EARLY not in states
        self.sample.disabled = RunState.DONE not in states
        words = plural(len(runs), "run") + " selected" if runs else "Select runs to act on them."
        self._about.value = f'<span class="lfads-dim">{words}</span>'
        logs = [
            (line.name, line.label, course.log)
            for run in runs
            if (line := self._lines.get(run.name))
            and (course := self._history.course(line.folder.fit_log))
        ]
        self.curves.show(logs, n_without=len(runs) - len(logs))
        last = runs[-1] if runs else None
        self.details.show(last, self._statuses.get(last.name) if last else None)

    def _chosen(self) -> list[Run]:
        chosen = set(self.table.selected)
        return [run for run in self.runs if run.name in chosen]

    def _ended_badly(self) -> list[Run]:
        bad = (RunState.FAILED, RunState.INTERRUPTED)
        return [
            run
            for run in self.runs
            if run.name in self._statuses and self._statuses[run.name].state in bad
        ]

    def _queued(self) -> list[Run]:
        waiting = RunState.QUEUED
        return [
            run
            for run in self.runs
            if run.name in self._statuses and self._statuses[run.name].state is waiting
        ]

    # --------------------------------------------------------------------------------- doing

    def _ask(self, verb: str, chosen: list[Run], **options: Any) -> None:
        if not chosen:
            raise CollectionError("select runs in the table first")
        for control in (
            self.pause, self.resume, self.cancel, self.retry, self.go_on, self.retry_all,
        ):  # fmt: skip
            control.disabled = True

        def work(_progress: Progress) -> None:
            queue = Queue([run.folder for run in chosen], names=[run.name for run in chosen])
            getattr(queue, verb)(**options)

        self._start(f"{verb.replace('_', ' ').capitalize()} {plural(len(chosen), 'run')}", work)

    def _sample_again(self) -> None:
        done = [run for run in self._chosen() if self._statuses[run.name].state is RunState.DONE]
        self.sample.disabled = True
        self._ask("launch", done, mode="posterior_mean_only")

    def _prioritise(self, direction: int) -> None:
        # later calls outbid earlier ones
        self._ask(
            "set_priority", self._chosen(), runs=None, priority=direction * int(time.time() - 1.7e9)
        )

    def _open_tensorboard(self) -> None:
        self.tensorboard.disabled = True
        collection = self.bench.collection
        if collection is None:
            raise CollectionError("open or make a collection first")

        def show(board: TensorBoard) -> None:
            url = proxied(board.port, f"{board.token}/") or board.url
            self._tensorboard_link.links = [page_link("Open TensorBoard", url)]

        self._start("Starting TensorBoard", lambda _p: collection.launch_tensorboard(), show)

    def _forget_links(self) -> None:
        self._tensorboard_link.links = self._report_link.links = []

    def _save_report(self) -> None:
        collection = self.bench.collection
        if collection is None:
            raise CollectionError("open or make a collection first")
        runs, path = self.runs, collection.path / "sweep.html"

        def work(_progress: Progress) -> Path:
            from lfads_nb.results.sweep_report import write_sweep_report

            return write_sweep_report(runs, path, title=collection.name)

        def show(page: Path) -> None:
            self._report_link.links = [file_link("Open the sweep report", page)]

        self._start("Writing the sweep report", work, show)

    def _start(
        self,
        what: str,
        work: Callable[[Progress], Any],
        on_done: Callable[[Any], Any] | None = None,
    ) -> None:
        if not self.task.start(what, work, on_done=on_done, on_end=self.refresh):
            self.notice.say("warning", "Other work is still going on; try again when it has ended.")
