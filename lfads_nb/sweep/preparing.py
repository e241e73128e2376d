"""Preparing runs: from a dataset's spikes to the input files and the folder of a run.

Inputs go to `data_<hash>/<spec>/`, shared by every run with the same data hash; a run's
`lfadsInput/` holds relative links to them, so that a collection can be moved as a whole.
"""

from __future__ import annotations

import filecmp
import logging
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lfads_nb.atomic_files import disk_full, write_text
from lfads_nb.datasets import (
    Counts,
    Dataset,
    Split,
    align_sessions,
    align_single_session,
    given_split,
    interleaved_split,
    stratified_split,
)
from lfads_nb.errors import DataError, LfadsError, ParamsError, RunFolderError
from lfads_nb.own_code import remember_handed_over
from lfads_nb.references import Kind
from lfads_nb.sweep.checks import check_params, no_spikes
from lfads_nb.sweep.folders import input_file_name, input_info_name
from lfads_nb.sweep.input_files import write_input_file, write_input_info
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.stored_params import check_own_code

if TYPE_CHECKING:
    from lfads_nb.sweep.run import Run

log = logging.getLogger(__name__)


class CountsCache:
    """Keeps the last few loaded sessions, for runs that differ only in their parameters."""

    def __init__(self, n_sessions: int = 4) -> None:
        kept: Any = lru_cache(maxsize=n_sessions)(_load)
        self.load: Callable[[type[Run], Dataset], Counts] = kept


def _load(run_class: type[Run], dataset: Dataset) -> Counts:
    return run_class.generate_counts(dataset)


def prepare_run(run: Run, *, regenerate: bool = False, cache: CountsCache | None = None) -> bool:
    """Make whatever of a run's inputs and folder is missing.

    Parameters
    ----------
    run : the run.
    regenerate : write the inputs again even if they are there (the data changed).
    cache : sessions already loaded.

    Returns
    -------
    bool
        Whether input files were written.

    Raises
    ------
    ParamsError, DataError
        If the setting does not fit the data; nothing is written then.
    DiskFullError, RunFolderError
        If the folders cannot be written to.
    """
    try:
        return _prepare(run, regenerate, cache or CountsCache())
    except LfadsError:
        raise
    except OSError as error:
        reason = f"{run.folder.path} cannot be prepared: {error.strerror or error}"
        raise disk_full(run.folder.path, error, None) or RunFolderError(reason) from error


def _prepare(run: Run, regenerate: bool, cache: CountsCache) -> bool:
    wanted = [
        dataset
        for dataset in run.datasets
        if regenerate
        or not all((run.data_folder / name).exists() for name in _input_names(dataset.name))
    ]
    check_own_code(run.params)
    if wanted:
        _write_inputs(run, wanted, cache)
    # What this process may run, those of the queue must be able to load.
    remember_handed_over(run.collection_folder.path, _own_code(run))
    for dataset in run.datasets:
        for name in _input_names(dataset.name):
            _link(run.folder.input / name, run.data_folder / name)
    run.record.save(run.folder)
    if run.own_folder is None:  # members of a population are trained by turns alone
        write_text(run.folder.train_script, _train_script())
        run.folder.train_script.chmod(0o755)
    return bool(wanted)


def _own_code(run: Run) -> list[tuple[Kind, Any]]:
    used = [code for dataset in run.datasets for code in dataset.own_code()]
    return [*used, ("params", type(run.params)), ("run", type(run))]


def _input_names(dataset: str) -> tuple[str, str]:
    return input_file_name(dataset), input_info_name(dataset)


def _write_inputs(run: Run, wanted: list[Dataset], cache: CountsCache) -> None:
    params = run.params
    problems = check_params(params, [(d.name, d.info) for d in run.datasets])
    for problem in problems:
        if problem.severity == "warning":
            log.warning("%s: %s", problem.field, problem.message)
    errors = [f"{p.field}: {p.message}" for p in problems if p.severity == "error"]
    if errors:
        raise ParamsError(f"run {run.name} cannot be prepared. " + "; ".join(errors))

    raws = {dataset.name: cache.load(type(run), dataset) for dataset in wanted}
    for name, raw in raws.items():
        # Only reading tells with most files; NaN is not a spike either.
        if not params.allow_no_spikes and not raw.continuous and not np.any(raw.counts > 0):
            raise DataError(no_spikes(name), dataset=name, field="counts")
    binned = {name: raw.rebin(params.spike_bin_ms) for name, raw in raws.items()}
    alignments = _alignments(run, binned, cache)
    for dataset in wanted:
        name, raw = dataset.name, raws[dataset.name]
        if params.output_dist == "poisson" and raw.continuous:
            raise DataError(
                "the data are not spike counts, but output_dist is 'poisson': choose 'gaussian', "
                "'gamma' or 'zero_inflated_gamma'",
                dataset=name,
            )
        split = split_trials(params, raw)
        input_name, info_name = _input_names(name)
        write_input_file(
            run.data_folder / input_name,
            binned[name],
            split,
            raw_bin_ms=raw.bin_ms,
            as_float=params.output_dist != "poisson",
            alignment=alignments.get(name),
            extra=run.extra_inputs(dataset),
        )
        write_input_info(run.data_folder / info_name, raw, split, data_hash=params.data_hash)
        log.info("prepared %s for %s", name, run.name)


