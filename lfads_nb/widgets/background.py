"""Work that takes longer than a click: in a thread, with its progress and a button to stop it.

The kernel stays free. Widgets' traits may be set from threads, so the work's end is reported from
its own thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from html import escape
from typing import Any, TypeVar

import ipywidgets as w

from lfads_nb.widgets.guard import Notice
from lfads_nb.widgets.theme import button, html, row, stack
from lfads_nb.widgets.threads import start_thread

Result = TypeVar("Result")

_SECONDS_BETWEEN = 0.1
"""Of what a bar shows: work of thousands of parts would keep the browser busy with it."""


class Cancelled(Exception):  # noqa: N818 - the end that was asked for, not an error
    """Raised in the work, by its report of progress, once the user has asked to stop."""


class Progress:
    """What the work reports to: `progress(done, total)`, or `progress.check()` in between."""

    def __init__(self, show: Callable[[float, str], None]) -> None:
        self._show = show
        self._stop, self._due = threading.Event(), 0.0

    def __call__(self, done: float, total: float, text: str = "") -> None:
        self.check()
        now = time.monotonic()
        if now < self._due and done < total:
            return
        self._due = now + _SECONDS_BETWEEN
        self._show(done / total if total else 1.0, text or f"{done:g} of {total:g}")

    def check(self) -> None:
        """Raise `Cancelled` if the user has asked to stop."""
        if self._stop.is_set():
            raise Cancelled

    def cancel(self) -> None:
        self._stop.set()


class TaskBar(w.VBox):
    """One piece of work at a time, its progress, its end in words, and its errors."""

    def __init__(self) -> None:
        self.notice = Notice()
        self._text = html()
        self._cancel = button("Cancel", tip="Stop this work as soon as it can be")
        self._cancel.on_click(self._ask_to_stop)
        self._line = row(self._text, self._cancel)
        self._line.layout.display = "none"
        self._progress: Progress | None = None
        self._idle = threading.Event()
        self._idle.set()
        self._lock = threading.Lock()
        self._busy = False
        super().__init__([stack(self._line, self.notice)])

    @property
    def is_busy(self) -> bool:
        """Whether work is going on."""
        return self._busy

    def start(
        self,
        what: str,
        work: Callable[[Progress], Result],
        *,
        on_done: Callable[[Result], Any] | None = None,
        on_end: Callable[[], Any] | None = None,
    ) -> bool:
        """Begin work in a thread and return at once.

        Parameters
        ----------
        what : the work in words, such as "Preparing inputs".
        work : gets a `Progress`.
        on_done : gets the result, in the same thread, if the work ended well.
        on_end : called in any case; it may start the next work.

        Returns
        -------
        bool
            False if other work is still going on; nothing is started then.
        """
        with self._lock:
            if self._busy:
                return False
            self._busy = True
            self._idle.clear()
        self.notice.clear()
        progress = Progress(lambda fraction, text: self._show(what, fraction, text))
        self._progress = progress
        self._cancel.disabled = False
        self._show(what, None, "")
        self._line.layout.display = ""

        def run() -> None:
            try:
                result = work(progress)
                if on_done is not None:
                    on_done(result)
            except Cancelled:
                self.notice.say("info", f"{what}: stopped as you asked.")
            except Exception as error:  # noqa: BLE001 - shown in words; the thread ends here
                self.notice.report(error)
            finally:
                self._line.layout.display = "none"
                self._busy = False
                if on_end is not None:
                    on_end()
                with self._lock:
                    if not self._busy:  # on_end may have started the next work
                        self._idle.set()

        start_thread(run, name=f"lfads_nb: {what}", stop=progress.cancel)
        return True

    def join(self, timeout: float | None = None) -> None:
        """Wait for the work's end (for scripts and tests; a panel never waits)."""
        self._idle.wait(timeout)

    def _show(self, what: str, fraction: float | None, text: str) -> None:
        value = "" if fraction is None else f' value="{fraction:.3f}"'
        self._text.value = (
            f'<span>{escape(what)}</span> <progress aria-label="{escape(what)}"{value}></progress> '
            f'<span class="lfads-dim">{escape(text)}</span>'
        )

    def _ask_to_stop(self, _button: w.Button) -> None:
        self._cancel.disabled = True
        if self._progress is not None:
            self._progress.cancel()
