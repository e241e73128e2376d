"""The tables of a run's report: its settings, its data, and its numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lfads_nb.datasets.conditions import unique_conditions
from lfads_nb.results.html_tables import Table
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.run_numbers import (
    SESSION_FIGURES,
    RunNumbers,
    SessionNumbers,
    numbers_of_sessions,
    run_numbers,
)
from lfads_nb.results.run_view import RunView
from lfads_nb.results.session_files import SPLITS, SessionFiles
from lfads_nb.sweep.param_info import ParamInfo
from lfads_nb.sweep.params import format_value
from lfads_nb.sweep.provenance import TRAINED_BY, read_provenance
from lfads_nb.vocabulary import FIGURES


def settings_table(run: Any) -> Table:
    """Return the run's setting: what differs from the defaults first, the rest folded.

    Parameters
    ----------
    run : its folder, or a `Run`.
    """
    view = RunView.of(run)
    info, values = type(view.params).param_info(), view.params.set_values()
    changed = list(view.params.non_defaults())
    rest = [name for name in values if name not in changed and info[name].group != "debug"]
    header = ("parameter", "value", "default", "what it is")
    usual = Table(
        f"{len(rest)} more at their defaults",
        ("parameter", "value", "what it is"),
        [_setting(info[name], values[name], with_default=False) for name in rest],
    )
    return Table(
        f"{view.name} ({view.params.data_name})",
        header,
        [_setting(info[name], values[name]) for name in changed],
        strong=frozenset(range(len(changed))),
        notes=() if changed else ("Every parameter has its default value.",),
        folded=(usual, *_making(view)),
    )


def _making(view: RunView) -> tuple[Table, ...]:
    """Return with what the run was trained, if that was written down."""
    facts = read_provenance(view.folder)
    return (Table("With what it was trained", ("", "what"), list(facts.items())),) if facts else ()


def _setting(info: ParamInfo, value: Any, *, with_default: bool = True) -> tuple[str, ...]:
    unit = f" {info.unit}" if info.unit else ""
    shown = (_value(value) + unit,)
    default = (_value(info.default) + unit,) if with_default else ()
    return (info.name, *shown, *default, info.description)


def _value(value: Any) -> str:
    return "all" if value is None else format_value(value) or '""'


def data_summary(run: Any) -> Table:
    """Return what the run was given: trials, bins, neurons, rates and conditions of each session.

    Parameters
    ----------
    run : its folder, or a `Run`.
    """
    view = RunView.of(run)
    sessions = [_session_data(view, name) for name in view.datasets]
    columns = list(dict.fromkeys(label for row in sessions for label in row))
    return Table(
        "Data",
        ("session", *columns),
        [
            (name, *(row.get(label, "") for label in columns))
            for name, row in zip(view.datasets, sessions, strict=True)
        ],
        strong=frozenset(range(len(sessions))),
    )


def _session_data(view: RunView, dataset: str) -> dict[str, str]:
    files = SessionFiles(view.folder, dataset, view.params.data_name)
    # Before training there are inputs only, and only those are asked for here.
    pm = PosteriorMeans([files], view.params, view.params.posterior_mean_kind)
    counts = pm.field("counts")[pm.splits != ""]
    n_trials, n_bins, n_neurons = counts.shape
    seconds = n_bins * pm.bin_ms / 1000
    sizes = ", ".join(f"{n} {s}" for s in SPLITS if (n := len(pm.trials_of(s))))
    found = {
        "trials": f"{n_trials} ({sizes})",
        "bins": f"{n_bins} of {pm.bin_ms:g} ms ({seconds:g} s)",
        "neurons": str(n_neurons),
        "conditions": _conditions(pm),
    }
    if view.params.output_dist == "poisson":
        rates = np.nanmean(counts, axis=(0, 1)) * pm.counts_to_rates
        found["mean rate (spikes/s)"] = (
            f"{rates.mean():.3g} ({rates.min():.2g} to {rates.max():.2g})"
        )
        found["spikes"] = f"{int(np.nansum(counts)):,}"
        silent = int((rates == 0).sum())
        if silent:
            found["without a spike"] = f"{silent} neurons"
    if pm.has("external_inputs"):
        found["external inputs"] = str(pm.field("external_inputs").shape[-1])
    found["true rates"] = "known" if pm.has("true_rates") else "not known"
    return found


def _conditions(pm: PosteriorMeans) -> str:
    ids = pm.condition_ids
    n = [] if ids is None else [int((ids == each).sum()) for each in unique_conditions(ids)]
    if not n:
        return "none given"
    each = f"{min(n)}" if min(n) == max(n) else f"{min(n)} to {max(n)}"
    return f"{len(n)}, of {each} trials"


def numbers_table(run: Any) -> Table:
    """Return how well the run did: likelihood, bits per spike, R2, epochs, time.

    Parameters
    ----------
    run : its folder, or a `Run`.
    """
    numbers, sessions = run_numbers(run), tuple(numbers_of_sessions(run))
    rows = [(label, text) for label, say in _TRAINING if (text := say(numbers))]
    if by := read_provenance(RunView.of(run).folder).get(TRAINED_BY):
        rows.append((TRAINED_BY.lower(), by))
    return Table(
        "Training",
        ("", "value"),
        rows,
        numeric=frozenset({1}),
        below=[_sessions_table(sessions)] if sessions else (),
    )


def _nats(key: str, value: float) -> str:
    return "" if math.isnan(value) else FIGURES[key].with_unit(value)


def _best_epoch(numbers: RunNumbers) -> str:
    if numbers.best_epoch is not None:
        return f"{numbers.best_epoch}"
    return "none: the penalties' ramps have not ended" if numbers.epochs else ""


def _epochs(numbers: RunNumbers) -> str:
    resumed = f", {numbers.resumes} x resumed" if numbers.resumes else ""
    return (
        f"{numbers.epochs:,} ({numbers.steps:,} steps{resumed})" if numbers.epochs else "none yet"
    )


def duration(seconds: float | None) -> str:
    """Write a time span for people; "" where it is not known."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


