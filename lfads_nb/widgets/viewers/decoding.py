"""What the rates tell about behaviour and conditions, beside what the spikes tell."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets as w
import numpy as np

from lfads_nb import palette
from lfads_nb.errors import DataError
from lfads_nb.palette import NEUTRAL
from lfads_nb.results.decoding import (
    LabelResult,
    SignalResult,
    decodable,
    decode_and_keep,
    describe_result,
)
from lfads_nb.widgets.background import Progress, TaskBar
from lfads_nb.widgets.theme import button
from lfads_nb.widgets.viewers.choices import offer
from lfads_nb.widgets.viewers.line_keys import key_html
from lfads_nb.widgets.viewers.plot import Plot
from lfads_nb.widgets.viewers.stepper import Stepper
from lfads_nb.widgets.viewers.toggle import bar
from lfads_nb.widgets.viewers.viewer import Viewer

_MARGINS = (4, 14, 36, 62)
_MOST_DIMS = 3
_NOTHING = "– nothing –"
_JUDGED_BY = {
    "validation trials": "valid", "test trials": "test", "folds of all trials": "folds",
}  # fmt: skip


class DecodingViewer(Viewer):
    """Decode a signal or a label from each of what was inferred, and from the spikes.

    The table has a row per source, all judged by the same trials; below it are the true and the
    decoded traces of one of these trials, or who was taken for whom.

    Parameters
    ----------
    posterior_means : what `Run.posterior_means()` returns.
    selection : shared with other viewers.
    chosen : what to select at first; see `Selection`.
    """

    title: ClassVar[str] = "Decoding"
    redraw_on: ClassVar[tuple[str, ...]] = ("dataset",)

    def build(self) -> Sequence[w.Widget]:
        narrow = {"style": {"description_width": "initial"}, "layout": {"width": "auto"}}
        self.target = w.Dropdown(description="decode", options=[], **narrow)
        self.judged_by = w.Dropdown(description="judged by", options=list(_JUDGED_BY), **narrow)
        self.groups = w.Dropdown(
            description="leave out each", options=[_NOTHING],
            tooltip="fit on the other groups' trials, and judge by the group's own", **narrow,
        )  # fmt: skip
        self.lag = w.Text(
            value="search", description="lag (ms)", style={"description_width": "initial"},
            layout={"width": "150px"},
            tooltip="by how much the signal comes after its neurons; 'search' chooses it on the "
            "trials that the decoder is fitted on",
        )  # fmt: skip
        self.chance = w.BoundedIntText(
            value=10, min=0, max=1000, description="permutations",
            style={"description_width": "initial"}, layout={"width": "150px"},
        )  # fmt: skip
        self.go = button("Decode", tip="Takes some seconds; nothing is written")
        self.go.on_click(lambda _button: self.decode())
        self.task = TaskBar()
        self.table = w.HTML()
        self.table.add_class("lfads-decoding-table")
        self.source = w.Dropdown(description="show", options=[], **narrow)
        self.source.observe(self._show, "value")
        self.trial = Stepper(label="trial")
        self.trial.observe(self._show, "index")
        self.confusion = w.HTML()
        first = Plot("time (ms)", "", height=170, margins=_MARGINS)
        self.traces = [first] + [
            Plot("time (ms)", "", height=170, margins=_MARGINS, x_scale=first.x_scale)
            for _ in range(_MOST_DIMS - 1)
        ]
        for plot in self.traces:
            plot.y_axis.tick_format = "~g"  # else bqplot writes some hundreds as -2e+2
        self.result: SignalResult | LabelResult | None = None
        self._offered: tuple[Any, ...] = ()
        self.more = bar(self.source, self.trial)
        return [
            bar(self.target, self.judged_by, self.groups, self.lag, self.chance, self.go),
            self.task, self.table, self.more, self.confusion, *self.traces,
        ]  # fmt: skip

    @property
    def plots(self) -> Sequence[Plot]:
        return self.traces

    def draw(self) -> None:
        pm = self.viewed.source.pm
        signals, labels = decodable(pm)
        offered = (pm.name, signals, labels)
        if offered != self._offered:
            self._offered = offered
            self.result = None
            if signals or labels:
                offer(self.target, (*signals, *labels))
            offer(self.groups, (_NOTHING, *labels))
            offer(
                self.judged_by,
                [n for n, split in _JUDGED_BY.items() if split != "test" or len(pm.test_inds)],
            )
        self.go.disabled = not (signals or labels)
        self._show()
        if not signals and not labels:
            raise DataError(
                "Nothing to decode: the session has neither behaviour nor conditions. Behaviour "
                "comes with the data, as Counts(behavior=...)."
            )

    # ------------------------------------------------------------------------------ decoding

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of `Run.decode` that are set."""
        text = self.lag.value.strip() or "search"
        try:
            lag: Any = text if text == "search" else float(text)
        except ValueError:
            raise DataError(f"is {text!r}; give ms, or 'search'.", field="lag") from None
        found: dict[str, Any] = {"n_permutations": self.chance.value}
        if lag != "search":
            found["lag_ms"] = lag
        if (judged := _JUDGED_BY[self.judged_by.value]) != "valid":
            found["evaluate"] = judged
        if self.groups.value != _NOTHING:
            found["groups"] = self.groups.value
        return found

    def decode(self) -> None:
        """Start decoding what is chosen."""
        pm, target = self.viewed.source.pm, self.target.value

        def work(_progress: Progress) -> SignalResult | LabelResult:
            return decode_and_keep(pm, target, **self.options)

        def done(result: SignalResult | LabelResult) -> None:
            self.result = result
            offer(self.source, list(result.by_source), self._show)
            self.trial.show([f"trial {trial}" for trial in result.trials.tolist()], 0)
            self.redraw()

        self.go.disabled = True
        if not self.task.start(
            f"Decoding {target}", work, on_done=done,
            on_end=lambda: setattr(self.go, "disabled", False),
        ):  # fmt: skip
            self.go.disabled = False

    # ------------------------------------------------------------------------------- drawing

    def _show(self, _change: Any = None) -> None:
        result = self.result
        is_signal = isinstance(result, SignalResult)
        self.more.layout.display = None if result is not None else "none"
        self.trial.layout.display = None if is_signal else "none"
        self.confusion.value = ""
        for number, plot in enumerate(self.traces):
            shown = is_signal and number < len(result.dims)  # type: ignore[union-attr]
            plot.layout.display = None if shown or (result is None and number == 0) else "none"
        if result is None:
            self.table.value = ""
            self.traces[0].blank()
            self.traces[0].explain_emptiness(
                "Choose what to decode and press Decode: each source is fitted on the training "
                "trials and judged by trials that it never saw."
            )
            return
        self.traces[0].explain_emptiness(None)
        self.table.value = _table_html(result)
        if isinstance(result, SignalResult):
            self._draw_traces(result)
        else:
            self.confusion.value = _confusion_html(result, self.source.value)

    def _draw_traces(self, result: SignalResult) -> None:
        if not len(result.trials) or self.source.value not in result.by_source:
            return
        trial = int(result.trials[min(self.trial.index, len(result.trials) - 1)])
        found = result.by_source[self.source.value]
        pm = self.viewed.source.pm
        time = pm.bin_centers_ms
        colour = palette.categorical(3)[2]
        for dim, (name, plot) in enumerate(zip(result.dims, self.traces, strict=False)):
            lines = np.stack([result.actual[trial, :, dim], found.predicted[trial, :, dim]])
            plot.layer.show_lines(
                time, lines, np.arange(2), [NEUTRAL, colour], alpha=1.0, line_width=2.0,
                names=["true", f"decoded from {found.source}"],
            )  # fmt: skip
            known = lines[~np.isnan(lines)]
            low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
            room = 0.06 * (high - low) or 0.5
            plot.set_home(
                (float(pm.time_ms[0]), float(pm.time_ms[-1] + pm.bin_ms)),
                (float(low - room), float(high + room)),
            )
            plot.y_axis.label = f"{name} ({result.unit})" if result.unit else name
            plot.explain_key(
                key_html(f"{result.target} {name}", [])
                + f"{_swatch(NEUTRAL)}true &nbsp; {_swatch(colour)}decoded from "
                f"{html.escape(found.source)}, R² {found.r2[dim]:.3f} over all judged trials"
            )
            plot.name(f"decoded_{result.target}_{name}_trial{trial}_{pm.name}", self._code())

    def _code(self) -> str:
        arguments = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"run.decode({self.target.value!r}{arguments})"


