from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.model.backend import ReadAhead
from lfads_nb.model.batches import SessionBatches, batch_rows, every_row, make_batch, training_rows
from lfads_nb.model.inputs import Trials
from tests.model.small_runs import session, small_architecture, trials

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=4)


@given(SIZES, st.integers(1, 50), st.integers(0, 99))
def test_every_training_trial_is_in_the_epoch(n_trials, batch_size, seed):
    n_rows = batch_rows(n_trials, batch_size)
    batches = training_rows(n_trials, n_rows, np.random.default_rng(seed))
    for index, n in enumerate(n_trials):
        mine = [b for b in batches if b.session == index]
        assert all(len(b.trials) == n_rows for b in mine)
        counted = np.concatenate([b.trials[b.weights == 1] for b in mine])
        assert set(counted) == set(range(n))
        if n >= n_rows:
            # The last batch is filled with others of the same session, none twice.
            assert np.bincount(counted).max() <= 2
            assert len(counted) == -(-n // n_rows) * n_rows
        else:
            assert len(counted) == n


@given(SIZES, st.integers(1, 50))
def test_every_other_trial_counts_exactly_once(n_trials, batch_size):
    batches = every_row(n_trials, batch_rows(n_trials, batch_size))
    for index, n in enumerate(n_trials):
        counted = [b.trials[b.weights == 1] for b in batches if b.session == index]
        assert np.concatenate(counted).tolist() == list(range(n))


def test_order_depends_on_seed_and_epoch_only():
    def order(epoch, attempt=0, **changes):
        architecture = small_architecture(batch_size=4, **changes)
        batches = SessionBatches(architecture, [session()], "train")
        batches.start_epoch(epoch, attempt)
        return np.concatenate([rows.trials for rows in batches.rows]).tolist()

    assert order(3) == order(3)
    assert order(3) != order(4)
    assert order(3) != order(3, attempt=1)
    assert order(3) != order(3, seed=1)


def test_arrays_of_a_batch_are_padded_and_have_a_leading_axis():
    architecture = small_architecture(sessions=("a", "b"), channels=(4, 6))
    sessions = [session("a", n_channels=4), session("b", n_channels=6)]
    batches = SessionBatches(architecture, sessions, "valid")
    (first,), (second,) = batches[0], batches[1]
    assert first["counts"].shape == second["counts"].shape == (1, 6, 7, 6)
    assert (first["counts"][..., 4:] == 0).all()
    np.testing.assert_array_equal(first["counts"][0, :, :, :4], sessions[0].splits["valid"].counts)
    assert (first["session"], second["session"]) == ([0], [1])
    assert set(first) == {"counts", "weights", "session"}


def test_missing_bins_are_zero_and_masked():
    data = trials(3, 5, 2)
    counts = data.counts.astype(np.float32)
    counts[1, 2, 0] = np.nan
    architecture = small_architecture(channels=(2,), n_bins=5)
    batch = make_batch(architecture, Trials(counts, data.external_inputs), 0, mask_missing=True)
    assert batch["counts"][1, 2, 0] == 0
    assert batch["present"][1, 2, 0] == 0
    assert batch["present"].sum() == counts.size - 1


def test_hidden_samples_stay_the_same_through_all_epochs():
    architecture = small_architecture(sample_validation_rate=0.3, batch_size=20)
    batches = SessionBatches(architecture, [session()], "train")

    def hidden(epoch):
        batches.start_epoch(epoch)
        ((batch),) = batches[0]
        return batch["hidden"][0][np.argsort(batches.rows[0].trials)]

    np.testing.assert_array_equal(hidden(0), hidden(5))
    assert hidden(0).mean() == pytest.approx(0.3, abs=0.05)


def test_jitter_moves_training_spikes_and_leaves_validation_alone():
    architecture = small_architecture(temporal_spike_jitter_width=2, batch_size=20)
    sessions = [session()]
    train = SessionBatches(architecture, sessions, "train")
    plain = sessions[0].splits["train"].counts[train.rows[0].trials]
    ((moved),) = train[0]
    assert (moved["counts"][0] != plain).any()
    np.testing.assert_array_equal(moved["counts"][0].sum(axis=1), plain.sum(axis=1))
    ((valid),) = SessionBatches(architecture, sessions, "valid")[0]
    np.testing.assert_array_equal(valid["counts"][0], sessions[0].splits["valid"].counts)


def test_reading_ahead_gives_each_epoch_its_own_batches_in_order():
    batches = SessionBatches(small_architecture(batch_size=4), [session()], "train")
    given_to_fit = ReadAhead().of(batches)
    for epoch in (0, 1, 5):
        dropped = iter(given_to_fit)  # As Keras does before it tells of the next epoch.
        batches.start_epoch(epoch)
        read = [batch["counts"].numpy() for (batch,) in given_to_fit]
        del dropped
        expected = [batches[i][0]["counts"] for i in range(len(batches))]
        np.testing.assert_array_equal(read, expected)


def test_a_batch_that_cannot_be_made_says_so(monkeypatch):
    batches = SessionBatches(small_architecture(batch_size=4), [session()], "train")
    given_to_fit = ReadAhead().of(batches)
    monkeypatch.setattr(batches, "rows", [None] * len(batches))
    with pytest.raises(Exception, match="NoneType"):
        list(given_to_fit)
