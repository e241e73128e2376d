"""AutoLFADS in the Parameters panel: a population that finds the setting by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as w

from lfads_nb.cores import usable_cores
from lfads_nb.datasets import DatasetInfo
from lfads_nb.errors import LfadsError, ParamsError
from lfads_nb.queue.estimates import seconds_per_epoch
from lfads_nb.queue.live import duration_text
from lfads_nb.sweep import RunParams
from lfads_nb.sweep.population import Population, ramp_epochs
from lfads_nb.sweep.population_scores import SCORES
from lfads_nb.sweep.search_space import autolfads_space
from lfads_nb.sweep.starting_points import starting_point
from lfads_nb.widgets.bench import Bench
from lfads_nb.widgets.guard import Notice, guarded
from lfads_nb.widgets.panels.search_form import SearchForm
from lfads_nb.widgets.theme import button, html, row, section, title

Session = tuple[str, DatasetInfo]


class AutolfadsForm(w.VBox):
    """Makes a population of the setting that stands in the form, and adds it to the collection.

    Parameters
    ----------
    bench : whose collection.
    load : puts a setting into the form.
    """

    def __init__(self, bench: Bench, load: Callable[[RunParams], Any]) -> None:
        self.bench, self._load = bench, load
        self.notice = Notice()
        self._base: RunParams | None = None
        self._problems: Sequence[str] = ()
        self._runs: list[list[Session]] = []
        self.members = _whole("members", 20, 2, 500, "How many models train side by side")
        self.epochs = _whole("epochs a generation", 25, 1, 1000, "Between two comparisons")
        self.generations = _whole("generations at most", 50, 1, 1000, "The search ends by then")
        self.patience = _whole(
            "patience", 4, 2, 100, "Generations without progress after which the search ends"
        )
        self.seed = _whole("seed", 0, 0, 2**31 - 1, "The same seed makes the same decisions")
        self.score = w.Dropdown(
            options=[(f"{s.name} ({s.unit})", key) for key, s in SCORES.items()],
            description="judged by", style={"description_width": "initial"},
            layout=w.Layout(width="360px"),
        )  # fmt: skip
        self.rule = w.Dropdown(
            options=[("each may be overwritten (AutoLFADS)", "one_way"),
                     ("half are overwritten (lfads-torch)", "pairs")],
            description="rule", style={"description_width": "initial"},
            layout=w.Layout(width="360px"),
        )  # fmt: skip
        self.start = button(
            "Start from the data", style="info",
            tip="Put factors, units, batch, ramps and clipping that suit these data into the form",
        )  # fmt: skip
        self.usual = button("Usual ranges", tip="Back to AutoLFADS' own ranges")
        self.add = button("Add AutoLFADS to the collection", style="primary")
        self.search = SearchForm(self._changed)
        self._line = html()
        self._reasons = html()
        self._about = html()
        super().__init__([
            section(
                title(
                    "AutoLFADS",
                    "Many models train side by side; good ones replace bad ones and vary their "
                    "penalties as they go. You choose dataset and bins; it finds the setting.",
                ),
                row(self.start, self.usual), self._reasons, self._line,
                row(self.members, self.epochs, self.generations, self.patience, self.seed),
                row(self.score, self.rule), self._about, self.search, row(self.add), self.notice,
            )
        ])  # fmt: skip
        self.add_class("lfads-autolfads")
        for control in (
            self.members, self.epochs, self.generations, self.patience, self.seed, self.score,
            self.rule,
        ):  # fmt: skip
            control.observe(lambda _change: self._changed(), "value")
        for control, action in (
            (self.start, self.start_from_data), (self.usual, self._back_to_usual),
            (self.add, self.add_population),
        ):  # fmt: skip
            control.on_click(guarded(self.notice, lambda _b, action=action: action()))

    # -------------------------------------------------------------------------------- showing

    def show(
        self, base: RunParams | None, problems: Sequence[str], runs: Sequence[Sequence[Session]]
    ) -> None:
        """Show what would be searched.

        Parameters
        ----------
        base : the setting in the form, None while it cannot be made.
        problems : why not.
        runs : the sessions of every model that would be trained.
        """
        self._base, self._problems = base, problems
        self._runs = [list(sessions) for sessions in runs]
        if base is not None:
            n_bins, n_channels = self._sizes(base)
            space = autolfads_space()
            self.search.show(space, space.in_units_of(n_bins, n_channels, base))
            self._about.value = (
                f'<span class="lfads-dim">Ranges in our units for {n_bins} bins x '
                f"{n_channels:g} channels (AutoLFADS' own times {n_bins * n_channels:,.0f} for the "
                "penalties); the rest of the form is the same for all members.</span>"
            )
        self._changed()

    def _sizes(self, base: RunParams) -> tuple[int, float]:
        infos = [info for _, info in self._runs[0]] if self._runs else []
        if not infos:
            return 100, 50.0
        n_bins = max(int(infos[0].n_bins * infos[0].bin_ms / base.spike_bin_ms), 1)
        return n_bins, sum(info.n_channels for info in infos) / len(infos)

    def population(self) -> Population:
        """Return the population that the form makes.

        Raises
        ------
        ParamsError
            It cannot be made, with the reason.
        """
        if self._base is None:
            raise ParamsError("; ".join(self._problems) or "the form makes no single setting yet")
        space = self.search.space()
        if space is None:
            raise ParamsError("nothing is searched: tick at least one hyperparameter")
        made = Population(
            base=self._base, space=space, members=self.members.value, seed=self.seed.value,
            epochs=self.epochs.value, generations=self.generations.value,
            patience=self.patience.value, rule=self.rule.value, score=self.score.value,
        )  # fmt: skip
        for sessions in self._runs:
            made.measure.check_data([info for _, info in sessions])
        return made

    @property
    def decides_on(self) -> set[str]:
        """The parameters that the search decides on, however the form sets them."""
        return {"max_epochs", *self.search.names}

    def _changed(self) -> None:
        try:
            population = self.population()
        except LfadsError as error:
            self._line.value = f'<span class="lfads-dim">{escape(str(error))}</span>'
            self.add.disabled = True
            return
        self._line.value = (
            f'<div class="lfads-count" role="status">{escape(self._sentence(population))}</div>'
        )
        collection = self.bench.collection
        there = collection is not None and any(
            p.hash == population.hash for p in collection.populations
        )
        self.add.disabled = collection is None or there
        self.add.description = (
            "In the collection already" if there else "Add AutoLFADS to the collection"
        )

    def _sentence(self, p: Population) -> str:
        text = f"{p.members} members x up to {p.generations} generations of {p.epochs} epochs"
        if not self._runs:
            return text
        cores = usable_cores()
        seconds, ramps = 0.0, 0
        for sessions in self._runs:
            infos = [info for _, info in sessions]
            n_train = [i.n_trials - -(-i.n_trials // (p.base.train_to_test_ratio + 1))
                       for i in infos]  # fmt: skip
            ramps = max(ramps, ramp_epochs(p.base, n_train))
            epoch = seconds_per_epoch(p.base, infos, cores)
            seconds += epoch * p.members * p.epochs_at_most(ramp_epochs(p.base, n_train))
        models = "" if len(self._runs) == 1 else f", for each of {len(self._runs)} models"
        return (
            f"{text} (the first {p.epochs + ramps}){models}: at most about "
            f"{duration_text(seconds)} on {cores} cores"
        )

    # --------------------------------------------------------------------------------- doing

    def start_from_data(self) -> None:
        """Put what suits the data into the form, and say why."""
        if not self._runs:
            raise ParamsError("there are no datasets yet: add them in Datasets")
        bins = self._base.spike_bin_ms if self._base is not None else None
        was_chosen = self._base is not None and "spike_bin_ms" in self._base.non_defaults()
        infos = [info for _, info in self._runs[0]]
        made = starting_point(infos, spike_bin_ms=bins if was_chosen else None)
        self._load(made.params)
        values = made.params.set_values()
        self._reasons.value = "<ul class='lfads-dim'>" + "".join(
            f"<li><code>{escape(name)}</code> {escape(f'{values[name]:g}')}: {escape(why)}</li>"
            for name, why in made.reasons.items()
        ) + "</ul>"  # fmt: skip

    def _back_to_usual(self) -> None:
        self.search.reset()
        self.show(self._base, self._problems, self._runs)

    def add_population(self) -> None:
        """Add what the form makes to the collection."""
        self.add.disabled = True
        collection = self.bench.collection
        if collection is None:
            raise ParamsError("open or make a collection first")
        population = self.population()
        with self.bench.lock:
            collection.add_population(population)
        self.bench.changed()
        self.notice.say("success", f"{population.population_name} added; launch it in Runs.")
        self._changed()


def _whole(text: str, value: int, low: int, high: int, tip: str) -> w.BoundedIntText:
    return w.BoundedIntText(
        value, low, high, description=text, tooltip=tip, style={"description_width": "initial"},
        layout=w.Layout(width=f"{7 * len(text) + 75}px"),
    )  # fmt: skip
