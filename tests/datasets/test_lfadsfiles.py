from functools import partial

import h5py
import numpy as np
import pytest

from lfads_nb.datasets import (
    DatasetCollection,
    interleaved_split,
    read_counts,
    read_lfads_input,
    recognise_format,
)
from lfads_nb.errors import DataError

SPIKES = np.random.default_rng(0).poisson(1, (11, 8, 3))
SPLIT = interleaved_split(11, 4)


def write(path, *, data="data", first=1, **changes):
    content = {}
    for part in ("train", "valid"):
        trials = getattr(SPLIT, part)
        content[f"{part}_{data}"] = SPIKES[trials]
        content[f"{part}_truth"] = SPIKES[trials] / 2
        content[f"{part}_inds"] = (trials + first).astype(float)
    with h5py.File(path, "w") as file:
        for name, value in {**content, **changes}.items():
            if value is not None:
                file[name] = value
    return path


@pytest.mark.parametrize("data", ["data", "recon_data", "encod_data"])
@pytest.mark.parametrize("first", [0, 1])
def test_trials_come_back_in_their_order(tmp_path, data, first):
    path = write(tmp_path / "lfads_a.h5", data=data, first=first)
    counts = read_lfads_input(path, bin_ms=10)
    np.testing.assert_array_equal(counts.counts, SPIKES)
    np.testing.assert_allclose(counts.truth, SPIKES / 2)
    assert (counts.bin_ms, counts.condition_ids) == (10, None)
    assert np.flatnonzero(counts.trial_columns["split"] == "valid").tolist() == [0, 5, 10]


def test_without_trial_numbers_training_trials_come_first(tmp_path):
    inputs = {"train_ext_input": np.ones((8, 8, 2)), "valid_ext_input": np.zeros((3, 8, 2))}
    path = write(tmp_path / "a.h5", train_inds=None, **inputs)
    counts = read_lfads_input(path, bin_ms=10)
    np.testing.assert_array_equal(counts.counts[:8], SPIKES[SPLIT.train])
    assert counts.external_inputs[:, 0, 0].tolist() == [1] * 8 + [0] * 3


def test_a_single_channel_has_lost_its_dimension(tmp_path):
    flat = {f"{part}_data": SPIKES[getattr(SPLIT, part), :, 0] for part in ("train", "valid")}
    path = write(tmp_path / "a.h5", **flat, train_truth=None, valid_truth=None)
    np.testing.assert_array_equal(read_lfads_input(path, bin_ms=1).counts, SPIKES[:, :, :1])


def test_parts_that_do_not_fit_are_refused(tmp_path):
    path = write(tmp_path / "a.h5", valid_truth=None)
    with pytest.raises(DataError, match="for train, but not for all of train, valid"):
        read_lfads_input(path, bin_ms=1)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(DataError, match="not the input file"):
        read_lfads_input(tmp_path / "b.h5", bin_ms=1)


def test_such_files_are_recognised_and_say_what_they_need(tmp_path):
    path = write(tmp_path / "a.h5")
    assert recognise_format(path) == "lfads_input"
    with pytest.raises(DataError, match=r"partial\(read_lfads_input, bin_ms=\.\.\.\)"):
        read_counts(path)
    collection = DatasetCollection(tmp_path)
    dataset = collection.add("a.h5", loader=partial(read_lfads_input, bin_ms=10))
    assert dataset.n_trials == 11
