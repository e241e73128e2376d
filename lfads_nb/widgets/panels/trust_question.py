"""Asks once whether the code that a collection names may run, and shows what that code is."""

from __future__ import annotations

import ipywidgets as w

from lfads_nb.errors import LfadsError
from lfads_nb.own_code import NamedCode
from lfads_nb.widgets.bench import Bench
from lfads_nb.widgets.guard import Notice, guarded
from lfads_nb.widgets.theme import button, row


class TrustQuestion(w.VBox):
    """Names the code that does not run, with buttons to let it; nothing if all of it may run.

    Parameters
    ----------
    bench : whose collection it asks about.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._codes: list[NamedCode] = []
        self._dismissed: list[NamedCode] = []
        self.question, self.answer = Notice(lasts=True), Notice()
        self.yes = button(
            "Trust this code for this folder",
            tip="It will run with all that you may do; remembered until its file changes",
        )
        self.no = button("Not now", tip="Results can be looked at without it")
        self._buttons = row(self.yes, self.no)
        super().__init__([self.question, self._buttons, self.answer])
        self.yes.on_click(guarded(self.answer, lambda _button: self._trust()))
        self.no.on_click(guarded(self.answer, lambda _button: self._dismiss()))
        self.refresh()

    def refresh(self) -> None:
        """Look again what the collection names."""
        try:
            self._codes = self._bench.untrusted_code()
        except LfadsError:
            self._codes = []  # whoever opens such a collection says what is wrong with it
        is_shown = bool(self._codes) and self._codes != self._dismissed
        self._buttons.layout.display = "" if is_shown else "none"
        self.yes.disabled = not any(code.can_be_trusted for code in self._codes)
        if not is_shown:
            self.question.clear()
            return
        self.question.say(
            "warning",
            "This collection names code of its own, which is not run: opening a folder never runs "
            "code. Results can be looked at; loading data and training by this code wait for you. "
            "Trust it only if you know where it comes from.",
            points=tuple(f"{code}: {code.problem}" for code in self._codes),
        )

    def _trust(self) -> None:
        self._bench.trust([code for code in self._codes if code.can_be_trusted])
        self.refresh()
        self.answer.say("success", "Trusted for this folder, as its files are now.")

    def _dismiss(self) -> None:
        self._dismissed = self._codes
        self.refresh()
