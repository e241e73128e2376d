"""How a stage looks inside its notebook: one output that is updated."""

from __future__ import annotations

import html
import time
from typing import Any

from lfads_nb.queue.status import RunStatus

_DRAW_EVERY_S = 2.0


def duration_text(seconds: float | None) -> str:
    """Return a duration as a person says it: `45 s`, `12 min`, `3 h 20 min`."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class LiveDisplay:
    """One output of a notebook cell; plain text where there is no notebook."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._drawn = 0.0

    def note(self, text: str) -> None:
        """Show a sentence."""
        self._show(f"<p><em>{html.escape(text)}</em></p>", text)

    def update(self, status: RunStatus) -> None:
        """Show how far a stage is, at most every two seconds."""
        if time.monotonic() - self._drawn >= _DRAW_EVERY_S:
            self._drawn = time.monotonic()
            self._show(progress_html(status.progress, status.stage), status.stage)

    def finish(self, status: RunStatus) -> None:
        """Show the last figures."""
        if status.progress:
            self._show(progress_html(status.progress, status.stage), status.stage)

    def _show(self, as_html: str, as_text: str) -> None:
        from IPython.display import display

        data = {"text/html": as_html, "text/plain": as_text}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


def progress_html(progress: dict[str, Any], stage: str) -> str:
    """Return a stage's progress as a bar and a line of figures."""
    fraction = float(progress.get("fraction") or 0.0)
    figures = []
    if progress.get("doing"):
        figures.append(str(progress["doing"]))
    if stage == "training" and "epoch" in progress:
        figures.append(
            f"cost {progress['total_train']:.2f}, validation {progress['total_valid']:.2f}"
        )
        figures.append(f"learning rate {progress['learning_rate']:.2g}")
    if progress.get("eta_s"):
        figures.append(f"about {duration_text(progress['eta_s'])} left")
    bar = (
        f'<progress value="{fraction:.4f}" max="1" style="width:20em" '
        f'aria-label="{html.escape(stage)}"></progress>'
    )
    return f"<p>{bar} {fraction:.0%} {html.escape(', '.join(figures))}</p>"
