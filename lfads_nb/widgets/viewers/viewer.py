"""What every viewer of a run's trials is."""

from __future__ import annotations

from typing import Any

import ipywidgets as w

from lfads_nb.results import PosteriorMeans
from lfads_nb.results.run_view import RunView
from lfads_nb.sweep import Run
from lfads_nb.widgets.viewers.linked_view import LinkedView
from lfads_nb.widgets.viewers.selection import Selection
from lfads_nb.widgets.viewers.selection_bar import make_side
from lfads_nb.widgets.viewers.viewed import Viewed


class Viewer(LinkedView):
    """A view of a run's trials, with the selection's controls and the legend around it.

    Parameters
    ----------
    posterior_means : what `Run.posterior_means()` returns, the run itself, or a `Viewed` to share.
    selection : shared with other viewers; what is chosen in one is then seen in all.
    chrome : whether to show the selection's own controls and the legend.
    chosen : what to select at first, such as `neuron=7`; see `Selection`.
    """

    def __init__(
        self,
        posterior_means: PosteriorMeans | Run | RunView | Viewed,
        *,
        selection: Selection | None = None,
        chrome: bool = True,
        **chosen: Any,
    ) -> None:
        if isinstance(posterior_means, Run | RunView):
            posterior_means = posterior_means.posterior_means()
        if isinstance(posterior_means, Viewed):
            self.viewed = posterior_means
        elif not isinstance(posterior_means, PosteriorMeans):
            raise TypeError(
                f"{type(self).__name__} shows one run: give it run.posterior_means(), not "
                f"{type(posterior_means).__name__}"
            )
        else:
            self.viewed = Viewed(posterior_means, selection, **chosen)
        super().__init__(self.viewed.selection)
        layout = {"flex": "1 1 auto", "min_width": "0", "width": "auto", "overflow": "visible"}
        body = w.VBox(list(self.build()), layout=layout)
        if chrome:
            side = make_side(self.viewed)
            self.choices, self.legend = side.children
            row = w.HBox([body, side], layout={"align_items": "flex-start"})
            self.children = [row]
        else:
            self.children = [body]
        self.start()

    def call(self, **more: Any) -> str:
        """Return the Python call that makes this viewer with what is selected now."""
        selection, viewed = self.selection, self.viewed
        arguments: dict[str, Any] = {}
        if len(viewed.sources) > 1:
            arguments["dataset"] = selection.dataset
        if selection.colour_by != "condition":
            arguments["colour_by"] = selection.colour_by
        if selection.shown != viewed.conditions.shown_at_first():
            arguments["shown"] = selection.shown
        for name, usual in (("scheme", "auto"), ("trials", "all")):
            if getattr(selection, name) != usual:
                arguments[name] = getattr(selection, name)
        for name in ("picked", "time_window", "events"):
            if getattr(selection, name):
                arguments[name] = getattr(selection, name)
        return call_of(self, "run.posterior_means()", {**arguments, **more})


def call_of(view: LinkedView, first: str, arguments: dict[str, Any]) -> str:
    """Return a Python call of a view's class: its first argument as code, the others as values."""
    name = type(view).__name__
    lines = "".join(f"\n    {key}={value!r}," for key, value in arguments.items())
    return f"from lfads_nb.widgets.viewers import {name}\n\n{name}(\n    {first},{lines}\n)"
