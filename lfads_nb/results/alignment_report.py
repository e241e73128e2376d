"""How well sessions were aligned: a picture and numbers (features.md L1, N9).

The components that all sessions share are drawn in black over what each session's read-in makes of
its own averages. `align_sessions` works them out again from the run's prepared inputs, by the run's
setting, and tells whether the read-ins are those that the run started from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lfads_nb import palette
from lfads_nb.datasets.alignment import Alignment, align_sessions, align_single_session
from lfads_nb.datasets.counts import Counts
from lfads_nb.errors import DataError
from lfads_nb.results.figure_style import (
    TRUTH,
    ReportFigure,
    evenly_chosen,
    laid_out,
    new_figure,
    report_style,
)
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.run_view import RunView
from lfads_nb.results.session_files import SessionFiles
from lfads_nb.results.trial_arrays import open_hdf5

_MOST_SESSIONS = 12


class RunAlignment(NamedTuple):
    """The alignment of a run's sessions.

    `alignments` by session; `time_ms` is (bins,), the left edges; `is_the_runs` says whether these
    read-ins are those in the run's input files (None where the run has none): they differ if the
    run was aligned by other trials than it was trained on.
    """

    alignments: Mapping[str, Alignment]
    time_ms: np.ndarray
    is_the_runs: bool | None


def alignment_of(run: Any) -> RunAlignment:
    """Work out the alignment of a run's sessions from its prepared inputs.

    Parameters
    ----------
    run : its folder, or a `Run`.

    Raises
    ------
    DataError
        The sessions have no conditions, or share none.
    """
    view = RunView.of(run)
    params, kind = view.params, view.params.posterior_mean_kind
    files = {name: SessionFiles(view.folder, name, params.data_name) for name in view.datasets}
    counts = {name: _counts(PosteriorMeans([f], params, kind)) for name, f in files.items()}
    first = next(iter(counts.values()))
    if len(counts) == 1:
        found = {view.datasets[0]: align_single_session(first, params.factors_dim)}
    else:
        options = dict(zip(params.alignment_extra_args[::2], params.alignment_extra_args[1::2],
                           strict=False))  # fmt: skip
        found = align_sessions(
            counts,
            params.factors_dim,
            approach=params.alignment_approach,
            normalize_each=bool(options.get("ridgeNormalizeEach", False)),
        )
    return RunAlignment(found, first.time_ms, _is_the_runs(files, found))


def _counts(pm: PosteriorMeans) -> Counts:
    if pm.condition_ids is None:
        raise DataError("has no conditions, by which sessions are aligned", dataset=pm.datasets[0])
    counts = pm.field("counts")[...]
    info = pm.info
    start = 0.0 if info is None else float(info.raw_time_ms[0])
    return Counts.from_bins(
        counts,
        pm.bin_ms,
        start_ms=start,
        condition_ids=pm.condition_ids,
        name=pm.datasets[0],
        allow_missing=True,
        continuous=pm.params.output_dist != "poisson",
    )


def _is_the_runs(
    sessions: Mapping[str, SessionFiles], found: Mapping[str, Alignment]
) -> bool | None:
    same = []
    for name, files in sessions.items():
        with open_hdf5(files.input_file) as file:
            if "alignment_matrix_cxf" not in file:
                return None
            stored = file["alignment_matrix_cxf"][()].reshape(found[name].matrix.shape)
        same.append(np.allclose(stored, found[name].matrix, rtol=1e-3, atol=1e-6))
    return all(same)


def alignment_table(alignments: Mapping[str, Alignment]) -> pd.DataFrame:
    """Return R2 by session and component, and over all components.

    Parameters
    ----------
    alignments : by session, as `align_sessions` returns them.

    Returns
    -------
    pandas.DataFrame
        A row per session; `all` weighs components by their variance. Components that the data do
        not have are NaN.
    """
    rows = {
        name: {**{f"PC {i + 1}": value for i, value in enumerate(each.r2)}, "all": _overall(each)}
        for name, each in alignments.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _overall(alignment: Alignment) -> float:
    known = ~np.isnan(alignment.global_pcs + alignment.reconstruction).any(axis=-1)
    pcs, own = alignment.global_pcs[known], alignment.reconstruction[known]
    variance = ((pcs - pcs.mean(axis=0)) ** 2).sum()
    return float(1 - ((pcs - own) ** 2).sum() / variance) if variance > 0 else float("nan")


def alignment_figure(run: Any, *, n_components: int = 4, n_conditions: int = 5) -> ReportFigure:
    """Draw the shared components in black over each session's reconstruction.

    Parameters
    ----------
    run : its folder, a `Run`, or a `RunAlignment`.
    n_components : components to draw, the largest first.
    n_conditions : conditions to draw, evenly spread.

    Raises
    ------
    DataError
        The sessions have no conditions, or share none.
    """
    what = run if isinstance(run, RunAlignment) else alignment_of(run)
    first = next(iter(what.alignments.values()))
    shown = evenly_chosen(_complete(what.alignments), n_conditions)
    components = np.flatnonzero(~np.isnan(first.r2))[:n_components]
    with report_style():
        figure = new_figure(
            0.9 + 1.35 * len(components) + 0.24 * len(what.alignments), _title(what, run)
        )
        parts: Any = figure.subfigures(1, 2, width_ratios=[max(len(shown), 2), 1.6])
        panels, bars = parts
        axes = panels.subplots(len(components), len(shown), sharex=True, sharey="row",
                               squeeze=False)  # fmt: skip
        time = what.time_ms + np.diff(what.time_ms[:2]).sum() / 2
        colors = _colors(what.alignments)
        for row, component in enumerate(components):
            for column, condition in enumerate(shown):
                for name, each in what.alignments.items():
                    axes[row, column].plot(time, each.reconstruction[condition, :, component],
                                           color=colors[name], lw=1)  # fmt: skip
                axes[row, column].plot(time, first.global_pcs[condition, :, component],
                                       color=TRUTH, lw=1.8, zorder=1)  # fmt: skip
            axes[row, 0].set_ylabel(f"PC {component + 1}")
        for column, condition in enumerate(shown):
            axes[0, column].set_title(f"condition {first.condition_ids[condition]}")
            axes[-1, column].set_xlabel("time (ms)")
        _draw_r2(bars, what.alignments, colors, components)
        return laid_out(figure)


def _complete(alignments: Mapping[str, Alignment]) -> np.ndarray:
    """Return the conditions that every session has."""
    known = [~np.isnan(each.reconstruction[..., 0]).any(axis=1) for each in alignments.values()]
    return np.flatnonzero(np.logical_and.reduce(known))


def _title(what: RunAlignment, run: Any) -> str:
    name = "" if isinstance(run, RunAlignment) else f" of {RunView.of(run).name}"
    note = {False: " (not the run's own read-ins)", None: " (the run does not start from it)"}
    return f"Alignment{name}{note.get(what.is_the_runs, '')}"


def _colors(alignments: Mapping[str, Alignment]) -> dict[str, Any]:
    return dict(zip(alignments, palette.of_sessions(len(alignments)), strict=True))


def _draw_r2(
    part: Any, alignments: Mapping[str, Alignment], colors: dict[str, Any], components: np.ndarray
) -> None:
    axes = part.subplots()
    table = alignment_table(alignments)
    names = list(table.index[:_MOST_SESSIONS])
    labels = [f"PC {c + 1}" for c in components] + ["all"]
    places = np.arange(len(labels))
    for i, name in enumerate(names):
        offset = (i - (len(names) - 1) / 2) * 0.7 / len(names)
        values = table.loc[name, labels].to_numpy(dtype=float)
        axes.plot(np.clip(values, 0, 1), places + offset, "o", color=colors[name], ms=5, label=name)
        axes.annotate(f"{values[-1]:.2f}", (np.clip(values[-1], 0, 1), places[-1] + offset),
                      xytext=(-7, 0), textcoords="offset points", ha="right", va="center",
                      fontsize=7.5, color=colors[name])  # fmt: skip
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.03)
    axes.grid(axis="x", color="#E4E4E4", lw=0.7)
    axes.set_xlabel("R² of the reconstruction")
    title = "session" if len(table) == len(names) else f"{len(names)} of {len(table)} sessions"
    part.legend(*axes.get_legend_handles_labels(), title=title, loc="outside lower center", ncols=1)
