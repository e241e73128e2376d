"""How well the alignment of stitched sessions worked, from what was prepared for the run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lfads_nb.datasets import Counts
from lfads_nb.datasets.alignment import align_sessions
from lfads_nb.datasets.lfadsfiles import read_lfads_input
from lfads_nb.errors import RunFolderError
from lfads_nb.results.run_view import RunView
from lfads_nb.sweep.input_files import read_input_info


@dataclass(frozen=True)
class AlignmentCheck:
    """What each session makes of the components that all sessions share.

    `global_pcs` is (conditions, bins, factors); `reconstructions` holds the same by session;
    `r2` (factors,) by session; `time_ms` is (bins,).
    """

    conditions: np.ndarray
    time_ms: np.ndarray
    global_pcs: np.ndarray
    reconstructions: dict[str, np.ndarray]
    r2: dict[str, np.ndarray]


def check_alignment(run: RunView) -> AlignmentCheck:
    """Align the sessions of a run anew from its prepared inputs.

    Raises
    ------
    RunFolderError
        The run has a single session, or its inputs are not there.
    DataError
        The sessions cannot be aligned: no conditions, or none in common.
    """
    if len(run.datasets) < 2:
        raise RunFolderError(
            "This run has a single session: there is nothing to align it to. Alignment matrices "
            "are made for stitched runs."
        )
    sessions = {dataset: _session(run, dataset) for dataset in run.datasets}
    aligned = align_sessions(
        sessions, run.params.factors_dim, approach=run.params.alignment_approach
    )
    first = next(iter(aligned.values()))
    return AlignmentCheck(
        first.condition_ids,
        next(iter(sessions.values())).time_ms,
        first.global_pcs,
        {name: each.reconstruction for name, each in aligned.items()},
        {name: each.r2 for name, each in aligned.items()},
    )


def _session(run: RunView, dataset: str) -> Counts:
    path = run.folder.input_file(dataset)
    if not path.is_file():
        raise RunFolderError(f"{path} is missing: prepare the run's inputs again.")
    bin_ms = run.params.spike_bin_ms
    counts = read_lfads_input(path, bin_ms=bin_ms, allow_missing=True)
    info = read_input_info(run.folder.input_info(dataset))
    ids = info.condition_ids
    if ids is not None and len(ids) > len(counts.counts):
        # Trials that no split uses have an id, but no spikes in the file.
        ids = ids[np.sort(np.concatenate([info.train_inds, info.valid_inds, info.test_inds]))]
    return Counts(
        counts.counts, info.time_ms(bin_ms), condition_ids=ids,
        name=dataset, bin_ms=bin_ms, allow_missing=True,
    )  # fmt: skip
