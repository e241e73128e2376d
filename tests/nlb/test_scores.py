from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_up import benchmark, made_up

from lfads_nb.errors import DataError
from lfads_nb.nlb import evaluate, read_groups, write_submission, write_targets
from lfads_nb.nlb.scores import psth_r2, speed_time_correlation, spikes_score, velocity_r2


def assert_same_scores(ours, judges):
    assert [list(split) for split in ours] == [list(split) for split in judges]
    for mine, theirs in zip(ours, judges, strict=True):
        for split, scores in theirs.items():
            assert mine[split] == pytest.approx(scores, abs=1e-6)


def test_all_five_scores_are_those_of_the_benchmarks_own_program(judged):
    assert_same_scores(evaluate(*benchmark()), judged["scores"])


def test_scores_of_files_are_those_of_the_arrays(tmp_path, judged):
    targets, submission = benchmark()
    write_targets(tmp_path / "targets.h5", targets)
    write_submission(tmp_path / "submission.h5", submission)
    found = evaluate(read_groups(tmp_path / "targets.h5"), read_groups(tmp_path / "submission.h5"))
    # float32 on disk, as the benchmark wants it
    for mine, theirs in zip(found, judged["scores"], strict=True):
        for split, scores in theirs.items():
            assert mine[split] == pytest.approx(scores, abs=1e-4)


def test_the_judge_itself_agrees_where_it_is_at_hand(judged):
    python = os.environ.get("LFADS_NB_NLB_PYTHON")
    if not python:
        pytest.skip("LFADS_NB_NLB_PYTHON names no Python with nlb_tools (see judge.py)")
    answer = subprocess.run(
        [python, "-W", "ignore", str(Path(__file__).parent / "judge.py"), "scores"],
        check=True, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert_same_scores(evaluate(*benchmark()), json.loads(answer.stdout))
    assert json.loads(answer.stdout) == judged["scores"]


def test_bits_per_spike_by_hand():
    counts = np.array([0.0, 2.0]).reshape(1, 2, 1)
    rates = np.array([0.5, 1.5]).reshape(1, 2, 1)
    assert spikes_score(counts, rates, "rates") == pytest.approx(np.log2(1.5), abs=1e-12)


def test_velocity_that_is_read_from_the_rates_is_decoded_and_permuted_trials_are_not():
    rng = np.random.default_rng(0)
    rates = rng.random((200, 20, 10))
    velocity = rates @ rng.normal(size=(10, 2))
    train, evaluated = slice(0, 150), slice(150, 200)
    assert velocity_r2(rates[train], velocity[train], rates[evaluated], velocity[evaluated]) > 0.999
    shuffled = velocity[rng.permutation(200)]
    assert velocity_r2(rates[train], shuffled[train], rates[evaluated], shuffled[evaluated]) <= 0.01


def test_velocity_with_the_wrong_lag_scores_lower():
    rng = np.random.default_rng(1)
    rates = np.cumsum(rng.normal(size=(60, 40, 5)), axis=1)
    velocity = np.roll(rates, 3, axis=1)[..., :2]
    late = velocity_r2(rates[:40, :-3], velocity[:40, 3:], rates[40:, :-3], velocity[40:, 3:])
    same = velocity_r2(rates[:40], velocity[:40], rates[40:], velocity[40:])
    assert late > 0.99 > same


def test_averages_that_are_right_score_one_and_constant_ones_nothing():
    targets, _ = made_up()
    psth, conditions = targets["psth"], targets["eval_cond_idx"]
    rates = np.zeros((12, *psth.shape[1:]))
    for average, trials in zip(psth, conditions, strict=True):
        rates[trials] = np.nan_to_num(average)
    assert psth_r2(psth, rates, conditions) == pytest.approx(1)
    used = np.concatenate([average[~np.isnan(average[:, 0])] for average in psth[:3]])
    flat = np.broadcast_to(used.mean(axis=0), rates.shape)
    assert psth_r2(psth, flat, conditions) == pytest.approx(0, abs=1e-9)


def test_a_condition_without_evaluation_trials_changes_nothing():
    targets, submission = made_up()
    rates = np.concatenate(
        [submission["eval_rates_heldin"], submission["eval_rates_heldout"]], axis=2
    )
    psth, conditions = targets["psth"], targets["eval_cond_idx"]
    assert psth_r2(psth, rates, conditions) == psth_r2(psth[:3], rates, conditions[:3])


def test_slower_trials_take_longer():
    rng = np.random.default_rng(2)
    timing = np.zeros((20, 5))
    timing[:, 0], timing[:, 4] = np.arange(20) % 2, 600 + 20 * np.arange(20)
    line = rng.normal(size=6)
    rates = np.stack([np.arange(30)[:, None] / produced * line for produced in timing[:, 4]])
    found = speed_time_correlation(rates, np.ones((20, 30), bool), timing)
    assert found < -0.98


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"eval_rates_heldout": None}, "lacks eval_rates_heldout"),
        ({"train_rates_heldin": None}, "lacks train_rates_heldin"),
        ({"eval_rates_heldin_forward": None}, "of all neurons or of none"),
        ({"eval_rates_heldin": -0.1}, "negative rates"),
        ({"eval_rates_heldin": np.nan}, "missing or infinite"),
        ({"train_rates_heldout": np.inf}, "missing or infinite"),
        ({"test_rates": 0.1}, "knows no test_rates"),
        ({"eval_rates_heldout": "short"}, "trials and bins have to be the same"),
    ],
)
def test_a_bad_submission_is_one_sentence_and_nothing_is_written(tmp_path, change, says):
    _, arrays = made_up()
    for key, value in change.items():
        if value is None:
            del arrays[key]
        elif isinstance(value, str):
            arrays[key] = arrays[key][:-1]
        else:
            arrays[key] = np.full((12, 14, 7), value) if key not in arrays else arrays[key].copy()
            arrays[key][0, 0, 0] = value
    path = tmp_path / "submission.h5"
    with pytest.raises(DataError, match=says):
        write_submission(path, {"mc_maze": arrays})
    assert not path.exists()


def test_what_does_not_fit_the_targets_is_named():
    targets, arrays = made_up()
    with pytest.raises(DataError, match=r"mc_maze.*eval_rates_heldout"):
        evaluate(
            {"mc_maze": targets},
            {"mc_maze": {k: v[:-2] if k.startswith("eval") else v for k, v in arrays.items()}},
        )
    with pytest.raises(DataError, match="nothing to score"):
        evaluate({"mc_rtt": targets}, {"mc_maze": arrays})
    silent = {**targets, "train_behavior": np.full_like(targets["train_behavior"], np.nan)}
    with pytest.raises(DataError, match="too little to decode"):
        evaluate({"mc_maze": silent}, {"mc_maze": arrays})


def test_one_file_collects_several_datasets(tmp_path):
    path = tmp_path / "submission.h5"
    _, arrays = made_up()
    write_submission(path, {"mc_maze": arrays})
    write_submission(path, {"mc_maze_20": arrays}, keep_others=True)
    assert set(read_groups(path)) == {"mc_maze", "mc_maze_20"}
    path.write_bytes(b"not HDF5")
    with pytest.raises(DataError, match="cannot be read"):
        read_groups(path)


@pytest.mark.slow
def test_no_part_of_it_needs_more_than_scikit_learn():
    later = "{'tensorflow', 'pynwb', 'sklearn'}"
    code = f"import sys, lfads_nb.nlb; assert not {later} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
