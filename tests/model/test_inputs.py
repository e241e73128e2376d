from __future__ import annotations

import h5py
import numpy as np
import pytest

from lfads_nb.errors import DataError, RunFolderError
from lfads_nb.model.inputs import describe, read_sessions
from tests.model.small_runs import small_params, write_inputs


def refuse(run, message, names=("one",), **changes):
    with pytest.raises((DataError, RunFolderError), match=message):
        read_sessions(run, small_params(**changes), names)


def test_sessions_of_any_width_make_one_architecture(tmp_path):
    write_inputs(tmp_path, "a", n_channels=4)
    run = write_inputs(tmp_path, "b", n_channels=6, n_test=3)
    params = small_params()
    sessions = read_sessions(run, params, ("a", "b"))
    architecture = describe(params, sessions)
    assert architecture.n_channels == (4, 6)
    assert architecture.max_channels == 6
    assert architecture.has_readin
    assert set(sessions[1].splits) == {"train", "valid", "test"}
    assert sessions[0].splits["train"].counts.dtype == np.uint8


def test_a_single_session_has_a_readin_only_if_it_is_aligned(tmp_path):
    params = small_params()
    plain = read_sessions(write_inputs(tmp_path / "p"), params, ("one",))
    matrix = np.ones((6, 3))
    run = write_inputs(tmp_path / "a", alignment_matrix_cxf=matrix, alignment_bias_c=np.ones(6))
    aligned = read_sessions(run, params, ("one",))
    assert not describe(params, plain).has_readin
    assert describe(params, aligned).has_readin


def test_trailing_axes_that_matlab_dropped_come_back(tmp_path):
    run = write_inputs(tmp_path, n_channels=1)
    with h5py.File(run.input_file("one"), "r+") as file:
        for split in ("train", "valid"):
            counts = file[f"{split}_data"][..., 0]
            del file[f"{split}_data"]
            file[f"{split}_data"] = counts
        file["alignment_matrix_cxf"] = np.ones(3)
    (session,) = read_sessions(run, small_params(), ("one",))
    assert session.splits["train"].counts.shape == (20, 7, 1)
    assert session.alignment_matrix.shape == (1, 3)


def test_missing_files_and_arrays_are_named(tmp_path):
    run = write_inputs(tmp_path)
    refuse(run, "lfads_two.h5 is missing", names=("two",))
    with h5py.File(run.input_file("one"), "r+") as file:
        del file["valid_data"]
    refuse(run, "lacks 'valid_data'")
    run.input_file("one").write_bytes(b"no hdf5")
    refuse(run, "cannot be read")


def test_what_does_not_fit_is_refused_in_words(tmp_path):
    run = write_inputs(tmp_path, alignment_matrix_cxf=np.ones((6, 5)))
    refuse(run, "alignment matrix is 6 x 5")
    refuse(run, "0 external inputs, but ext_input_dim is 2", factors_dim=5, ext_input_dim=2)
    write_inputs(tmp_path, "long", n_bins=9)
    refuse(run, "same number of bins", names=("one", "long"), factors_dim=5)
    bias = write_inputs(tmp_path / "b", alignment_bias_c=np.ones(4))
    refuse(bias, "bias has 4 entries for 6 channels")


@pytest.mark.parametrize(
    ("dist", "values", "message"),
    [
        ("poisson", 0.5, "whole, non-negative counts"),
        ("poisson", -1.0, "whole, non-negative counts"),
        ("gamma", 0.0, "values above 0"),
        ("zero_inflated_gamma", -0.1, "0 or more"),
        ("gaussian", np.inf, "infinite"),
    ],
)
def test_values_that_a_distribution_cannot_have_are_refused(tmp_path, dist, values, message):
    run = write_inputs(tmp_path, train_data=np.full((4, 7, 6), values))
    refuse(run, message, output_dist=dist)


def test_missing_bins_are_accepted(tmp_path):
    counts = np.ones((4, 7, 6))
    counts[1, 2] = np.nan
    run = write_inputs(tmp_path, train_data=counts)
    (session,) = read_sessions(run, small_params(), ("one",))
    assert session.splits["train"].has_missing
    assert not session.splits["valid"].has_missing
