"""Advice on settings before they are trained, each with its values one click away."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import ipywidgets as w

from lfads_nb.datasets import DatasetInfo
from lfads_nb.sweep import RunParams
from lfads_nb.sweep.advice import Advice, RunSizes, advise
from lfads_nb.widgets.guard import notice_html
from lfads_nb.widgets.panels.field_values import value_text
from lfads_nb.widgets.theme import button, html

MOST_SETTINGS = 50
"""Of a sweep only its first settings are looked at: the form checks itself while one types."""

_MOST_SHOWN = 6


def advise_all(
    settings: Sequence[RunParams],
    runs: Sequence[Sequence[tuple[str, DatasetInfo]]],
    *,
    but_on: Collection[str] = (),
) -> list[Advice]:
    """Return advice on settings for every model that would be trained, each piece once.

    Parameters
    ----------
    settings : what would be trained.
    runs : the (name, info) of the datasets of each model.
    but_on : parameters that somebody else decides on, such as a population.
    """
    found: dict[str, Advice] = {}
    for params in settings[:MOST_SETTINGS]:
        for datasets in runs:
            for advice in advise(params, RunSizes.of(params, [info for _, info in datasets])):
                # Of alike advice the first stands for all: one field has one value.
                if advice.about not in but_on:
                    found.setdefault(advice.about, advice)
    return list(found.values())


class AdviceBox(w.VBox):
    """Shows pieces of advice; a click on a button calls back with what it offers.

    Parameters
    ----------
    take : called with the advice whose button was clicked.
    verb : what a button does, before the values.
    """

    def __init__(self, take: Callable[[Advice], Any], verb: str = "Set") -> None:
        self._take, self._verb = take, verb
        self._shown: tuple[str, ...] = ()
        self._rows: list[w.Widget] = []
        self.buttons: list[w.Button] = []
        super().__init__()
        self.add_class("lfads-advice")

    def show(self, advice: Sequence[Advice]) -> None:
        """Show advice, if it is other than what stands there."""
        shown = tuple(each.sentence for each in advice[:_MOST_SHOWN])
        if shown == self._shown:
            return
        self._shown = shown
        old = self._rows
        self.buttons = []
        self._rows = [self._row(each) for each in advice[:_MOST_SHOWN]]
        self.children = self._rows
        for child in old:
            child.close()

    def _row(self, advice: Advice) -> w.Widget:
        words = html(notice_html("info", f"{advice.sentence}."))
        if not advice.changes:
            return words
        values = ", ".join(f"{k} = {value_text(v)}" for k, v in advice.changes.items())
        take = button(f"{self._verb} {values}", tip=advice.sentence)
        take.on_click(lambda _button: self._take(advice))
        self.buttons.append(take)
        return w.VBox([words, take])
