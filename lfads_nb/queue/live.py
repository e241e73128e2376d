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

    def finish(self, status: RunStatus, *, is_whole: bool) -> None:
        """Show the last figures, and whether the stage came to its own end."""
        text = progress_html(status.progress, status.stage, is_whole=is_whole)
        self._show(text, f"{status.stage}: {'done' if is_whole else 'ended early'}")

    def _show(self, as_html: str, as_text: str) -> None:
        from IPython.display import display

        data = {"text/html": as_html, "text/plain": as_text}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


def progress_html(progress: dict[str, Any], stage: str, *, is_whole: bool | None = None) -> str:
    """Return a stage's progress as a bar and a line of figures.

    Parameters
    ----------
    is_whole : whether it came to its own end, None while it is under way. A bar that moves no more
        would only be a riddle in a report: a word stands there then.
    """
    fraction = float(progress.get("fraction") or 0.0)
    figures = []
    if progress.get("doing") and is_whole is None:
        figures.append(str(progress["doing"]))
    if stage == "training" and "epoch" in progress:
        if is_whole is not None:
            figures.append(f"last epoch {progress['epoch']}")
        figures.append(
            f"cost {progress['total_train']:.2f}, validation {progress['total_valid']:.2f}"
        )
        figures.append(f"learning rate {progress['learning_rate']:.2g}")
    if progress.get("eta_s") and is_whole is None:
        figures.append(f"about {duration_text(progress['eta_s'])} left")
    said = html.escape(", ".join(figures))
    if is_whole is not None:
        end = "done" if is_whole else f"ended early, at {fraction:.0%}"
        return f"<p>{html.escape(stage.capitalize())} {end}{': ' if said else ''}{said}</p>"
    bar = (
        f'<progress value="{fraction:.4f}" max="1" style="width:20em" '
        f'aria-label="{html.escape(stage)}"></progress>'
    )
    return f"<p>{bar} {fraction:.0%} {said}</p>"
