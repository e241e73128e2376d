"""Progress of several runs while somebody waits: a live table in a terminal or a notebook."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, Protocol

from lfads_nb.queue.live import duration_text
from lfads_nb.queue.reading import is_told
from lfads_nb.queue.status import RunState, RunStatus
from lfads_nb.queue.steps import overall_fraction, step_in_words

SHOWN_AT_MOST = 30

ICONS = {
    RunState.NEW: "·", RunState.PREPARED: "·", RunState.QUEUED: "…", RunState.TRAINING: "▶",
    RunState.SAMPLING: "▶", RunState.EXPORTING: "▶", RunState.DONE: "✓", RunState.FAILED: "✗",
    RunState.CANCELLED: "■", RunState.INTERRUPTED: "!",
    RunState.STOPPED_EARLY: "◑",
}  # fmt: skip

_COLOURS = {RunState.DONE: "green", RunState.FAILED: "red", RunState.INTERRUPTED: "yellow"}


class ProgressView(Protocol):
    """Something that shows the statuses it is given, as a context."""

    def __enter__(self) -> ProgressView: ...

    def __exit__(self, *_: object) -> None: ...

    def update(self, statuses: Sequence[RunStatus], waits: Sequence[str]) -> None:
        """Show the runs as they are now."""


def show_progress(names: Sequence[str]) -> ProgressView:
    """Return the view that fits where this process runs."""
    from rich.console import Console

    console = Console()
    return NotebookProgress(names) if console.is_jupyter else TerminalProgress(names, console)


def describe(status: RunStatus, wait: str) -> str:
    """Say where a run is in a few words."""
    if status.state is RunState.QUEUED or is_told(status, wait):
        return wait
    if not status.state.is_running:
        return status.reason
    progress, parts = status.progress, [status.place, step_in_words(status)]
    if {"total_train", "total_valid"} <= progress.keys():
        parts.append(f"cost {progress['total_train']:.1f} / {progress['total_valid']:.1f}")
    if progress.get("eta_s"):
        parts.append(f"{duration_text(progress['eta_s'])} left")
    return ", ".join(filter(None, parts))


def rows_to_show(statuses: Sequence[RunStatus]) -> list[int]:
    """Choose which runs to show where there are many: those that run, then the nearest others."""
    order = sorted(
        range(len(statuses)),
        key=lambda i: (not statuses[i].state.is_running, statuses[i].state is RunState.DONE, i),
    )
    return sorted(order[:SHOWN_AT_MOST])


def summary(statuses: Sequence[RunStatus]) -> str:
    """Count the runs by state."""
    states = [status.state for status in statuses]
    counts = [f"{states.count(state)} {state.value}" for state in RunState if state in states]
    return f"{len(statuses)} runs: {', '.join(counts)}"


class TerminalProgress:
    """A live table by rich, replaced in place; without a terminal, only its last state."""

    def __init__(self, names: Sequence[str], console: Any) -> None:
        from rich.live import Live

        self._names = names
        self._live = Live(console=console, refresh_per_second=2, transient=False)

    def __enter__(self) -> TerminalProgress:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self, statuses: Sequence[RunStatus], waits: Sequence[str]) -> None:
        """Draw the table anew."""
        from rich.markup import escape
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        table = Table(box=None, caption=escape(summary(statuses)), caption_justify="left")
        for heading in ("", "run", "state", "", "%", ""):
            table.add_column(heading, no_wrap=heading != "")
        for index in rows_to_show(statuses):
            status = statuses[index]
            colour = _COLOURS.get(status.state, "default")
            fraction = overall_fraction(status)
            table.add_row(
                ICONS[status.state],
                escape(self._names[index]),
                f"[{colour}]{status.state.value}[/]",
                ProgressBar(total=1.0, completed=fraction, width=20),
                f"{fraction:.0%}",
                escape(describe(status, waits[index])),
            )
        self._live.update(table)


class NotebookProgress:
    """One HTML output that is replaced in place; it needs no widget and survives a reload."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._handle: Any = None
        self._shown = ""

    def __enter__(self) -> NotebookProgress:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last state on the page."""

    def update(self, statuses: Sequence[RunStatus], waits: Sequence[str]) -> None:
        """Draw the table anew if it has changed."""
        from IPython.display import HTML, display

        shown = self._html(statuses, waits)
        if shown == self._shown:
            return
        self._shown = shown
        if self._handle is None:
            self._handle = display(HTML(shown), display_id=True)
        else:
            self._handle.update(HTML(shown))

    def _html(self, statuses: Sequence[RunStatus], waits: Sequence[str]) -> str:
        rows = []
        for index in rows_to_show(statuses):
            status, fraction = statuses[index], overall_fraction(statuses[index])
            name = html.escape(self._names[index])
            cells = (
                f"{ICONS[status.state]} {status.state.value}",
                name,
                f'<progress value="{fraction:.3f}" max="1" aria-label="{name}"></progress> '
                f"{fraction:.0%}",
                html.escape(describe(status, waits[index])),
            )
            rows.append(
                "<tr>"
                + "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells)
                + "</tr>"
            )
        return f"<table>{''.join(rows)}</table><p>{html.escape(summary(statuses))}</p>"