def _swatch(colour: str) -> str:
    return (
        "<svg width='22' height='10' aria-hidden='true'><path d='M0 5H22' stroke-width='3' "
        f"stroke='{colour}'/></svg> "
    )


def _table_html(result: SignalResult | LabelResult) -> str:
    frame = result.table()
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in ("from", *frame.columns))
    rows = "".join(
        f"<tr><td style='text-align:left'>{html.escape(str(name))}</td>"
        + "".join(f"<td>{html.escape(_cell(value))}</td>" for value in row)
        + "</tr>"
        for name, row in zip(frame.index, frame.itertuples(index=False), strict=True)
    )
    notes = "".join(
        f"<div class='lfads-note'>{html.escape(note)}</div>"
        for note in (describe_result(result), *getattr(result, "notes", ()))
    )
    return f"<table class='lfads-numbers'><tr>{head}</tr>{rows}</table>{notes}"


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _confusion_html(result: LabelResult, source: str | None) -> str:
    if source not in result.by_source:
        return ""
    counts = result.by_source[source].confusion
    head = "".join(f"<th>{html.escape(label)}</th>" for label in result.labels)
    rows = ""
    for label, row in zip(result.labels, counts, strict=True):
        total = max(int(row.sum()), 1)
        cells = "".join(
            f"<td style='background:rgba(31,119,180,{0.75 * n / total:.2f})'>{int(n) or ''}</td>"
            for n in row
        )
        rows += f"<tr><th>{html.escape(label)}</th>{cells}</tr>"
    return (
        f"<div class='lfads-plot-title'>Own label (rows) and decoded label, from "
        f"{html.escape(source)}</div>"
        f"<table class='lfads-numbers'><tr><th></th>{head}</tr>{rows}</table>"
    )
