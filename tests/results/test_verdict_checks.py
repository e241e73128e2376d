"""The checks of a run's figures, calibrated on thirteen runs on one real recording.

`real_recording.csv`: 140 reaches to 8 targets, 45 units, 26 bins of 20 ms, batch 28. `decoding` is
the share of targets decoded from the rates; chance is 0.125, raw counts give 0.86.
"""

from __future__ import annotations

import csv
import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.results.run_figures import RunFigures
from lfads_nb.results.verdict_checks import CHECKS
from lfads_nb.results.verdicts import verdict_of
from lfads_nb.sweep.verdict import Finding, Level

with (Path(__file__).parent / "real_recording.csv").open() as _file:
    RUNS = list(csv.DictReader(_file))

# Runs on the demo's spikes (Lorenz, 1,820 trials, or 38 of them; one or three sessions), figures as
# they were gathered from their folders, and the check that each was made to fail, if any.
with (Path(__file__).parent / "demo_runs.csv").open() as _file:
    DEMO_RUNS = list(csv.DictReader(_file))

HEALTHY = RunFigures(
    n_train=400, n_valid=100, n_neurons=30, n_silent=0, batch_size=64, steps_per_epoch=7,
    epochs=200, steps=1400, max_epochs=300, ramp_end=600, ramps_ended=1, best_epoch=150,
    rebound_bits=0.01, climb_bits=0.0, jitter_bits=0.01, learning_rate_init=0.01,
    learning_rate=0.001, bits_per_spike=0.8, bits_train=0.85, bits_truth=0.86, rate_spread=1.0,
    kl_g0=10.0, kl_inputs=5.0, has_inputs=1.0, r2_psth_valid=0.9, r2_psth_smoothed=0.8,
    variability_share=0.9, within_condition_share=0.1, drift_share=0.05, copied_share=0.02,
)  # fmt: skip


def figures_of(row: dict[str, str]) -> RunFigures:
    epochs = float(row["epochs"])
    return RunFigures(
        n_train=112, n_valid=28, batch_size=28, steps_per_epoch=4, epochs=epochs, steps=4 * epochs,
        max_epochs=epochs, best_epoch=epochs - 10, ramps_ended=1,
        bits_per_spike=float(row["bits_per_spike"]), rate_spread=float(row["rate_spread"]),
        kl_g0=float(row["kl_g0"]), has_inputs=float(bool(row["kl_co_weight"])),
    )  # fmt: skip


def titles(figures: RunFigures) -> set[str]:
    return {finding.title for finding in verdict_of(figures).problems}


@pytest.mark.parametrize("row", DEMO_RUNS, ids=lambda row: row["run"])
def test_no_false_alarm_on_demo_stitched_demo_and_controller_model(row):
    known = {f.name: float(row[f.name]) for f in fields(RunFigures) if row.get(f.name)}
    verdict = verdict_of(RunFigures(**known))
    called = [finding.check for finding in verdict.problems]
    assert (row["called"] in called) if row["called"] else not called
    assert verdict.text.startswith("Sound:") == (not row["called"])


@pytest.mark.parametrize("row", RUNS, ids=lambda row: f"decodes-{row['decoding']}")
def test_the_collapsed_run_on_real_data_is_called_and_the_good_ones_are_not(row):
    decoding, found = float(row["decoding"]), titles(figures_of(row))
    if decoding < 0.2:
        assert "collapsed" in found
    elif decoding < 0.6:
        assert found == {"little learned"}
    else:
        assert not found


def test_bits_per_spike_and_spread_order_the_runs_as_decoding_does_and_the_kl_of_g0_does_not():
    decoding = np.array([float(row["decoding"]) for row in RUNS])

    def rank_correlation(name: str) -> float:
        values = np.array([float(row[name]) for row in RUNS])
        return np.corrcoef(*(a.argsort().argsort() for a in (decoding, values)))[0, 1]

    assert rank_correlation("bits_per_spike") > 0.9
    assert rank_correlation("rate_spread") > 0.9
    assert rank_correlation("kl_g0") < 0.5


