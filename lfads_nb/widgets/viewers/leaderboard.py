"""The runs of a sweep as a table to sort and select in."""

from __future__ import annotations

import pandas as pd

from lfads_nb.widgets.live_table import LiveTable, Row, cell, column
from lfads_nb.widgets.viewers.sweep_axes import METRICS, parameters_of, sweep_axes

_HINTS = {
    "best_recon_valid": "negative log likelihood of the validation trials at the best epoch",
    "best_total_valid": "with KL and L2 penalties",
    "co_bps": "bits per spike of neurons that the model did not see",
    "r2_psth": "of the model's condition averages against those of the smoothed spikes",
}
_TITLES = {
    "best_recon_valid": "valid. cost", "best_total_valid": "total cost", "best_kl_valid": "KL",
    "bits_per_spike": "bits/spike", "co_bps": "co-bps", "fp_bps": "fp-bps", "r2_psth": "R² PSTH",
    "r2_truth": "R² truth", "epochs": "epochs", "best_epoch": "best", "train_seconds": "time",
    "n_parameters": "weights",
}  # fmt: skip


_SHARES = {"bits_per_spike", "co_bps", "fp_bps", "r2_psth", "r2_truth"}


def make_leaderboard(table: pd.DataFrame, names: dict[str, str]) -> LiveTable:
    """Return a table with a row per run.

    Parameters
    ----------
    table : as `lfads_nb.results.compare` returns it.
    names : run -> what to call it.
    """
    parameters = parameters_of(sweep_axes(table))
    measured = [name for name in METRICS if name in table and not table[name].isna().all()]
    columns = [column("run", "run", kind="code")]
    columns += [column(name, name, kind="number") for name in parameters]
    columns += [
        column(name, _TITLES[name], kind="number", hint=_HINTS.get(name, METRICS[name]))
        for name in measured
    ]
    columns.append(column("state", "state"))
    made = LiveTable(
        columns, "runs of the sweep", selectable="many", max_height="360px",
        empty="There are no runs yet.",
    )  # fmt: skip
    # Runs whose ramps never ended have no cost at the best epoch.
    judges = {"best_recon_valid": True, "bits_per_spike": False}
    judges = {name: ascending for name, ascending in judges.items() if name in table}
    ordered = table.sort_values(list(judges), ascending=list(judges.values()))
    rows: list[Row] = []
    for run, values in ordered.iterrows():
        cells = {"run": names[str(run)], "state": str(values["state"])}
        cells |= {name: _cell(name, values[name]) for name in [*parameters, *measured]}
        rows.append(Row(id=str(run), cells=cells, label=names[str(run)]))
    made.update_rows(rows)
    return made


def _cell(name: str, value: object) -> object:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    if value != value:
        return cell("–", sort=None)
    if name == "train_seconds":
        return cell(f"{value / 60:.1f} min" if value >= 60 else f"{value:.0f} s", sort=value)
    if name in _SHARES:
        return cell(f"{value:.3f}", sort=value)
    return cell(f"{value:,.6g}" if value < 1e6 else f"{value:,.0f}", sort=value)
