"""What there is to know of the run that was clicked: how it stands, why it failed, its log."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as w

from lfads_nb.plain_text import plain_text
from lfads_nb.queue.retraining import has_earlier_output
from lfads_nb.queue.status import RunState, RunStatus
from lfads_nb.regular_files import read_tail
from lfads_nb.sweep import Run
from lfads_nb.sweep.provenance import TRAINED_BY, read_provenance
from lfads_nb.sweep.verdict import Verdict, read_verdict
from lfads_nb.vocabulary import CURVES, FIGURES
from lfads_nb.widgets.background import Progress, TaskBar
from lfads_nb.widgets.guard import Kind, notice_html
from lfads_nb.widgets.links import Links, file_link
from lfads_nb.widgets.live_preview import LivePreviewBox
from lfads_nb.widgets.panels.notes_box import NotesBox
from lfads_nb.widgets.theme import button, html, plural, row, stack

TAIL_BYTES = 16_000
TAIL_LINES = 80


class RunDetails(w.VBox):
    """Shows one run; `show` again whenever its folder may have changed.

    Parameters
    ----------
    on_look : called with a run that is done and whose rates are to be shown; None for no such
        button.
    """

    def __init__(self, on_look: Callable[[Run], Any] | None = None) -> None:
        self.look = button("See its rates", tip="Open it in Results", style="primary")
        self.look.on_click(lambda _button: self._look())
        self._on_look = on_look
        self._title = html()
        self._state = html()
        self._links = Links()
        self._save = button(
            "Save report and figures",
            tip="The report as one HTML page, and its figures as PNG and SVG, in the run's folder",
        )
        self._save.on_click(lambda _button: self._save_report())
        self.bring_back = button(
            "Bring back what it had before",
            tip="Give up training it again: its outputs and report of before, and it is done",
        )
        self.bring_back.on_click(lambda _button: self._bring_back())
        self._task = TaskBar()
        self.notes = NotesBox()
        self.preview = LivePreviewBox()
        self._facts = html()
        self._log = html()
        self._run: Run | None = None
        self._shown: tuple[object, ...] = ()
        super().__init__([
            stack(self._title, self._state, self.bring_back, row(self.look, self._save),
                  self._links, self.notes, self._task, self.preview,
                  self._facts, self._log)
        ])  # fmt: skip
        for control in (self.look, self._save, self.bring_back):
            control.layout.display = "none"

    def show(self, run: Run | None, status: RunStatus | None) -> None:
        """Show a run, or a hint if there is none."""
        self.notes.show(None if run is None else run.folder.path)
        self._run = run
        is_done = status is not None and status.state is RunState.DONE
        self._save.layout.display = "" if is_done else "none"
        self.look.layout.display = "" if is_done and self._on_look is not None else "none"
        may_change = status is not None and not status.state.is_active
        has_more = may_change and run is not None and has_earlier_output(run.folder)
        self.bring_back.layout.display = "" if has_more else "none"
        trains = run is not None and status is not None and status.state is RunState.TRAINING
        self.preview.show(run.folder if run is not None and trains else None)
        if run is None or status is None:
            self._shown = ()
            self._title.value = '<span class="lfads-dim">Click a run to see its log.</span>'
            for part in (self._state, self._facts, self._log):
                part.value = ""
            self._links.links = []
            return
        tail = log_tail(run)
        page = report_page(run)
        verdict = read_verdict(run.folder) if is_done else None
        now = (run.name, status, tail, run.folder.notebook.exists(), page.exists(), verdict)
        if now == self._shown:
            return
        self._shown = now
        self._title.value = f"<b><code>{escape(run.name)}</code></b>"
        self._state.value = _state_html(status) if verdict is None else _verdict_html(verdict)
        self._facts.value = _facts_html(run, status) + _making_html(run)
        self._log.value = (
            f"<details open><summary>End of the log</summary>"
            '<div class="lfads-log-box" tabindex="0" role="region" aria-label="End of the log">'
            f'<pre class="lfads-log">{escape(tail)}</pre></div></details>'
            if tail
            else '<span class="lfads-dim">No log yet.</span>'
        )
        links = []
        if run.folder.notebook.exists():
            what = "Open the report" if status.state.is_ended else "Open the running notebook"
            links.append(file_link(what, run.folder.notebook))
        if page.exists():
            links.append(file_link("As a page", page))
        if run.folder.log.exists():
            links.append(file_link("Whole log", run.folder.log))
        self._links.links = links

    def _look(self) -> None:
        if self._run is not None and self._on_look is not None:
            self._on_look(self._run)

    def _save_report(self) -> None:
        run = self._run
        if run is None:
            return
        self._save.disabled = True
        self._task.start(
            f"Saving the report of {run.name}",
            lambda progress: save_report(run, progress),
            on_done=lambda paths: self._task.notice.say(
                "success",
                f"Saved {paths[0].name}, and {plural(len(paths) - 1, 'picture')} in "
                f"{paths[1].parent}.",
            ),
            on_end=self._saved,
        )

    def _bring_back(self) -> None:
        run = self._run
        if run is None:
            return
        self.bring_back.disabled = True
        self._task.start(
            f"Bringing back {run.name}",
            lambda _progress: run.bring_back(),
            on_done=lambda _status: self._task.notice.say(
                "success", "It is done again, with what it had made before."
            ),
            on_end=self._brought_back,
        )

    def _brought_back(self) -> None:
        self.bring_back.disabled = False
        run = self._run
        self.show(run, None if run is None else run.status())

    def _saved(self) -> None:
        self._save.disabled = False


def report_page(run: Run) -> Path:
    """Return where a run's report lies as a page of its own."""
    return run.folder.path / f"{run.name}.html"


