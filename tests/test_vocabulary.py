from __future__ import annotations

import numpy as np
import pytest

from lfads_nb.vocabulary import CURVES, FIGURES, JUDGES, best_first, best_runs, curve


@pytest.mark.parametrize("figure", [*FIGURES.values(), *CURVES.values()], ids=lambda f: f.key)
def test_a_figure_says_what_it_is(figure):
    assert figure.name
    assert figure.short
    assert figure.unit in figure.label or figure.unit.replace("/", " per ") in figure.name
    assert figure.hint.endswith(".")
    assert ".." not in figure.hint
    assert figure.text(float("nan")) == "–"


def test_no_two_figures_share_a_name():
    for declared in (FIGURES, CURVES):
        assert len({figure.name for figure in declared.values()}) == len(declared)
        assert len({figure.short for figure in declared.values()}) == len(declared)


def test_what_judges_has_a_direction():
    assert all(FIGURES[key].better for key in JUDGES)
    with pytest.raises(ValueError, match="no better and worse"):
        FIGURES["epochs"].rank(3)


def test_bits_per_spike_say_which_run_is_best_and_the_likelihood_only_where_nobody_has_them():
    runs = {
        "low": {"bits_per_spike": 0.1, "best_recon_valid": 1.0},
        "high": {"bits_per_spike": np.float64(0.3), "best_recon_valid": 9.0},
        "none": {"bits_per_spike": np.nan, "best_recon_valid": 0.0},
    }
    assert best_runs(runs) == {"high": FIGURES["bits_per_spike"]}
    bare = {name: {"best_recon_valid": v["best_recon_valid"]} for name, v in runs.items()}
    assert best_runs(bare) == {"none": FIGURES["best_recon_valid"]}


def test_runs_of_different_data_are_not_compared_and_one_run_alone_is_not_the_best():
    runs = {name: {"bits_per_spike": v} for name, v in {"a": 0.1, "b": 0.2, "c": 0.9}.items()}
    assert list(best_runs(runs, {"a": "x", "b": "x", "c": "y"})) == ["b"]
    assert best_runs({"a": {"bits_per_spike": None}, "b": {}}) == {}


def test_columns_of_a_fit_log_say_of_which_trials_they_are():
    assert curve("recon_valid").name == "validation reconstruction"
    assert curve("total_train").split == "training"
    assert curve("bps").split == "validation"
    assert curve("val_hidden_nll").name == "validation hidden samples"
    assert curve("made_up_by_somebody").name == "made up by somebody"


def test_what_was_stopped_early_is_beaten_and_never_the_best():
    runs = {
        "gone": {"best_recon_valid": 1.0, "state": "stopped early at epoch 9"},
        "left": {"best_recon_valid": 2.0, "state": "done"},
        "bare": {"state": "queued"},
    }
    assert list(best_runs(runs)) == ["left"]
    assert best_first(runs) == ["left", "bare", "gone"]
    assert best_runs({name: runs[name] for name in ("left", "bare")}) == {}
    assert best_runs({"gone": runs["gone"], "also": runs["gone"]}) == {}


def test_figures_of_test_trials_choose_nothing_however_good_they_are():
    of_test = [key for key, figure in FIGURES.items() if figure.split in ("test", "evaluation")]
    assert {key for key in FIGURES if key.startswith(("test_", "nlb_"))} == set(of_test)
    assert all(FIGURES[key].split == "validation" for key in JUDGES)
    tempting = {
        key: (1e9 if figure.better == "higher" else -1e9)
        for key, figure in FIGURES.items()
        if key in of_test
    }
    runs = {"good": {"bits_per_spike": 0.3}, "tempting": {"bits_per_spike": 0.1, **tempting}}
    assert list(best_runs(runs)) == ["good"]
    assert best_first(runs) == ["good", "tempting"]
    bare = {"one": tempting, "two": {key: -value for key, value in tempting.items()}}
    assert best_runs(bare) == {}
    assert best_first(bare) == ["one", "two"]
