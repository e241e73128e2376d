"""The runs panel: run specs times settings, what they will cost, prepare, launch, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as w

from lfads_nb.errors import CollectionError
from lfads_nb.queue.outputs import is_lost
from lfads_nb.queue.slurm.remembered import remember
from lfads_nb.queue.status import RunState, RunStatus
from lfads_nb.sweep import Run, RunCollection, RunParams
from lfads_nb.sweep.advice import Advice
from lfads_nb.sweep.population_run import PopulationRun
from lfads_nb.widgets.background import Progress, TaskBar
from lfads_nb.widgets.bench import Source
from lfads_nb.widgets.guard import Notice
from lfads_nb.widgets.panel import Panel
from lfads_nb.widgets.panels.advice_box import AdviceBox
from lfads_nb.widgets.panels.launch_options import LaunchOptions
from lfads_nb.widgets.panels.launch_outlook import advice_on, cost_text, data_problems
from lfads_nb.widgets.panels.populations import Populations
from lfads_nb.widgets.panels.settings_table import SettingsTable
from lfads_nb.widgets.panels.spec_maker import SpecMaker
from lfads_nb.widgets.run_states import RunStatuses, progress_sentence
from lfads_nb.widgets.theme import button, html, plural, row, section, stack, title

UNSEEN_S = 60.0  # a table that no browser has shown for so long is not kept up to date


class RunsPanel(Panel):
    """Makes runs of run specs and settings, and launches them.

    Parameters
    ----------
    source : a run collection, its folder, or a bench.
    on_edit : called with a setting that the user wants back in the form.
    on_launched : called after runs were queued.
    """

    def __init__(
        self,
        source: Source = None,
        *,
        on_edit: Callable[[RunParams], Any] | None = None,
        on_launched: Callable[[], Any] | None = None,
    ) -> None:
        super().__init__(source)
        self._on_launched = on_launched
        self._reader = RunStatuses()
        self._shown: dict[str, tuple[RunState, str]] = {}
        self.specs = SpecMaker(self.bench)
        self.settings = SettingsTable(self.bench, on_edit)
        self.options = LaunchOptions()
        self.populations = Populations(self.bench, self.launch_populations)
        self.prepare = button("Prepare only", tip="Write the inputs; launch later")
        self.launch = button("Launch", style="primary", tip="Prepare what is missing and queue it")
        self.delete = button("Delete outputs …", style="danger")
        self.task = TaskBar()
        self._count = html()
        self._costs = html()
        self._blockers = Notice(lasts=True)
        self._confirm_text = html()
        self.confirm = button("Yes, delete them", style="danger")
        self.keep = button("Keep them")
        self._confirm = w.HBox([self._confirm_text, self.confirm, self.keep])
        self._confirm.add_class("lfads-confirm")
        self._confirm.layout.display = "none"
        self.advice = AdviceBox(self.guard(self._take_advice), verb="Add settings with")
        self._lay_out()
        self._connect()
        self.refresh()

    def _lay_out(self) -> None:
        self.fill(
            title("Runs", "Every run spec is trained with every setting."),
            self.specs,
            self.settings,
            self.populations,
            section(
                title("Launch"),
                self._count,
                self._costs,
                self._blockers,
                self.advice,
                stack(self.options),
                row(self.launch, self.prepare, self.delete),
                self._confirm,
                self.task,
                self.notice,
            ),
        )

    def _connect(self) -> None:
        self.on_click(self.prepare, self.prepare_runs)
        self.on_click(self.launch, self.launch_runs)
        self.on_click(self.delete, self._ask_to_delete)
        self.on_click(self.confirm, self._delete)
        self.on_click(self.keep, self._stop_asking)
        for table in (self.specs.table, self.settings.table):
            table.observe(self.guard(lambda _change: self._show_launch()), "selected")
        self.options.on_change(self.guard(self._show_launch))
        self.bench.on_change(self.refresh)
        self.bench.on_tick(self.tick)

    # -------------------------------------------------------------------------------- showing

    def statuses(self) -> dict[str, RunStatus]:
        """Return where every run of the collection is."""
        collection = self.bench.collection
        return self._reader.read(collection.runs) if collection is not None else {}

    def refresh(self) -> None:
        """Show the collection as it is now."""
        statuses = self.statuses()
        self.specs.show(statuses)
        self.settings.show(statuses)
        self.populations.show()
        self._show_launch()

    def tick(self) -> bool:
        """Look at the run folders again; return whether anything is going on."""
        statuses = self.statuses()
        shown = {name: (status.state, status.reason) for name, status in statuses.items()}
        if self.settings.table.seconds_unseen < UNSEEN_S and shown != self._shown:
            self._shown = shown
            self.specs.show(statuses)
            self.settings.show(statuses)
            if not self.bench.busy:
                self._show_launch()
        return any(status.state.is_active for status in statuses.values())

    def chosen_runs(self) -> list[Run]:
        """Return the runs that the buttons are about: of the selected rows, or all."""
        collection = self.bench.collection
        if collection is None:
            return []
        specs, hashes = set(self.specs.table.selected), set(self.settings.table.selected)
        return [
            run
            for run in collection.runs
            if (not specs or run.spec.name in specs)
            and (not hashes or run.params.param_hash in hashes)
        ]

    def _show_launch(self) -> None:
        runs, statuses = self.chosen_runs(), self.statuses()
        chosen = [statuses[run.name] for run in runs if run.name in statuses]
        to_launch = self._to_launch(runs, statuses)
        blockers = self.blockers(runs, to_launch)
        self._count.value = (
            f'<div class="lfads-count" role="status">{escape(self._sentence(runs, chosen))}</div>'
        )
        self._costs.value = (
            f'<span class="lfads-dim">{escape(cost_text(to_launch, statuses.values()))}</span>'
        )
        if blockers:
            self._blockers.say(
                "info" if not to_launch else "warning", "Launch is off because:",
                points=tuple(blockers[:12]),
            )  # fmt: skip
        else:
            self._blockers.clear()
        self.advice.show(advice_on(to_launch))
        busy = self.bench.busy
        self.launch.disabled = busy or bool(blockers)
        self.launch.description = (
            f"Launch {plural(len(to_launch), 'run')}" if to_launch else "Launch"
        )
        self.prepare.disabled = busy or bool(blockers)
        self.delete.disabled = busy or not any(_has_outputs(statuses[run.name]) for run in runs)

    def _sentence(self, runs: list[Run], statuses: list[RunStatus]) -> str:
        if not runs:
            return "No runs yet"
        n_specs = len({run.spec.name for run in runs})
        n_settings = len({run.params.param_hash for run in runs})
        selected = self.specs.table.selected or self.settings.table.selected
        whose = "Selected: " if selected else ""
        return (
            f"{whose}{plural(n_settings, 'setting')} × {plural(n_specs, 'run spec')} = "
            f"{progress_sentence(statuses)}"
        )

    def _to_launch(self, runs: list[Run], statuses: dict[str, RunStatus]) -> list[Run]:
        takes = {
            RunState.DONE: self.options.takes_what_is_done,
            RunState.STOPPED_EARLY: self.options.takes_what_was_stopped_early,
        }
        return [
            run
            for run in runs
            if not (status := statuses[run.name]).state.is_active
            and (takes.get(status.state, True) or is_lost(status))
        ]

    def _take_advice(self, advice: Advice) -> None:
        """Add the settings of what would be launched, changed as advised, beside them."""
        runs = self._to_launch(self.chosen_runs(), self.statuses())
        collection = self._collection()
        there = {params.param_hash for params in collection.params}
        advised = {
            new.param_hash: new
            for params in {run.params.param_hash: run.params for run in runs}.values()
            if (new := params.copy(**advice.changes)).param_hash not in there
        }
        with self.bench.lock:
            collection.add_params(list(advised.values()))
        self.bench.changed()
        self.notice.say(
            "success",
            f"{plural(len(advised), 'setting')} added; select those to launch in the table above.",
        )

    def blockers(self, runs: list[Run], to_launch: list[Run]) -> list[str]:
        """Return every reason why nothing can be launched, in words."""
        collection = self.bench.collection
        if collection is None:
            return ["no collection is open"]
        found = []
        if not len(collection.dataset_collection):
            found.append("there are no datasets: add them in Datasets")
        if not collection.run_specs:
            found.append("there are no run specs: make one above")
        if not collection.params:
            found.append(
                "there are no settings of your own; AutoLFADS is launched above"
                if collection.populations
                else "there are no settings: add them in Parameters"
            )
        if found:
            return found
        if self.bench.busy:
            found.append("work is going on, see below")
        if not to_launch:
            found.append(
                f"nothing is left to do: of {plural(len(runs), 'run')}, all are done, stopped "
                "early or under way (launch options: train afresh, more epochs, or go on)"
            )
        return found + data_problems(to_launch)

    # --------------------------------------------------------------------------------- doing

    def _collection(self) -> RunCollection:
        if self.bench.collection is None:
            raise CollectionError("open or make a collection first")
        return self.bench.collection

    def prepare_runs(self) -> None:
        """Write what is missing of the inputs of all runs."""
        self.prepare.disabled = self.launch.disabled = True
        runs = self.chosen_runs()
        self._begin("Preparing inputs", lambda progress: _prepare(runs, progress), _prepared_text)

    def launch_populations(self, populations: list[PopulationRun]) -> None:
        """Prepare populations and queue them."""
        collection, options = self._collection(), self.options.values()

        def work(progress: Progress) -> int:
            for done, population in enumerate(populations):
                progress(done, len(populations), f"{done} of {len(populations)} populations")
                population.prepare()
            progress(1, 1, "queueing")
            _launch(collection, populations, options)
            return len(populations)

        self._begin(
            "Preparing and launching AutoLFADS", work,
            lambda n: f"{plural(n, 'population')} {_queued_text(options)}",
            after=self._on_launched,
        )  # fmt: skip

    def launch_runs(self) -> None:
        """Prepare what is missing, then queue the runs that are not done."""
        self.launch.disabled = self.prepare.disabled = True
        collection, options = self._collection(), self.options.values()
        chosen = self.chosen_runs()
        runs = self._to_launch(chosen, self.statuses())

        def work(progress: Progress) -> int:
            _prepare(runs, progress)
            progress(1, 1, "queueing")
            # A sweep is compared with what is done of it already; that is not launched again.
            _launch(collection, chosen if "halving" in options else runs, options)
            return len(runs)

        self._begin(
            "Preparing and launching", work,
            lambda n: f"{plural(n, 'run')} {_queued_text(options)}",
            after=self._on_launched,
        )  # fmt: skip

    def _begin(
        self,
        what: str,
        work: Callable[[Progress], int],
        words: Callable[[int], str],
        after: Callable[[], Any] | None = None,
    ) -> None:
        collection = self._collection()
        # Panels must keep their hands off the runs' objects meanwhile.
        self.bench.busy = True

        def save_and_work(progress: Progress) -> int:
            collection.save()
            return work(progress)

        def done(result: int) -> None:
            self.task.notice.say("success", words(result))
            if after is not None:
                after()

        def end() -> None:
            self.bench.busy = False
            self.refresh()

        if not self.task.start(what, save_and_work, on_done=done, on_end=end):
            self.notice.say("warning", "Other work is still going on; try again when it has ended.")

    def _ask_to_delete(self) -> None:
        statuses = self.statuses()
        runs = [run for run in self.chosen_runs() if _has_outputs(statuses[run.name])]
        self._confirm_text.value = (
            f"<b>Delete what training wrote for {plural(len(runs), 'run')}?</b> Weights, rates, "
            "logs and reports are lost for good; inputs stay."
        )
        self._confirm.layout.display = ""

    def _stop_asking(self) -> None:
        self._confirm.layout.display = "none"

    def _delete(self) -> None:
        self.confirm.disabled = True
        self._stop_asking()
        try:
            statuses = self.statuses()
            runs = [run for run in self.chosen_runs() if _has_outputs(statuses[run.name])]
            for run in runs:
                run.delete_outputs(confirmed=True)
            self.notice.say("success", f"Outputs of {plural(len(runs), 'run')} deleted.")
        finally:
            self.confirm.disabled = False
            self.refresh()


def _launch(collection: RunCollection, runs: Sequence[Any], options: dict[str, Any]) -> None:
    collection.launch(runs, **options)
    if "slurm" in options:
        remember(options["slurm"])


def _queued_text(options: dict[str, Any]) -> str:
    how = "submitted to SLURM" if "slurm" in options else "queued"
    return f"{how}. They go on if you close this page: see Queue."


def _has_outputs(status: RunStatus) -> bool:
    return status.state not in (RunState.NEW, RunState.PREPARED)


def _prepare(runs: list[Run], progress: Progress) -> int:
    from lfads_nb.sweep.preparing import CountsCache

    cache = CountsCache()
    for done, run in enumerate(runs):
        progress(done, len(runs), f"{done} of {len(runs)} runs")
        run.prepare(cache=cache)
    return len(runs)


def _prepared_text(n: int) -> str:
    return f"{plural(n, 'run')} ready to launch."
