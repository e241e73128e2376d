"""Runs side by side: what was set differently, and how well each did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lfads_nb.errors import LfadsError
from lfads_nb.results.decoding.record import compared
from lfads_nb.results.run_numbers import (
    SESSION_FIGURES,
    RunNumbers,
    SessionNumbers,
    numbers_of_sessions,
    run_numbers,
)
from lfads_nb.results.run_view import RunView, with_epoch
from lfads_nb.results.verdicts import judge
from lfads_nb.sweep.halving import why_stopped

if TYPE_CHECKING:
    import pandas as pd

_LABELS = ("name", "version")
_OF_TEST_TRIALS = ("bits_per_spike", "co_bps", "fp_bps", "r2_truth")
# Of the benchmark's own names; a scaling set's stand behind the number of its trials.
_BENCHMARK = {
    "nlb_co_bps": "co-bps", "nlb_vel_r2": "vel R2", "nlb_psth_r2": "psth R2",
    "nlb_fp_bps": "fp-bps", "nlb_tp_corr": "tp corr",
}  # fmt: skip
_OF_VERDICT = ("bits_truth", "kl_inputs", "rate_spread", "r2_psth_valid", "r2_psth_smoothed")


def compare(runs: Iterable[Any], *, with_rates: bool = True) -> pd.DataFrame:
    """Return one row for each run: its state, the parameters that differ, and how well it did.

    What each figure means is declared in `lfads_nb.vocabulary.FIGURES`. Those of rates are the mean
    over sessions; NaN is not known.

    Parameters
    ----------
    runs : each a `Run` or a run folder.
    with_rates : also work out the figures that need the inferred rates, which takes longer.

    Returns
    -------
    pandas.DataFrame
        Indexed by run name. Columns of decoding are there if `Run.decode` was called for any run;
        `decoding_r2_of` and `decoding_accuracy_of` name what was decoded. `problem` says in words
        why figures are missing, if it is not merely that the run has not got so far. A run that
        successive halving ended has the state "stopped early at epoch n" and the costs until then.
    """
    import pandas as pd

    runs = list(runs)
    views = [RunView.of(run) for run in runs]
    changed = differing_parameters([view.params.set_values() for view in views])
    decoded = _decoded(views)
    rows = [
        {
            "spec": view.folder.path.name,
            "setting": view.params.param_name,
            "state": _state(run, view),
            **{name: view.params.set_values().get(name) for name in changed},
            **_figures(view, with_rates=with_rates),
            **found,
        }
        for run, view, found in zip(runs, views, decoded, strict=True)
    ]
    return pd.DataFrame(rows, index=pd.Index([view.name for view in views], name="run"))


def differing_parameters(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of parameters that are not the same in all settings; no labels."""
    names = dict.fromkeys(name for values in settings for name in values if name not in _LABELS)
    return [n for n in names if any(s.get(n) != settings[0].get(n) for s in settings)]


def _state(run: Any, view: RunView) -> str:
    state = run.status().state.value if hasattr(run, "status") else view.state()
    return with_epoch(state, view.folder)


def _figures(view: RunView, *, with_rates: bool) -> dict[str, Any]:
    numbers, sessions, problem, verdict = RunNumbers(), [], "", None
    try:
        numbers = run_numbers(view)
        if with_rates:
            sessions = list(numbers_of_sessions(view))
            verdict = judge(view) if sessions else None
        problem = why_stopped(view.folder)
    except LfadsError as error:
        problem = str(error)
    judged = [session for session in sessions if session.split == "valid"]
    tested = [session for session in sessions if session.split == "test"]
    judged_by = {} if verdict is None else verdict.figures
    return {
        "verdict": "" if verdict is None else verdict.title,
        "verdict_level": "" if verdict is None else verdict.level_name,
        "verdict_text": "" if verdict is None else verdict.text,
        "epochs": numbers.epochs,
        "best_epoch": np.nan if numbers.best_epoch is None else numbers.best_epoch,
        "best_total_valid": numbers.total_valid,
        "best_recon_valid": numbers.recon_valid,
        "best_kl_valid": numbers.kl_valid,
        **({name: _mean(judged, of) for name, of in SESSION_FIGURES.items()} if with_rates else {}),
        **{
            f"test_{name}": _mean(tested, SESSION_FIGURES[name])
            for name in _OF_TEST_TRIALS
            if with_rates
        },
        **_benchmark_scores(view),
        **({name: judged_by.get(name, np.nan) for name in _OF_VERDICT} if with_rates else {}),
        "train_seconds": np.nan if numbers.seconds is None else numbers.seconds,
        "n_parameters": np.nan if numbers.n_parameters is None else numbers.n_parameters,
        "problem": problem,
    }


def _decoded(views: list[RunView]) -> list[dict[str, Any]]:
    """Figures of what was decoded of the runs; columns that no run has are left out."""
    rows = compared([view.folder for view in views])
    keys = dict.fromkeys(key for row in rows for key in row)
    empty = {key: "" if key.endswith("_of") else np.nan for key in keys}
    return [{**empty, **row} for row in rows]


def _benchmark_scores(view: RunView) -> dict[str, float]:
    """Scores of the Neural Latents Benchmark, where `lfads-nb nlb` has worked them out."""
    from lfads_nb.nlb.run_scores import read_scores  # a room that builds on this one

    scores = read_scores(view.folder.path)
    return {key: scores.get(name, float("nan")) for key, name in _BENCHMARK.items()}


def _mean(sessions: list[SessionNumbers], name: str) -> float:
    values = [getattr(session, name) for session in sessions]
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
