import pytest

from lfads_nb.demo import QUICK
from lfads_nb.sweep import ParamProblem, RunCollection, RunParams
from lfads_nb.sweep.param_info import param
from lfads_nb.widgets.panels.parameters import ParametersPanel, _few_problems
from lfads_nb.widgets.panels.params_form import describe_fields


@pytest.fixture
def panel(bench):
    return ParametersPanel(bench)


def sweep(kind="list", **texts):
    return {"kind": kind, "values": "", "low": "", "high": "", "n": "3", **texts}


def type_in(panel, values=None, sweeps=None):
    panel.form.values = values or {}
    panel.form.sweeps = sweeps or {}


def test_every_parameter_has_its_field():
    names = {field["name"] for field in describe_fields(RunParams)}
    hidden = {n for n, i in RunParams.param_info().items() if i.group == "debug"} | {"version"}
    assert names == set(RunParams.model_fields) - hidden


def test_what_is_typed_makes_settings(panel):
    type_in(panel, {"spike_bin_ms": "4", "co_dim": "0"}, {"factors_dim": sweep(values="6, 7")})
    assert [p.factors_dim for p in panel.settings] == [6, 7]
    assert panel.add.description == "Add 2 settings"
    panel.add.click()
    assert [p.factors_dim for p in panel.bench.collection.params] == [2, 4, 6, 7]
    assert len(RunCollection.load(panel.bench.collection.path).params) == 4


def test_settings_that_are_there_already_are_pointed_out(panel):
    type_in(
        panel,
        {"spike_bin_ms": "4", "batch_size": "3", "co_dim": "0"},
        {"factors_dim": sweep(values="2, 3")},
    )
    assert [row["cells"]["state"] for row in panel.preview.rows] == ["in the collection", "new"]
    assert panel.add.description == "Add 1 setting"


def test_a_double_click_adds_nothing_twice(panel):
    type_in(panel, {"spike_bin_ms": "4", "factors_dim": "9"})
    panel.add_settings()
    panel.add_settings()
    assert len(panel.bench.collection.params) == 3


def test_problems_show_at_their_field_and_stop_adding(panel):
    type_in(panel, {"spike_bin_ms": "3", "factors_dim": "zero"})
    problems = panel.form.problems
    assert "whole number" in problems["factors_dim"][0]["message"]
    assert panel.add.disabled
    type_in(panel, {"spike_bin_ms": "2.5"})
    assert problems != panel.form.problems
    assert any("dataset001" in p["message"] for p in panel.form.problems["spike_bin_ms"])
    type_in(panel, {"spike_bin_ms": "4"})
    listed = [problem for found in panel.form.problems.values() for problem in found]
    assert not any(problem["severity"] == "error" for problem in listed)
    assert not panel.add.disabled


def test_half_typed_things_survive_a_restart(panel):
    type_in(panel, {"co_dim": "2"}, {"factors_dim": sweep(values="1, 2, ")})
    again = ParametersPanel(panel.bench.collection.path)
    assert again.form.values == {"co_dim": "2"}
    assert again.form.sweeps["factors_dim"]["values"] == "1, 2, "


def test_the_form_starts_from_a_setting(panel):
    panel.load(QUICK)
    assert panel.settings == [QUICK]
    panel.reset.click()
    assert panel.form.values == {}


def test_a_setting_of_the_collection_can_be_taken_up(panel):
    place = len(panel.start_from.options) - 1
    panel.start_from.index = place
    assert panel.settings == [panel.bench.collection.params[-1]]
    assert panel.start_from.index == 0


def test_without_a_collection_settings_are_the_result():
    panel = ParametersPanel()
    type_in(panel, {"factors_dim": "3"})
    assert [p.factors_dim for p in panel.settings] == [3]
    assert panel.add.disabled


class OwnParams(RunParams):
    window_ms: float = param(50.0, "A window of my own.", group="own", unit="ms", gt=0)


def test_parameters_of_ones_own_come_first(bench):
    panel = ParametersPanel(bench, params_class=OwnParams)
    assert panel.form.fields[0]["name"] == "window_ms"
    type_in(panel, {"window_ms": "10", "spike_bin_ms": "4"})
    assert panel.settings[0].window_ms == 10.0


def test_a_sweep_that_is_too_wide_is_answered_in_words(panel):
    wide = sweep("range", low="1", high="60000", n="2000")
    type_in(panel, {"spike_bin_ms": "4"}, {"gen_dim": wide, "con_dim": wide})
    assert "more than 2,000" in panel._problems.value


def test_the_same_problem_of_many_sessions_is_told_briefly():
    warnings = [ParamProblem("batch_size", f"s{i} is small", "warning") for i in range(5)]
    shown = _few_problems([*warnings, ParamProblem("batch_size", "wrong")])
    assert [p["message"] for p in shown] == [
        "wrong", "s0 is small", "s1 is small", "and 3 more like these",
    ]  # fmt: skip
    assert [p["severity"] for p in shown] == ["error", *["warning"] * 3]


def test_what_is_advised_is_one_click_away(panel):
    type_in(
        panel,
        {"spike_bin_ms": "4", "co_dim": "0", "batch_size": "4", "gen_dim": "8",
         "kl_ic_weight": "0.05", "max_epochs": "10", "kl_increase_steps": "90",
         "l2_increase_steps": "90"},
    )  # fmt: skip
    (button,) = panel.advice.buttons
    assert "Ramps of 90 steps need" in panel.advice.children[0].children[0].value
    button.click()
    assert int(panel.form.values["max_epochs"]) > 10
    assert button.description == f"Set max_epochs = {panel.form.values['max_epochs']}"
    assert not panel.advice.children
