from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from lfads_nb.model.augmentation import (
    coordinated_dropout,
    dropout_mask,
    hidden_samples,
    jitter_spikes,
)
from lfads_nb.model.backend import happens


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 50))
def test_jitter_keeps_every_spike_of_a_trial_and_channel(width, n_bins, seed):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(1.0, (3, n_bins, 2)).astype(np.float32)
    moved = jitter_spikes(counts, width, rng)
    np.testing.assert_array_equal(moved.sum(axis=1), counts.sum(axis=1))


def test_jitter_is_symmetric_and_within_its_width():
    counts = np.zeros((4000, 9, 1), np.float32)
    counts[:, 4] = 1
    moved = jitter_spikes(counts, 2, np.random.default_rng(0))
    shares = moved.mean(axis=0)[:, 0]
    assert shares[[0, 1, 7, 8]].sum() == 0
    np.testing.assert_allclose(shares[2:7], 0.2, atol=0.03)


def test_jitter_reflects_at_both_ends():
    counts = np.zeros((3000, 5, 1), np.float32)
    counts[:, 0] = 1
    shares = jitter_spikes(counts, 1, np.random.default_rng(0)).mean(axis=0)[:, 0]
    np.testing.assert_allclose(shares, [1 / 3, 2 / 3, 0, 0, 0], atol=0.04)


def test_jitter_leaves_missing_bins_missing():
    counts = np.ones((2, 5, 1), np.float32)
    counts[:, 3] = np.nan
    moved = jitter_spikes(counts, 1, np.random.default_rng(0))
    np.testing.assert_array_equal(np.isnan(moved), np.isnan(counts))


def test_dropout_keeps_the_mean():
    mask = ops.convert_to_numpy(dropout_mask((200, 300), 0.8, keras.random.SeedGenerator(0)))
    assert sorted(np.unique(mask)) == pytest.approx([0.0, 1.25])
    assert mask.mean() == pytest.approx(1.0, abs=0.01)


def test_coordinated_dropout_teaches_exactly_where_it_hides():
    drawn = coordinated_dropout((100, 200), 0.3, 0.0, keras.random.SeedGenerator(0))
    inputs, teaches = (ops.convert_to_numpy(x) for x in drawn)
    np.testing.assert_array_equal(inputs > 0, teaches == 0)
    assert teaches.mean() == pytest.approx(0.3, abs=0.02)
    assert inputs.mean() == pytest.approx(1.0, abs=0.02)


def test_coordinated_dropout_lets_some_visible_counts_teach():
    drawn = coordinated_dropout((100, 200), 0.3, 0.5, keras.random.SeedGenerator(0))
    inputs, teaches = (ops.convert_to_numpy(x) for x in drawn)
    assert (teaches[inputs == 0] == 1).all()
    assert teaches[inputs > 0].mean() == pytest.approx(0.5, abs=0.02)


def test_hidden_samples_come_from_their_key():
    first = hidden_samples((5, 6, 7), 0.4, (1, 2))
    np.testing.assert_array_equal(first, hidden_samples((5, 6, 7), 0.4, (1, 2)))
    assert (first != hidden_samples((5, 6, 7), 0.4, (1, 3))).any()


@pytest.mark.parametrize("probability", [0.0, 0.013, 0.5, 0.95, 1.0])
def test_coins_fall_as_often_as_told_everywhere_and_differently_each_time(probability):
    seed = keras.random.SeedGenerator(0)
    tosses = np.stack(
        [ops.convert_to_numpy(happens(probability, (301, 7, 33), seed)) for _ in range(8)]
    )
    spread = 5 * np.sqrt(probability * (1 - probability))
    for axes in [(0, 1, 2, 3), (1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2)]:
        shares = tosses.mean(axis=axes)
        n = tosses.size / max(shares.size, 1)
        np.testing.assert_allclose(shares, probability, atol=spread / np.sqrt(n) + 1e-5)
    if 0 < probability < 1:
        agree = (tosses[1:] == tosses[:-1]).mean()
        by_chance = probability**2 + (1 - probability) ** 2
        assert agree == pytest.approx(by_chance, abs=5 * 0.5 / np.sqrt(tosses[1:].size))