_TRAINING: tuple[tuple[str, Callable[[RunNumbers], str]], ...] = (
    (FIGURES["best_total_valid"].name, lambda n: _nats("best_total_valid", n.total_valid)),
    (FIGURES["best_recon_valid"].name, lambda n: _nats("best_recon_valid", n.recon_valid)),
    ("training reconstruction", lambda n: _nats("best_recon_valid", n.recon_train)),
    (FIGURES["best_kl_valid"].name, lambda n: _nats("best_kl_valid", n.kl_valid)),
    (FIGURES["best_epoch"].name, _best_epoch),
    (FIGURES["epochs"].name, _epochs),
    ("training ended", lambda n: n.training_end),
    (FIGURES["train_seconds"].name, lambda n: duration(n.seconds)),
    (
        FIGURES["n_parameters"].name,
        lambda n: "" if n.n_parameters is None else f"{n.n_parameters:,}",
    ),
)


def _sessions_table(sessions: tuple[SessionNumbers, ...]) -> Table:
    values = {
        key: [getattr(session, field) for session in sessions]
        for key, field in SESSION_FIGURES.items()
    }
    shown = [key for key in FIGURES if not np.isnan(values.get(key, [np.nan])).all()]
    rows = [
        (
            f"{session.dataset}, {_SPLIT_WORDS[session.split]}",
            str(session.n_trials),
            *("" if np.isnan(v := values[key][i]) else FIGURES[key].text(v) for key in shown),
        )
        for i, session in enumerate(sessions)
    ]
    return Table(
        "Inferred rates",
        ("session", "trials", *(FIGURES[key].short for key in shown)),
        rows,
        strong=frozenset(range(len(rows))),
        numeric=frozenset(range(1, len(shown) + 2)),
        notes=[f"{FIGURES[key].short}: {FIGURES[key].hint}" for key in shown],
    )


_SPLIT_WORDS = {"train": "training", "valid": "validation", "test": "test"}