def save_report(run: Run, progress: Progress) -> list[Path]:
    """Write a run's report as one HTML page and its figures beside it, in its folder."""
    from lfads_nb.results.report_files import save_figures, write_html

    page = write_html(run, report_page(run))
    progress(1, 2, "figures")
    return [page, *save_figures(run, run.folder.path / "figures")]


def log_tail(run: Run) -> str:
    """Return the last lines that a run printed, empty if there is no log."""
    text = read_tail(run.folder.log, TAIL_BYTES)
    # progress bars rewrite their line; only its last state counts
    lines = [line.rsplit("\r", 1)[-1] for line in text.replace("\r\n", "\n").splitlines()]
    return plain_text("\n".join(lines[-TAIL_LINES:]))


def _state_html(status: RunStatus) -> str:
    if status.state is RunState.FAILED:
        return notice_html(
            "error", f"Failed: {status.reason or 'for no known reason'}", details=status.detail
        )
    if status.state in (RunState.INTERRUPTED, RunState.CANCELLED):
        word = status.state.value.capitalize()
        text = f"{word}: {status.reason}" if status.reason else word
        return notice_html(
            "warning", f"{text}. Retry goes on from the last checkpoint.", details=status.detail
        )
    if status.state is RunState.STOPPED_EARLY:
        said = status.reason[:1].upper() + status.reason[1:]
        return notice_html("info", f"{said}. Go on trains it from there to its own end.")
    return ""


def _verdict_html(verdict: Verdict) -> str:
    points = "".join(
        f"<li><b>{escape(f.title)}</b>: {escape(f.sentence)} {escape(f.change)}</li>"
        for f in verdict.findings
    )
    rows = "".join(
        f'<dt title="{escape(figure.hint)}">{escape(figure.name)}</dt>'
        f"<dd>{escape(figure.with_unit(verdict.figures[key]))}</dd>"
        for key, figure in FIGURES.items()
        if key in verdict.figures
    )
    kinds: dict[str, Kind] = {"good": "success", "warning": "warning", "bad": "error"}
    return (
        notice_html(kinds[verdict.level_name], verdict.text)
        + "<details><summary>The figures behind it</summary>"
        + f'<ul>{points}</ul><dl class="lfads-facts">{rows}</dl></details>'
    )


def _making_html(run: Run) -> str:
    facts = read_provenance(run.folder)
    if not facts:
        return ""
    items = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items()
    )
    return (
        "<details><summary>With what it was trained</summary>"
        f'<dl class="lfads-facts">{items}</dl></details>'
    )


def _facts_html(run: Run, status: RunStatus) -> str:
    facts = [("Folder", str(run.folder.path)), ("Setting", run.params.differences_text())]
    if by := read_provenance(run.folder).get(TRAINED_BY):
        facts.append((TRAINED_BY, by))
    if status.pack > 1 and status.state.is_running:
        facts.append(("Cancel", "acts at the end of an epoch: it trains with others"))
    if status.training_end:
        facts.append(("Training ended", status.training_end))
    if status.state is RunState.DONE and status.reason:
        facts.append(("Note", status.reason))
    if status.attempt > 1:
        facts.append(("Attempt", str(status.attempt)))
    if status.peak_memory_mb:
        facts.append(("Memory", f"{status.peak_memory_mb / 1024:.1f} GB at most"))
    rate = status.progress.get("learning_rate")
    if isinstance(rate, int | float):
        facts.append((CURVES["learning_rate"].name.capitalize(), f"{rate:.2g}"))
    best = status.progress.get("best_epoch")
    if best is not None:
        facts.append(("Best epoch", str(best)))
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts)
    return f'<dl class="lfads-facts">{items}</dl>'
