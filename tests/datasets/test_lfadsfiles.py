from functools import partial

import h5py
import numpy as np
import pytest
import scipy.io

from lfads_nb.datasets import (
    DatasetCollection,
    interleaved_split,
    peek_info,
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


def test_such_files_open_by_themselves_and_say_what_was_assumed(tmp_path):
    path = write(tmp_path / "a.h5")
    assert recognise_format(path) == "lfads_input"
    counts = read_counts(path)
    assert counts.bin_ms == 5
    assert "bins of 5 ms assumed" in counts.notes[0]
    assert peek_info(path).notes == counts.notes
    with h5py.File(path, "r+") as file:
        file["dt"] = 0.01
    assert read_counts(path).bin_ms == 10
    scipy.io.savemat(
        tmp_path / "inputInfo_a.mat",
        {"seq_binSizeMs": 1.0, "seq_timeVector": np.arange(17.0)[:, None]},
    )
    counts = read_counts(path)
    assert (counts.bin_ms, counts.notes) == (2, ("bins of 2 ms (from inputInfo_a.mat)",))
    collection = DatasetCollection(tmp_path)
    dataset = collection.add("a.h5", loader=partial(read_lfads_input, bin_ms=10))
    assert dataset.n_trials == 11
    assert dataset.load_counts().notes == ()


def write_nlb(path, *, heldout=True, forward=True, evaluation=True):
    rng = np.random.default_rng(1)
    sizes = {"heldin": 4, **({"heldout": 2} if heldout else {})}
    with h5py.File(path, "w") as file:
        for kind, n_channels in sizes.items():
            file[f"train_spikes_{kind}"] = rng.poisson(1.0, (6, 30, n_channels))
            if forward:
                file[f"train_spikes_{kind}_forward"] = rng.poisson(1.0, (6, 10, n_channels))
        if evaluation:
            file["eval_spikes_heldin"] = rng.poisson(1.0, (3, 30, 4))
    return path


def test_tensors_of_the_benchmark_open_by_themselves(tmp_path):
    path = write_nlb(tmp_path / "mc_maze.h5")
    assert recognise_format(path) == "nlb"
    counts = read_counts(path)
    assert counts.counts.shape == (9, 40, 6)
    assert counts.trial_columns["split"].tolist() == ["train"] * 6 + ["test"] * 3
    known = ~np.isnan(counts.counts)
    assert known[:6].all()
    assert known[6:, :30, :4].all()
    assert not known[6:, 30:].any()
    assert not known[6:, :, 4:].any()
    with h5py.File(path) as file:
        for name, block in (
            ("train_spikes_heldin", counts.counts[:6, :30, :4]),
            ("train_spikes_heldout_forward", counts.counts[:6, 30:, 4:]),
            ("eval_spikes_heldin", counts.counts[6:, :30, :4]),
        ):
            np.testing.assert_array_equal(file[name], block)
    assert counts.bin_ms == 20  # 200 ms in ten bins
    assert "20 ms" in counts.notes[0]


def test_tensors_without_forward_bins(tmp_path):
    path = write_nlb(tmp_path / "a.h5", heldout=False, forward=False, evaluation=False)
    counts = read_counts(path)
    assert (counts.bin_ms, counts.counts.shape) == (5, (6, 30, 4))
    assert not counts.has_missing
    assert "5 ms (assumed" in counts.notes[0]
    with h5py.File(path, "r+") as file:
        file.create_group("train_spikes_heldout")
    with pytest.raises(DataError, match=r"a\.h5.*train_spikes_heldout.*unequal length"):
        read_counts(path)


def test_missing_bins_are_said_and_peeking_agrees(tmp_path):
    data = SPIKES.astype(float)
    data[2, 5:] = np.nan
    parts = {f"{part}_data": data[getattr(SPLIT, part)] for part in ("train", "valid")}
    path = write(tmp_path / "a.h5", **parts)
    counts = read_counts(path)
    np.testing.assert_array_equal(counts.counts, data)
    assert any("3.41 % of the bins are NaN" in note for note in counts.notes)
    info = peek_info(path)
    assert (info.n_trials, info.n_bins, info.n_channels) == counts.counts.shape
    assert (info.bin_ms, info.has_truth, info.ext_input_dim) == (5, True, 0)
    with pytest.raises(DataError, match="is NaN"):
        read_lfads_input(path, bin_ms=5, allow_missing=False)
