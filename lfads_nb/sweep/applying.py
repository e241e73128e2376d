"""A trained run applied to other data, from a dataset to files in a run's layout.

What comes out is a folder like a run's (`run.json`, `lfadsInput/`, `lfadsOutput/`): viewers,
decoding, scores and exports open it as they open the run itself. All of its trials are of the split
"test", as none was trained on. `applied.json` says which run made it, and how.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lfads_nb.atomic_files import write_json, write_text
from lfads_nb.datasets import ChopLayout, Counts, Split, chop_recording, merge_chops
from lfads_nb.desks import stored_path
from lfads_nb.errors import CollectionError, ParamsError
from lfads_nb.plain_text import check_name
from lfads_nb.sweep.folders import PosteriorKind, RunFolder
from lfads_nb.sweep.input_files import write_input_file, write_input_info
from lfads_nb.sweep.run_record import RunRecord

if TYPE_CHECKING:
    from lfads_nb.results import PosteriorMeans
    from lfads_nb.sweep.run import Run

log = logging.getLogger(__name__)

SCHEMA = 1
OVERLAP = 0.25
"""Share of a window that the next one shares, where a recording is cut by itself."""


@dataclass(frozen=True)
class Applied:
    """A run's outputs for data that it was not trained on.

    Parameters
    ----------
    folder : laid out as a run's.
    record : the run's setting, with the data's name.
    """

    folder: RunFolder
    record: RunRecord

    def posterior_means(self) -> PosteriorMeans:
        """Open what was inferred, as `Run.posterior_means` does."""
        from lfads_nb.results import PosteriorMeans

        return PosteriorMeans.open(self.folder, self.record.params, self.record.datasets)


def fitting_sessions(run: Run, n_channels: int) -> list[str]:
    """Return the run's sessions that have as many channels as some data, in the run's order.

    Channels are told by their number alone; that they are the same neurons is for the user to know.
    """
    return [d.name for d in run.datasets if d.info.n_channels == n_channels]


def apply_run(
    run: Run,
    counts: Counts,
    *,
    session: str | None = None,
    name: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    kind: PosteriorKind | None = None,
    n_samples: int | None = None,
) -> Applied:
    """Infer what underlies other data with a trained run, and write it as a run's files.

    Parameters
    ----------
    run : trained, with its weights exported.
    counts : trials of any number of bins, of any bin width that divides the run's. One trial of
        more than twice the trained length is taken for a recording: it is cut into windows of that
        length that share a quarter, no window spans a gap, and `merged_recording` puts them
        together again.
    session : whose read-in and read-out to use; needed if several have as many channels.
    name : of the data, for the files; that of the counts by default.
    folder : where to write; `applied/<name>` in the run's folder by default. An older result there
        is replaced.
    kind, n_samples : how to sample the posterior, instead of the run's own way.

    Raises
    ------
    DataError, ParamsError, CollectionError, RunFolderError
        The data do not fit the run, or it is not trained; nothing is written then.
    """
    name = check_name(name or counts.name or "data", "dataset")
    session = session or _only_session(run, counts.n_channels)
    binned = counts.rebin(run.params.spike_bin_ms)
    trained_bins = run.inference().stored.n_bins
    if binned.n_trials == 1 and binned.n_bins > 2 * trained_bins:
        binned = counts = _as_windows(binned, trained_bins)
    outputs = run.inference().infer(
        binned.counts, dataset=session, external_inputs=binned.external_inputs, kind=kind,
        n_samples=n_samples,
    )  # fmt: skip
    into = RunFolder(
        run.folder.path / "applied" / name if folder is None else Path(folder).expanduser()
    )
    if into.path.resolve() == run.folder.path.resolve():
        raise CollectionError(f"{into.path} is the run's own folder: choose another one")
    if folder is not None and _holds_other_things(into.path):
        raise CollectionError(
            f"{into.path} holds something else than an earlier result of this kind, which would be "
            "overwritten: choose a new folder"
        )
    _write(run, into, name, counts, binned, outputs, kind or run.params.posterior_mean_kind)
    write_json(
        into.path / "applied.json",
        {
            "schema": SCHEMA,
            "run": stored_path(run.folder.path.absolute(), into.path.absolute()),
            "session": session,
            "kind": kind or run.params.posterior_mean_kind,
            "n_samples": n_samples or run.params.num_samples_posterior,
        },
    )
    write_text(into.done, "")
    return Applied(into, RunRecord.load(into))


def _holds_other_things(folder: Path) -> bool:
    """Whether a folder is another run's, a collection's, or anything but what `apply_run` wrote."""
    is_ours = (folder / "applied.json").exists() and not (folder / "status.json").exists()
    return folder.is_dir() and not is_ours and any(folder.iterdir())


def _only_session(run: Run, n_channels: int) -> str:
    fitting = fitting_sessions(run, n_channels)
    if len(fitting) == 1:
        return fitting[0]
    all_of_them = ", ".join(f"{d.name} ({d.info.n_channels})" for d in run.datasets)
    if fitting:
        raise ParamsError(
            f"the sessions {', '.join(fitting)} all have {n_channels} channels: say whose read-in "
            "and read-out to use"
        )
    raise ParamsError(
        f"the data have {n_channels} channels, but the run's sessions have others: {all_of_them}. "
        "Select and order channels as for training."
    )


def _as_windows(recording: Counts, window: int) -> Counts:
    overlap = max(round(OVERLAP * window), 1)
    inputs = recording.external_inputs
    cut = chop_recording(
        recording.counts[0],
        bin_ms=recording.bin_ms,
        window_ms=window * recording.bin_ms,
        overlap_ms=overlap * recording.bin_ms,
        external_inputs=None if inputs is None else inputs[0],
        skip_gaps=True,
        name=recording.name,
        metadata=recording.metadata,
        continuous=recording.continuous,
        allow_missing=recording.allow_missing,
    )
    log.info(
        "One trial of %d bins is taken for a recording: cut into %d windows of %d bins.",
        recording.n_bins, cut.n_trials, window,
    )  # fmt: skip
    return cut


def _write(
    run: Run,
    into: RunFolder,
    name: str,
    counts: Counts,
    binned: Counts,
    outputs: dict[str, np.ndarray],
    kind: PosteriorKind,
) -> None:
    from lfads_nb.model.model_runs import write_model_runs

    none = np.zeros(0, dtype=np.int64)
    split = Split(none, none, np.arange(counts.n_trials))
    into.done.unlink(missing_ok=True)
    for old in into.output.glob("model_runs_*") if into.output.is_dir() else ():
        old.unlink()
    into.input.mkdir(parents=True, exist_ok=True)
    write_input_file(
        into.input_file(name), binned, split, raw_bin_ms=counts.bin_ms,
        as_float=run.params.output_dist != "poisson",
    )  # fmt: skip
    write_input_info(into.input_info(name), counts, split, data_hash=run.params.data_hash)
    RunRecord(run.collection_name, run.spec.name, run.params, (name,)).save(into)
    write_model_runs(into.posterior_means(name, "test", kind), outputs)


def merged_recording(
    windows: np.ndarray, layout: ChopLayout | Counts | PosteriorMeans
) -> np.ndarray:
    """Put what was inferred for a recording's windows together again.

    Parameters
    ----------
    windows : (windows, bins, dims), such as `applied.posterior_means().rates`.
    layout : where the windows lie: the counts that were cut, or the posterior means themselves.

    Returns
    -------
    (time, dims)
        NaN in gaps.
    """
    if not isinstance(layout, ChopLayout | Counts):
        layout = _layout_of(layout)
    return merge_chops(windows, layout)


def _layout_of(pm: Any) -> ChopLayout:
    starts = None if pm.info is None else pm.info.trial_columns.get("chop_start_ms")
    if starts is None:
        raise CollectionError("these outputs are of trials, not of a recording's windows")
    window = pm.n_bins * pm.bin_ms
    steps = np.diff(np.sort(np.asarray(starts, dtype=float)))
    usual = float(np.median(steps)) if len(steps) else window
    end = float(np.max(starts)) + window
    return ChopLayout(tuple(map(float, starts)), window, max(window - usual, 0.0), end)
