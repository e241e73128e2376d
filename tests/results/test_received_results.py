"""A run's results as a stranger may have changed them: said in words, never a crash or a hang."""

from __future__ import annotations

import contextlib
import os
import shutil

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lfads_nb.errors import LfadsError
from lfads_nb.results import FitLog, PosteriorMeans, TrainedParams
from lfads_nb.results.decoding.record import decode_folder
from lfads_nb.results.export import export_results
from lfads_nb.results.run_numbers import run_numbers
from lfads_nb.results.run_view import RunView
from lfads_nb.results.verdicts import judge
from lfads_nb.sweep.params import RunParams

PARAMS = RunParams(spike_bin_ms=10, co_dim=1, factors_dim=3, gen_dim=8, ic_dim=4)
EXAMPLES = int(os.environ.get("MUTATED_RESULTS", "25"))

ARRAYS = st.sampled_from([
    lambda item: np.full(item.shape, np.nan) if item.dtype.kind == "f" else item[()] * 0 - 1,
    lambda item: np.full(item.shape, np.inf, dtype="f4"),
    lambda item: np.full(item.shape, -(2**62), dtype="i8"),
    lambda item: np.full(item.shape, 2**62, dtype="i8"),
    lambda item: item[()][..., :0],
    lambda item: item[()][:0],
    lambda item: item[()].T,
    lambda item: np.asarray(item[()]).ravel(),
    lambda item: np.zeros((), dtype="f8"),
    lambda item: np.zeros((2,) * 12),
    lambda item: np.full(item.shape, b"<script>\x1b[2J"),
    lambda item: np.full(item.shape, "x", dtype=h5py.string_dtype()),
    lambda item: np.concatenate([np.atleast_1d(item[()])] * 2),
    lambda item: np.zeros(item.shape, dtype=[("a", "i4"), ("b", "f8")]),
    None,
    "claim",
    "group",
])  # fmt: skip


def leaves(file):
    names = []
    file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
    return names


def change(path, draw):
    with h5py.File(path, "r+") as file:
        name = draw(st.sampled_from(sorted(leaves(file))))
        how = draw(ARRAYS)
        new = how(file[name]) if callable(how) else None
        del file[name]
        if how == "claim":
            file.create_dataset(name, (10**6, 10**5, 100), "f4", chunks=(10, 10, 10))
        elif how == "group":
            file.create_group(name)
        elif new is not None:
            file[name] = new


def damage(path, draw):
    content = bytearray(path.read_bytes())
    for _ in range(draw(st.integers(1, 8))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    path.write_bytes(content[: draw(st.sampled_from([len(content), len(content) // 2]))])


def looks(run, place):
    """Everything that is done with a run that somebody gave you."""
    folder = run.folder
    yield lambda: PosteriorMeans.open(folder, run.params, run.datasets).rates
    yield lambda: PosteriorMeans.open(folder, run.params, run.datasets)._repr_html_()
    yield lambda: FitLog.read(folder.fit_log)
    yield lambda: TrainedParams.open(folder).gen_to_factors_W_normalized
    yield lambda: run_numbers(folder)
    yield lambda: judge(folder, save=False)
    yield lambda: decode_folder(folder, "conditions")
    yield lambda: export_results(folder, place)
    yield lambda: RunView.of(folder).posterior_means()


@pytest.mark.filterwarnings("ignore")
def test_results_of_any_content_are_read_or_refused_in_words(make_run, tmp_path):
    run = make_run(PARAMS)
    keep = tmp_path / "keep"
    shutil.copytree(run.folder.path.parents[1], keep, symlinks=True)
    files = [p for p in run.folder.path.parents[1].rglob("*") if p.suffix != ".json"]
    files = sorted(p for p in files if p.is_file() and not p.is_symlink())
    assert len(files) >= 4

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def check(data):
        path = data.draw(st.sampled_from(files))
        before = path.read_bytes()
        try:
            is_hdf5 = before.startswith(b"\x89HDF")
            (change if is_hdf5 and data.draw(st.booleans()) else damage)(path, data.draw)
            for look in looks(run, tmp_path / "exported"):
                with contextlib.suppress(LfadsError, OSError):
                    look()
        finally:
            path.write_bytes(before)

    check()
