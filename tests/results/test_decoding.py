from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from lfads_nb.datasets import Signal
from lfads_nb.datasets.reaching import ReachingRecipe, make_reaching_session
from lfads_nb.errors import DataError
from lfads_nb.results.decoding import (
    Source,
    decodable,
    decode_labels,
    decode_run,
    decode_signal,
    describe_result,
    ridge,
    smoothed_spikes,
)
from lfads_nb.results.decoding.parts import Part, fold_parts, group_parts
from lfads_nb.results.posterior_means import PosteriorMeans


def _open(run, **options):
    return PosteriorMeans.open(run.folder, run.params, run.datasets, **options)


def linear_world(n_trials=60, n_bins=30, n_features=8, *, noise=0.3, lag=0, seed=0):
    """Features, and a signal that they make up `lag` bins later."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n_trials, n_bins, n_features))
    y = np.roll(x @ rng.standard_normal((n_features, 2)), lag, axis=1)
    return x, y + noise * rng.standard_normal(y.shape)


def one_part(n_trials):
    trials = np.arange(n_trials)
    return [Part("held out", trials[trials % 4 != 0], trials[::4])]


def decode(x, y, *, lags_ms=(0,), parts=None, **options):
    sources = [Source("x", {"": x})] if isinstance(x, np.ndarray) else x
    return decode_signal(
        sources, Signal(y, "mm/s"), parts or one_part(len(y)), bin_ms=10, lags_ms=lags_ms,
        **{"n_permutations": 0, **options},
    )  # fmt: skip


def test_what_is_linear_is_decoded():
    found = decode(*linear_world(noise=1e-3)).by_source["x"]
    assert found.mean_r2 > 0.999


def test_a_lag_is_found_within_the_training_trials():
    x, y = linear_world(lag=3)
    searched = decode(x, y, lags_ms=np.arange(-50, 101, 10)).by_source["x"]
    assert searched.lags_ms == (30,)
    assert searched.mean_r2 > 0.9
    assert decode(x, y, lags_ms=(0,)).by_source["x"].mean_r2 < 0.2


def test_the_penalties_score_is_scikit_learn_s_cross_validation():
    x, y = linear_world(n_trials=20, noise=2.0)
    fold = np.arange(20) % 5
    own = ridge._inner_r2(x, y, fold)
    flat = (x - x.mean((0, 1))) / x.std((0, 1))
    for penalty in (ridge.PENALTIES[0], ridge.PENALTIES[9], ridge.PENALTIES[-1]):
        error = 0.0
        for k in range(5):
            train, held = flat[fold != k].reshape(-1, 8), flat[fold == k].reshape(-1, 8)
            # the penalty is per sample that is fitted on
            model = Ridge(alpha=penalty * len(train)).fit(train, y[fold != k].reshape(-1, 2))
            error = error + ((model.predict(held) - y[fold == k].reshape(-1, 2)) ** 2).sum(axis=0)
        expected = np.mean(1 - error / ((y - y.mean((0, 1))) ** 2).sum(axis=(0, 1)))
        found = own[np.flatnonzero(penalty == ridge.PENALTIES)[0]]
        assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_noise_decodes_nothing_however_many_candidates_lags_and_penalties(seed):
    # What was chosen on the judged trials would show here: 6 candidates x 13 lags x 17 penalties.
    rng = np.random.default_rng(seed)
    candidates = {f"{i}": rng.standard_normal((40, 25, 30)) for i in range(6)}
    y = rng.standard_normal((40, 25, 2))
    found = decode([Source("noise", candidates)], y, lags_ms=np.arange(-60, 61, 10), seed=seed)
    assert found.by_source["noise"].mean_r2 < 0.01


def test_judged_trials_change_no_choice_and_no_weight():
    x, y = linear_world(noise=2.0)
    part = one_part(60)
    before = decode(x, y, lags_ms=(-10, 0, 10)).by_source["x"]
    spoilt = y.copy()
    spoilt[part[0].score] = np.random.default_rng(9).normal(50, 9, spoilt[part[0].score].shape)
    after = decode(x, spoilt, lags_ms=(-10, 0, 10)).by_source["x"]
    assert (after.lags_ms, after.inner_r2) == (before.lags_ms, before.inner_r2)
    np.testing.assert_array_equal(after.predicted, before.predicted)
    assert after.mean_r2 < 0 < before.mean_r2


def test_all_sources_are_judged_by_the_same_bins():
    x, y = linear_world()
    gap = x.copy()
    gap[8, 3:9] = np.nan
    y[12, :4] = np.nan
    result = decode([Source("whole", {"": x}), Source("gap", {"": gap})], y)
    known = [~np.isnan(found.predicted[..., 0]) for found in result.by_source.values()]
    np.testing.assert_array_equal(known[0], known[1])
    np.testing.assert_array_equal(known[0], ~np.isnan(result.actual[..., 0]))
    assert not known[0][8, 3:9].any()
    assert not known[0][12, :4].any()
    assert known[0].sum() == 15 * 30 - 6 - 4


def test_chance_is_what_time_in_the_trial_tells():
    rng = np.random.default_rng(0)
    same = np.sin(np.arange(30) / 3)[None, :, None] * np.ones((60, 1, 2))
    own = rng.standard_normal((60, 1, 2))
    x = np.concatenate([same, own + 0 * same], axis=-1) + 0.1 * rng.standard_normal((60, 30, 4))
    found = decode(x, same + own, n_permutations=20).by_source["x"]
    assert found.mean_r2 > 0.9
    assert 0.1 < found.chance_r2.mean() < 0.5
    assert found.p_value == pytest.approx(1 / 21)
    assert np.isnan(decode(x, same + own).by_source["x"].p_value)


def test_groups_are_left_out_one_by_one():
    groups = np.array(["a", "b", "c", ""] * 5)
    fit, score = np.arange(0, 20, 2), np.arange(1, 20, 2)
    parts = group_parts(groups, fit, score)
    assert [part.name for part in parts] == ["without b"]  # only b has trials to be judged by
    parts = group_parts(groups, np.arange(20), np.arange(20))
    for part, name in zip(parts, "abc", strict=True):
        assert not set(groups[part.fit]) & {name, ""}
        assert set(groups[part.score]) == {name}
    with pytest.raises(DataError, match="at least 2 groups"):
        group_parts(np.array(["a", "a"]), np.arange(2), np.arange(2))


def test_folds_judge_every_trial_once():
    parts = fold_parts(np.arange(11), 3, seed=0)
    assert sorted(np.concatenate([part.score for part in parts]).tolist()) == list(range(11))
    assert not any(set(part.fit) & set(part.score) for part in parts)
    with pytest.raises(DataError, match="2 trials cannot make 3 folds"):
        fold_parts(np.arange(2), 3, seed=0)
    assert KFold(3).get_n_splits() == len(parts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y[:, :-1], "60 trials x 29 bins, but x 60 x 30"),
        (lambda y: y[:-1], "59 trials x 30 bins"),
        (lambda y: np.full_like(y, np.nan), "not known .NaN. in any of the 45 trials"),
        (lambda y: np.where(np.arange(60)[:, None, None] < 4, y, np.nan), "known in 3.*5 folds"),
        (lambda y: y * [1, 0], "same value in all trials to fit on .dimension 1"),
        (lambda y: np.where(np.arange(60)[:, None, None] % 4 == 0, np.nan, y), "judged by"),
    ],
)
def test_signals_that_do_not_fit_are_named(change, message):
    x, y = linear_world()
    y = change(y) if "judged" not in message else np.where(
        np.arange(60)[:, None, None] % 4 == 0, np.nan, y
    )  # fmt: skip
    with pytest.raises(DataError, match=message):
        decode(x, y)


def test_lags_that_leave_nothing_are_refused():
    x, y = linear_world()
    with pytest.raises(DataError, match="less than a quarter"):
        decode(x, y, lags_ms=(-150, 150))
    with pytest.raises(DataError, match="names no lag"):
        decode(x, y, lags_ms=())


def labelled(n_trials=90, n_labels=3, *, signal=1.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.array(["left", "middle", "right"])[np.arange(n_trials) % n_labels]
    means = signal * rng.standard_normal((n_labels, 1, 6))
    x = means[np.arange(n_trials) % n_labels] + rng.standard_normal((n_trials, 20, 6))
    return x, labels


def test_labels_are_told_apart_and_confused_by_name():
    x, labels = labelled()
    labels[5] = ""
    result = decode_labels([Source("x", {"": x})], labels, one_part(90), n_permutations=10)
    found = result.by_source["x"]
    assert found.accuracy > 0.95
    assert 0.1 < found.chance_accuracy.mean() < 0.6
    assert found.confusion.sum() == len(result.trials) == 23
    table = result.confusion_table("x")
    assert table.loc["left", "left"] >= 6
    assert result.labels == ("left", "middle", "right")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_noise_labels_are_at_chance(seed):
    x, labels = labelled(160, signal=0.0, seed=seed)
    candidates = {f"{i}": np.roll(x, i, axis=2) for i in range(2)}
    parts = fold_parts(np.arange(160), 3, seed)
    result = decode_labels(
        [Source("x", candidates)], labels, parts, n_folds=3, n_windows=1, n_permutations=0
    )
    # 160 trials at 1/3: s.d. 0.037
    assert abs(result.by_source["x"].accuracy - 1 / 3) < 4 * 0.037


@pytest.mark.slow
def test_rare_labels_are_left_out_by_name():
    x, labels = labelled()
    labels = labels.astype("<U12")
    labels[[1, 2]] = "once"
    result = decode_labels([Source("x", {"": x})], labels, one_part(90), n_permutations=0)
    assert "once" in result.notes[0]
    assert "once" not in result.labels
    with pytest.raises(DataError, match="1 labels with at least 5 trials"):
        decode_labels([Source("x", {"": x})], np.full(90, "a"), one_part(90))


def test_smoothing_knows_missing_bins():
    counts = np.ones((2, 20, 1))
    counts[0, 5:8] = np.nan
    source = smoothed_spikes(counts, 10, (1, 30, 5000))
    assert list(source.candidates) == ["30 ms"]
    np.testing.assert_allclose(source.candidates["30 ms"], 1)


def test_a_run_is_decoded_beside_its_spikes(make_run):
    pm = _open(make_run(behavior=True, test=True, n_trials=80))
    assert decodable(pm) == (("hand_vel",), ("condition",))
    result = decode_run(pm, "hand_vel", sources=["factors", "rates"], lag_ms=0, n_permutations=3)
    table = result.table()
    assert list(table.index) == ["factors", "rates", "smoothed spikes", "raw counts"]
    assert {"R2", "R2 x", "R2 y", "lag (ms)", "smoothing", "chance R2", "p"} <= set(table.columns)
    assert table.loc["factors", "R2"] > 0.9 > table.loc["raw counts", "R2"]
    np.testing.assert_array_equal(result.trials, np.sort(pm.valid_inds))
    assert "judged by 16 others (validation)" in describe_result(result)
    judged = decode_run(pm, "hand_vel", sources=[], lag_ms=0, evaluate="test", n_permutations=0)
    np.testing.assert_array_equal(judged.trials, np.sort(pm.test_inds))
    assert list(judged.by_source) == ["smoothed spikes", "raw counts"]


def test_conditions_of_a_run_are_decoded(make_run):
    pm = _open(make_run(behavior=True, n_trials=80))
    result = decode_run(pm, "condition", sources=["factors"], n_permutations=2)
    assert result.by_source["factors"].accuracy > 0.8
    left_out = decode_run(pm, "hand_vel", sources=["factors"], groups="condition", lag_ms=0,
                          evaluate="folds", n_permutations=0)  # fmt: skip
    assert left_out.parts == ("without 0", "without 1", "without 2", "without 3")
    assert left_out.by_source["factors"].mean_r2 > 0.8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "hand"}, "no behaviour or trial column 'hand'. Signals: hand_vel; labels: con"),
        ({"target": np.zeros(60)}, "1 values|0 labels|1 labels"),
        ({"target": np.arange(60.0)}, "60 different values, too many"),
        ({"target": np.zeros((60, 20, 2, 1))}, "trials x bins x dims"),
        ({"target": "hand_vel", "sources": ["spikes"]}, "nothing can be decoded from 'spikes'"),
        ({"target": "hand_vel", "evaluate": "test"}, "no test trials"),
        ({"target": "hand_vel", "evaluate": "all"}, "'valid', 'test' and 'folds'"),
        ({"target": "hand_vel", "lag_ms": "best"}, "ms, or 'search'"),
        ({"target": "hand_vel", "groups": "day"}, "no trial column 'day'"),
        ({"target": "hand_vel", "folds": 1}, "at least 2"),
        ({"target": "condition", "folds": 0}, "at least 2"),
        ({"target": "condition", "window_ms": (900, 950)}, "holds no bin"),
        ({"target": "condition", "n_windows": 99}, "ask for fewer"),
    ],
)
def test_what_cannot_be_decoded_says_why(make_run, options, message):
    pm = _open(make_run(behavior=True))
    with pytest.raises(DataError, match=message):
        decode_run(pm, **options)


def test_a_run_of_before_behaviour_says_how_to_get_it(make_run):
    with pytest.raises(DataError, match=r"Signals: none.*prepared again"):
        decode_run(_open(make_run()), "hand_vel")


def test_sessions_are_decoded_one_by_one(make_run):
    run = make_run(behavior=True, datasets={"one": {}, "two": {"n_neurons": 5}})
    with pytest.raises(DataError, match="one, two, whose neurons differ"):
        decode_run(_open(run), "hand_vel")


def test_the_reaching_demo_s_true_rates_decode_better_than_its_spikes():
    recipe = ReachingRecipe(trials_per_condition=(15, 15), channels=(60, 60), bin_ms=20)
    counts = make_reaching_session(recipe).counts
    spikes = counts.counts.astype(float)
    result = decode_signal(
        [Source("true rates", {"": counts.truth}), smoothed_spikes(spikes, 20, (40, 60, 80)),
         Source("raw counts", {"": spikes})],
        counts.behavior["hand_vel"], one_part(counts.n_trials), bin_ms=20, lags_ms=(60, 100, 140),
        n_permutations=0,
    )  # fmt: skip
    r2 = {name: found.mean_r2 for name, found in result.by_source.items()}
    assert result.by_source["true rates"].lags_ms == (100,)
    assert r2["true rates"] > 0.95 > r2["smoothed spikes"] + 0.1
    assert r2["smoothed spikes"] > r2["raw counts"] + 0.1