def split_trials(params: RunParams, counts: Counts) -> Split:
    """Choose training, validation and test trials as a setting says.

    Raises
    ------
    DataError
        If a stratified split is asked for and the trials have no conditions, a split by column
        without such a column, or a part is empty.
    """
    ratio, test_fraction = params.train_to_test_ratio, params.test_fraction
    if params.split == "interleaved":
        return interleaved_split(counts.n_trials, ratio, test_fraction=test_fraction)
    if params.split == "column":
        if "split" not in counts.trial_columns:
            raise DataError(
                "split='column' needs a trial column 'split' (train, valid, test), but the "
                f"columns are {', '.join(counts.trial_columns) or 'none'}.",
                dataset=counts.name,
            )
        try:
            return given_split(counts.trial_columns["split"])
        except DataError as error:
            raise DataError(str(error), dataset=counts.name) from error
    if counts.condition_ids is None:
        raise DataError(
            "a stratified split needs condition ids: use split='interleaved', or load the data "
            "with conditions",
            dataset=counts.name,
        )
    return stratified_split(
        counts.condition_ids, ratio=ratio, test_fraction=test_fraction, seed=params.split_seed
    )


def _alignments(
    run: Run, binned: Mapping[str, Counts], cache: CountsCache
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(channels, factors) matrices and (channels,) biases of the sessions that want one."""
    params, n_factors = run.params, run.params.factors_dim
    stitched = len(run.datasets) > 1
    if not (
        params.use_alignment_matrix if stitched else params.use_single_dataset_alignment_matrix
    ):
        return {}
    sessions = {}
    for dataset in run.datasets:
        own = run.generate_alignment_counts(dataset)
        if own is not None:
            sessions[dataset.name] = own.rebin(params.spike_bin_ms)
        elif dataset.name in binned:
            sessions[dataset.name] = binned[dataset.name]
        else:
            # its files are there already, but the other sessions are aligned to it
            sessions[dataset.name] = cache.load(type(run), dataset).rebin(params.spike_bin_ms)
    if stitched:
        aligned = align_sessions(
            sessions,
            n_factors,
            approach=params.alignment_approach,
            normalize_each=_normalize_each(params),
        )
    else:
        ((name, counts),) = sessions.items()
        aligned = {name: align_single_session(counts, n_factors)}
    return {name: (alignment.matrix, alignment.bias) for name, alignment in aligned.items()}


def _normalize_each(params: RunParams) -> bool:
    args = params.alignment_extra_args
    options = dict(zip(args[::2], args[1::2], strict=False))
    unknown = set(options) - {"ridgeNormalizeEach"}
    if unknown or len(args) % 2:
        raise ParamsError(
            f"alignment_extra_args takes ('ridgeNormalizeEach', True or False), got {args!r}"
        )
    return bool(options.get("ridgeNormalizeEach", False))


def _link(link: Path, target: Path) -> None:
    """Point `link` at `target`, relatively, replacing a link that points elsewhere.

    Where the system refuses links, it is a copy, made anew when the target has changed.
    """
    relative = os.path.relpath(target, link.parent)
    if link.is_symlink() and os.readlink(link) == relative:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    beside = link.with_name(f".linking-{os.getpid()}-{link.name}")
    beside.unlink(missing_ok=True)
    try:
        beside.symlink_to(relative)
    except (OSError, NotImplementedError):
        if link.is_file() and not link.is_symlink() and filecmp.cmp(link, target):
            return
        shutil.copy2(target, beside)
    os.replace(beside, link)


def _train_script() -> str:
    python = f"${{LFADS_NB_PYTHON:-{shlex.quote(sys.executable)}}}"
    # SLURM executes a copy, which has to ask where it was copied from: folders get moved.
    return f"""#!/bin/bash
script="$0"
if [ ! -f "$(dirname "$(readlink -f "$script")")/run.json" ] && [ -n "$SLURM_JOB_ID" ]; then
  script="$(scontrol show job "$SLURM_JOB_ID" | sed -n 's/^ *Command=//p' | head -n 1)"
fi
exec {python} -m lfads_nb run "$(dirname "$(readlink -f "$script")")" "$@"
"""
