import numpy as np
import pytest

from lfads_nb.datasets import Counts, align_sessions, align_single_session
from lfads_nb.errors import DataError

N_CONDITIONS, N_BINS, N_LATENTS = 5, 30, 3
LATENTS = np.random.default_rng(0).standard_normal((N_CONDITIONS, N_BINS, N_LATENTS)).cumsum(axis=1)


def session(n_channels, *, seed, conditions=range(N_CONDITIONS), noise=0.0, repeats=2, **fields):
    """Channels that are linear in shared latents; `continuous`, so that averages are exact."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((N_LATENTS, n_channels))
    offset = rng.uniform(1, 9, n_channels)
    ids = np.repeat(list(conditions), repeats)
    rates = LATENTS[ids] @ weights + offset
    rates += noise * rng.standard_normal(rates.shape)
    return Counts.from_bins(rates, 10.0, condition_ids=ids, continuous=True, **fields)


def test_shared_latents_are_found_from_every_session():
    sessions = {"a": session(8, seed=1), "b": session(12, seed=2)}
    alignments = align_sessions(sessions, 3)
    assert list(alignments) == ["a", "b"]
    for name, alignment in alignments.items():
        counts = sessions[name]
        assert alignment.matrix.shape == (counts.n_channels, 3)
        assert alignment.global_pcs.shape == (N_CONDITIONS, N_BINS, 3)
        np.testing.assert_allclose(alignment.r2, 1, atol=1e-9)
        np.testing.assert_allclose(alignment.reconstruction, alignment.global_pcs, atol=1e-6)
        # what the model does with it: subtract the bias, then the matrix
        factors = (counts.condition_averages() - alignment.bias) @ alignment.matrix
        np.testing.assert_allclose(factors, alignment.global_pcs, atol=1e-6)
    np.testing.assert_array_equal(alignments["a"].global_pcs, alignments["b"].global_pcs)


def test_components_are_those_of_the_pooled_averages():
    sessions = {"a": session(8, seed=1, noise=0.5), "b": session(12, seed=2, noise=0.5)}
    pooled = np.concatenate([s.condition_averages() for s in sessions.values()], axis=2)
    pooled = pooled.reshape(-1, 20) - pooled.reshape(-1, 20).mean(axis=0)
    _, _, vectors = np.linalg.svd(pooled, full_matrices=False)
    expected = pooled @ vectors[:4].T
    found = align_sessions(sessions, 4)["a"].global_pcs.reshape(-1, 4)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-8)


def test_bias_is_the_mean_count_per_bin_of_the_condition_averages():
    counts = session(6, seed=1, noise=1.0)
    uneven = counts.select_trials([0, 1, 2, 4, 6, 8])
    alignment = align_sessions({"a": uneven, "b": counts}, 2)["a"]
    np.testing.assert_allclose(alignment.bias, uneven.condition_averages().mean(axis=(0, 1)))
    assert (alignment.bias > 0).all()


def test_missing_columns_are_padded_with_zeros():
    sessions = {"a": session(2, seed=1), "b": session(2, seed=2)}
    alignment = align_sessions(sessions, 6)["a"]
    assert alignment.matrix.shape == (2, 6)
    assert (alignment.matrix[:, 4:] == 0).all()
    assert np.isnan(alignment.r2[4:]).all()
    # three latents span only three of the four channels' dimensions
    assert (alignment.matrix[:, 3] == 0).all()


def test_a_condition_that_a_session_lacks():
    sessions = {"a": session(8, seed=1), "b": session(12, seed=2, conditions=[0, 1, 3, 4])}
    alignments = align_sessions(sessions, 3)
    assert alignments["a"].condition_ids.tolist() == [0, 1, 2, 3, 4]
    for alignment in alignments.values():
        assert np.isfinite(alignment.matrix).all()
        assert np.isfinite(alignment.bias).all()
        np.testing.assert_allclose(alignment.r2, 1, atol=1e-8)
        assert np.isnan(alignment.global_pcs[2]).all()
        assert np.isfinite(alignment.global_pcs[[0, 1, 3, 4]]).all()
    assert np.isfinite(alignments["a"].reconstruction).all()
    assert np.isnan(alignments["b"].reconstruction[2]).all()


def test_covariances_that_gaps_spoil_fall_back_to_complete_samples():
    rng = np.random.default_rng(4)
    sessions = {}
    for name, conditions in (("a", [0, 1, 2]), ("b", [1, 2, 3]), ("c", [2, 3, 4])):
        values = rng.standard_normal((len(conditions), N_BINS, 4))
        sessions[name] = Counts.from_bins(values, 1.0, condition_ids=conditions, continuous=True)
    alignments = align_sessions(sessions, 5)
    assert np.isfinite(alignments["a"].global_pcs[2]).all()
    assert all(np.isfinite(alignment.matrix).all() for alignment in alignments.values())


def test_ridge_is_close_where_data_are_good_and_smaller_where_they_are_not():
    good = {"a": session(8, seed=1), "b": session(12, seed=2)}
    plain = align_sessions(good, 3)["a"]
    ridge = align_sessions(good, 3, approach="ridgeRegressGlobalPCs")["a"]
    np.testing.assert_allclose(ridge.r2, plain.r2, atol=1e-3)
    noisy = {"a": session(40, seed=1, noise=20.0), "b": session(40, seed=2, noise=20.0)}
    plain = align_sessions(noisy, 3)["a"]
    ridge = align_sessions(noisy, 3, approach="ridgeRegressGlobalPCs", normalize_each=True)["a"]
    assert ridge.penalty > 1
    assert np.linalg.norm(ridge.matrix) < np.linalg.norm(plain.matrix)


def test_excluded_conditions_and_trials_without_condition_do_not_count():
    full = {"a": session(8, seed=1), "b": session(12, seed=2)}
    excluded = align_sessions(full, 3, exclude_conditions=[2])
    assert excluded["a"].condition_ids.tolist() == [0, 1, 3, 4]
    without = {}
    for name, counts in full.items():
        ids = np.where(counts.condition_ids == 2, np.nan, counts.condition_ids)
        without[name] = Counts.from_bins(counts.counts, 10.0, condition_ids=ids, continuous=True)
    np.testing.assert_allclose(align_sessions(without, 3)["a"].matrix, excluded["a"].matrix)


def test_text_conditions():
    words = np.array(["a", "b", "c", "d", "e"])
    plain = {"a": session(8, seed=1), "b": session(9, seed=2)}
    named = {
        name: Counts.from_bins(
            counts.counts, 10.0, condition_ids=words[counts.condition_ids], continuous=True
        )
        for name, counts in plain.items()
    }
    alignment = align_sessions(named, 3)["a"]
    assert alignment.condition_ids.tolist() == words.tolist()
    np.testing.assert_allclose(alignment.matrix, align_sessions(plain, 3)["a"].matrix)


def test_missing_bins_are_left_out():
    whole = {"a": session(8, seed=1), "b": session(9, seed=2)}
    values = whole["a"].counts.copy()
    values[0, :10] = np.nan  # the other trial of the condition is still there
    holes = Counts.from_bins(
        values, 10.0, condition_ids=whole["a"].condition_ids, continuous=True, allow_missing=True
    )
    alignment = align_sessions({"a": holes, "b": whole["b"]}, 3)["a"]
    np.testing.assert_allclose(alignment.r2, 1, atol=1e-8)


def test_spike_counts_of_the_demo_align(tmp_path):
    from lfads_nb.datasets.lorenz import DemoRecipe, make_demo_session

    recipe = DemoRecipe(n_conditions=10, duration_ms=400)
    sessions = {f"s{i}": make_demo_session(recipe, i).counts.rebin(20) for i in range(3)}
    for alignment in align_sessions(sessions, 3).values():
        assert (alignment.r2[:2] > 0.9).all()


def test_single_session_components():
    counts = session(6, seed=1, noise=0.3)
    alignment = align_single_session(counts, 4)
    averages = counts.condition_averages().reshape(-1, 6)
    np.testing.assert_allclose(alignment.bias, averages.mean(axis=0))
    np.testing.assert_allclose(alignment.matrix.T @ alignment.matrix, np.eye(4), atol=1e-10)
    scores = (averages - alignment.bias) @ alignment.matrix
    variances = scores.var(axis=0)
    assert (np.diff(variances) <= 0).all()
    off_diagonal = np.cov(scores, rowvar=False) - np.diag(scores.var(axis=0, ddof=1))
    np.testing.assert_allclose(off_diagonal, 0, atol=1e-8)
    # the sign of a component is fixed: its largest loading is positive
    assert (
        np.take_along_axis(alignment.matrix, np.abs(alignment.matrix).argmax(0)[None], 0) > 0
    ).all()


def test_single_session_with_more_factors_than_channels_is_padded():
    alignment = align_single_session(session(2, seed=1), 5)
    assert alignment.matrix.shape == (2, 5)
    assert (alignment.matrix[:, 2:] == 0).all()


def other_bins(**fields):
    return Counts.from_bins(np.ones((2, 7, 3)), 10.0, condition_ids=[0, 1], **fields)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (other_bins(), "'b'.*7 bins of 10 ms, but 'a' has 30"),
        (session(3, seed=3).rebin(20), "15 bins of 20 ms"),
        (session(3, seed=3).select_trials([0])._with(condition_ids=np.array([77])), "no condition"),
        (session(3, seed=3)._with(condition_ids=None), "'b', field 'condition_ids': is missing"),
        (session(3, seed=3)._with(condition_ids=np.array(["x"] * 10)), "differs in type"),
        (session(3, seed=3)._with(condition_ids=np.full(10, np.nan)), "no trial with a condition"),
    ],
)
def test_sessions_that_do_not_fit_are_refused(other, message):
    with pytest.raises(DataError, match=message):
        align_sessions({"a": session(4, seed=1), "b": other}, 3)


def test_a_channel_that_was_never_recorded_is_refused():
    values = session(4, seed=1).counts.copy()
    values[:, :, 2] = np.nan
    counts = Counts.from_bins(
        values,
        10.0,
        condition_ids=[0, 0, 1, 1, 2, 2, 3, 3, 4, 4],
        continuous=True,
        allow_missing=True,
    )
    with pytest.raises(DataError, match="channel 2 has missing bins only"):
        align_single_session(counts, 2)


def test_unknown_approach_lists_the_known_ones():
    with pytest.raises(DataError, match="'regressGlobalPCs', 'ridgeRegressGlobalPCs'"):
        align_sessions({"a": session(4, seed=1)}, 3, approach="magic")


def test_nothing_to_align():
    with pytest.raises(DataError, match="no session"):
        align_sessions({}, 3)