def test_a_healthy_run_is_sound_and_says_its_bits_first():
    verdict = verdict_of(HEALTHY)
    assert not verdict.findings
    assert verdict.title == "sound"
    assert verdict.text.startswith("Sound: 0.800 bits/spike on validation trials (mean rates: 0")
    assert "the true rates: 0.860" in verdict.text


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"rate_spread": 0.0004, "kl_g0": 0.2, "kl_inputs": 0.1}, "collapse"),
        ({"bits_per_spike": -0.1, "bits_train": 0.5}, "worse_than_mean_rates"),
        ({"bits_per_spike": 0.015, "rate_spread": 0.008}, "little_learned"),
        ({"variability_share": 0.1}, "variability_missed"),
        ({"bits_per_spike": 0.3, "bits_train": 0.35}, "far_below_truth"),
        ({"r2_psth_valid": 0.7}, "below_smoothed_spikes"),
        ({"bits_per_spike": 0.45, "bits_train": 1.2}, "far_apart"),
        ({"copied_share": 0.5}, "copies_spikes"),
        ({"bits_per_spike": 1.4}, "copies_spikes"),
        ({"variability_share": 1.8}, "varies_too_much"),
        ({"rebound_bits": 0.3}, "cost_rose"),
        ({"ramps_ended": 0.0, "ramp_end": 2000}, "ramps_not_ended"),
        ({"ramp_end": 1350}, "little_after_ramps"),
        ({"steps_per_epoch": 1, "batch_size": 512}, "one_step_an_epoch"),
        ({"climb_bits": float("inf")}, "diverged"),
        ({"jitter_bits": 0.4}, "oscillates"),
        ({"drift_share": 0.9}, "drift_only"),
        ({"n_silent": 10}, "silent_neurons"),
        ({"bits_truth": -50.0}, "truth_does_not_fit"),
    ],
)
def test_a_run_that_fails_in_one_way_is_called_for_it(changes, check):
    verdict = verdict_of(replace(HEALTHY, **changes))
    assert check in {finding.check for finding in verdict.problems}
    assert verdict.problems[0].change
    assert verdict.text.count(". ") <= 3


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"max_epochs": 200, "best_epoch": 197}, "still_improving"),
        ({"learning_rate": 0.01}, "rate_never_fell"),
        ({"within_condition_share": 0.001}, "condition_averages_only"),
        ({"kl_g0": 0.2, "kl_inputs": 20}, "inputs_carry_all"),
        ({"kl_inputs": 0.01}, "inputs_unused"),
        ({"n_silent": 1}, "silent_neurons"),
        ({"n_valid": 5}, "few_validation_trials"),
    ],
)
def test_a_note_leaves_a_run_sound(changes, check):
    verdict = verdict_of(replace(HEALTHY, **changes))
    assert [finding.check for finding in verdict.findings] == [check]
    assert verdict.title == "sound"
    assert verdict.findings[0].sentence in verdict.text


def test_ramps_that_did_not_end_say_how_many_epochs_they_need():
    figures = replace(
        HEALTHY, ramps_ended=0.0, ramp_end=900, steps=500, steps_per_epoch=5, epochs=100
    )
    assert "their ramps take 900 steps, training made 500 (5 an epoch)" in verdict_of(figures).text
    assert "Set max_epochs to 200 or more" in verdict_of(figures).text


@pytest.mark.parametrize(
    "changes",
    [
        {"ramps_ended": 0.0, "ramp_end": 900, "steps": 500},
        {"ramps_ended": 1.0, "ramp_end": 480, "steps": 500},
        {"learning_rate": 0.01, "learning_rate_init": 0.01, "best_epoch": 10, "epochs": 100},
        {"jitter_bits": 0.4},
        {"climb_bits": 0.6},
    ],
)
def test_a_populations_winner_is_not_told_to_set_epochs_that_its_search_decides(changes):
    run = verdict_of(replace(HEALTHY, **changes))
    winner = verdict_of(replace(HEALTHY, **changes, is_winner=1.0))
    advised = ("max_epochs", "more_epochs", "more epochs", "Lower learning_rate_init")
    assert any(words in run.text for words in advised)
    assert not any(words in winner.text for words in advised)
    assert ("more generations" in winner.text) == ("ramp_end" in changes)


def test_the_gravest_finding_stands_first():
    figures = replace(HEALTHY, variability_share=0.1, rate_spread=0.0005, n_silent=1)
    verdict = verdict_of(replace(figures, jitter_bits=0.4))
    assert [f.level for f in verdict.findings] == [Level.BAD, Level.WARNING, Level.NOTE]
    assert verdict.title == "collapsed"
    assert verdict.text.endswith("Also: cost oscillates.")


def test_nothing_known_nothing_said():
    assert not verdict_of(RunFigures()).findings


@given(
    st.fixed_dictionaries(
        {f.name: st.one_of(st.floats(), st.floats(0, 100)) for f in fields(RunFigures)}
    )
)
def test_a_check_says_something_or_nothing_whatever_the_figures(values):
    for check in CHECKS:
        found = check(RunFigures(**values))
        assert found is None or (isinstance(found, Finding) and found.check == check.__name__)


def test_every_check_says_where_its_threshold_comes_from():
    for check in CHECKS:
        sources = ("our choice", "13 runs", "definition", "own length", "note")
        text = " ".join((check.__doc__ or "").split())
        assert any(source in text for source in sources), check.__name__


@pytest.mark.parametrize(
    ("ended_at_limit", "max_epochs", "is_said"),
    [(1.0, 300, True), (0.0, 200, False), (math.nan, 200, True), (math.nan, 300, False)],
)
def test_stopped_while_still_improving_offers_to_go_on(ended_at_limit, max_epochs, is_said):
    """What ended training is what the run itself says, where it does."""
    figures = replace(HEALTHY, best_epoch=198, max_epochs=max_epochs, ended_at_limit=ended_at_limit)
    found = {f.check: f for f in verdict_of(figures).findings}
    assert ("still_improving" in found) == is_said
    if is_said:
        assert "more_epochs=100" in found["still_improving"].change
