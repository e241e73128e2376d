"""Runs side by side: what was set differently, and how well each did."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from lfads_nb.errors import LfadsError
from lfads_nb.results.run_numbers import (
    SESSION_FIGURES,
    RunNumbers,
    SessionNumbers,
    numbers_of_sessions,
    run_numbers,
)
from lfads_nb.results.run_view import RunView

if TYPE_CHECKING:
    import pandas as pd

_LABELS = ("name", "version")


def compare(runs: Iterable[Any], *, with_rates: bool = True) -> pd.DataFrame:
    """Return one row for each run: its state, the parameters that differ, and how well it did.

    What each figure means is declared in `lfads_nb.vocabulary.FIGURES`. Those of rates are the mean
    over sessions; NaN is not known.

    Parameters
    ----------
    runs : `Run`s, or run folders.
    with_rates : also work out the figures that need the inferred rates, which takes longer.

    Returns
    -------
    pandas.DataFrame
        Indexed by run name. `problem` says in words why figures are missing, if it is not merely
        that the run has not got so far.
    """
    import pandas as pd

    runs = list(runs)
    views = [RunView.of(run) for run in runs]
    changed = _differing([view.params.set_values() for view in views])
    rows = [
        {
            "spec": view.folder.path.name,
            "setting": view.params.param_name,
            "state": _state(run, view),
            **{name: view.params.set_values().get(name) for name in changed},
            **_figures(view, with_rates=with_rates),
        }
        for run, view in zip(runs, views, strict=True)
    ]
    return pd.DataFrame(rows, index=pd.Index([view.name for view in views], name="run"))


def _differing(settings: list[dict[str, Any]]) -> list[str]:
    """Return the names of parameters that are not the same in all settings."""
    names = dict.fromkeys(name for values in settings for name in values if name not in _LABELS)
    return [n for n in names if any(s.get(n) != settings[0].get(n) for s in settings)]


def _state(run: Any, view: RunView) -> str:
    return run.status().state.value if hasattr(run, "status") else view.state()


def _figures(view: RunView, *, with_rates: bool) -> dict[str, Any]:
    numbers, sessions, problem = RunNumbers(), [], ""
    try:
        numbers = run_numbers(view)
        sessions = list(numbers_of_sessions(view)) if with_rates else []
    except LfadsError as error:
        problem = str(error)
    judged = [session for session in sessions if session.split == "valid"]
    return {
        "epochs": numbers.epochs,
        "best_epoch": np.nan if numbers.best_epoch is None else numbers.best_epoch,
        "best_total_valid": numbers.total_valid,
        "best_recon_valid": numbers.recon_valid,
        "best_kl_valid": numbers.kl_valid,
        **({name: _mean(judged, of) for name, of in SESSION_FIGURES.items()} if with_rates else {}),
        "train_seconds": np.nan if numbers.seconds is None else numbers.seconds,
        "n_parameters": np.nan if numbers.n_parameters is None else numbers.n_parameters,
        "problem": problem,
    }


def _mean(sessions: list[SessionNumbers], name: str) -> float:
    values = [getattr(session, name) for session in sessions]
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
