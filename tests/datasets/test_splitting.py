import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.datasets.splitting import given_split, interleaved_split, stratified_split
from lfads_nb.errors import DataError


def test_interleaved_split_is_the_run_managers():
    split = interleaved_split(12, 4)
    assert split.valid.tolist() == [0, 5, 10]
    assert split.train.tolist() == [1, 2, 3, 4, 6, 7, 8, 9, 11]
    assert split.test.size == 0


@given(st.integers(2, 400), st.integers(1, 9), st.sampled_from([0.0, 0.1, 0.25]))
def test_every_trial_is_in_exactly_one_part(n_trials, ratio, test_fraction):
    ids = np.arange(n_trials) % 7
    for make in (
        lambda: interleaved_split(n_trials, ratio, test_fraction=test_fraction),
        lambda: stratified_split(ids, ratio=ratio, test_fraction=test_fraction, seed=1),
    ):
        try:
            split = make()
        except DataError:
            assert n_trials < 20
            continue
        assert sorted(np.concatenate(split).tolist()) == list(range(n_trials))
        assert len(split.train)
        assert len(split.valid)
        assert abs(len(split.test) - test_fraction * n_trials) <= 1


def test_stratified_split_takes_the_same_share_of_every_condition():
    ids = np.repeat(["left", "right", "up"], [50, 100, 21])
    np.random.default_rng(3).shuffle(ids)
    split = stratified_split(ids, ratio=4, test_fraction=0.1, seed=5)
    for condition, n in (("left", 50), ("right", 100), ("up", 21)):
        assert abs((ids[split.test] == condition).sum() - 0.1 * n) <= 1
        assert abs((ids[split.valid] == condition).sum() - 0.9 * n / 5) <= 1.2


def test_stratified_split_follows_its_seed():
    ids = np.arange(100) % 5
    same = [stratified_split(ids, seed=s).valid.tolist() for s in (0, 0, 1)]
    assert same[0] == same[1] != same[2]


def test_trials_without_condition_are_split_too():
    ids = np.array([1.0, np.nan] * 20)
    split = stratified_split(ids, ratio=3)
    assert abs(np.isnan(ids[split.valid]).sum() - 5) <= 1


@pytest.mark.parametrize(
    ("n_trials", "ratio", "test_fraction"),
    [(1, 4, 0.0), (0, 4, 0.0), (10, 0, 0.0), (10, 1.5, 0.0), (10, 4, 1.0), (10, 4, -0.1)],
)
def test_impossible_splits_are_refused(n_trials, ratio, test_fraction):
    with pytest.raises(DataError):
        interleaved_split(n_trials, ratio, test_fraction=test_fraction)


def test_empty_test_split_is_not_silent():
    with pytest.raises(DataError, match="no test trial"):
        interleaved_split(5, 4, test_fraction=0.01)


def test_a_split_that_the_data_bring_is_taken_as_it_is():
    split = given_split(["train", "val", "test", "Train", "eval", "validation"])
    assert [part.tolist() for part in split] == [[0, 3], [1, 5], [2, 4]]


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (["train", "none", "val"], r"trial 1: is 'none'"),
        (["train", "test"], "no trial is called 'valid'"),
        ([0, 1], r"trial 0: is '0'"),
    ],
)
def test_a_split_column_that_cannot_be_taken_says_where(parts, says):
    with pytest.raises(DataError, match=says):
        given_split(parts)


def test_four_training_trials_for_each_validation_trial_unless_told_otherwise():
    assert [a.tolist() for a in interleaved_split(11)] == [
        a.tolist() for a in interleaved_split(11, 4)
    ]
    ids = np.arange(40) % 4
    default, told = stratified_split(ids), stratified_split(ids, ratio=4, seed=0)
    assert [a.tolist() for a in default] == [a.tolist() for a in told]


def test_test_trials_are_evenly_spaced_in_the_middle_of_their_share():
    split = interleaved_split(20, 4, test_fraction=0.2)
    assert split.test.tolist() == [2, 7, 12, 17]
    assert split.valid.tolist() == [0, 6, 13, 19]


@pytest.mark.parametrize("seed", range(20))
def test_few_trials_keep_one_for_validation(seed):
    split = stratified_split([0, 0, 1], ratio=9, seed=seed)
    assert len(split.valid) == 1
    assert len(split.train) == 2
    two = stratified_split([0, 1], ratio=9, seed=seed)
    assert [len(two.train), len(two.valid)] == [1, 1]
    # one that came out by itself is not joined by another
    ten = stratified_split(np.zeros(10), ratio=4, seed=seed)
    assert len(ten.valid) == 2


@pytest.mark.parametrize(
    ("call", "field", "words"),
    [
        (lambda: interleaved_split(10, 0), "train_to_test_ratio", "is 0; it must be a whole"),
        (lambda: interleaved_split(10, 1.5), "train_to_test_ratio", "validation trial)."),
        (lambda: interleaved_split(10, test_fraction=1), "test_fraction", "is 1; it must be in"),
        (lambda: interleaved_split(10, test_fraction=-0.1), "test_fraction", "is -0.1"),
        (lambda: interleaved_split(1), None, "1 trials cannot be split"),
        (lambda: interleaved_split(2, 4, test_fraction=0.5), "train",
         "2 trials split with train_to_test_ratio 4 and test_fraction 0.5 leave no train trial"),
        (lambda: stratified_split([1, 1], ratio=4, test_fraction=0.9), "valid",
         "train_to_test_ratio 4 and test_fraction 0.9"),
        (lambda: given_split(["train", "valid", "none"]), "split",
         "train, valid, val, validation, test, eval. Leave the other trials out when loading."),
        (lambda: given_split(["train", "train"]), "split", "no trial is called 'valid'"),
    ],
)  # fmt: skip
def test_what_cannot_be_split_is_said_with_the_field(call, field, words):
    with pytest.raises(DataError) as refused:
        call()
    assert refused.value.field == field
    assert words in str(refused.value)


def test_the_trial_without_a_part_is_named():
    with pytest.raises(DataError) as refused:
        given_split(["train", "valid", "none"])
    assert refused.value.trial == 2


def test_two_trials_are_enough():
    assert [len(part) for part in interleaved_split(2)] == [1, 1, 0]
