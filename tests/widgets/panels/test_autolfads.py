"""AutoLFADS by clicks: the form of a population, and what it adds."""

from __future__ import annotations

import pytest

from lfads_nb.datasets import DatasetCollection, write_counts
from lfads_nb.sweep import RunCollection, RunParams
from lfads_nb.sweep.search_space import autolfads_space
from lfads_nb.widgets.panels.parameters import SEARCH, SETTINGS, ParametersPanel
from tests.widgets.conftest import small_counts


@pytest.fixture
def panel(tmp_path):
    datasets = DatasetCollection(tmp_path / "data")
    write_counts(tmp_path / "data" / "one.h5", small_counts(100, 200, 20))
    datasets.add("one.h5")
    rc = RunCollection(tmp_path / "runs", "auto", datasets)
    panel = ParametersPanel(rc)
    panel.mode.value = SEARCH
    return panel


def test_one_click_from_dataset_to_population(panel):
    form = panel.autolfads
    form.start.click()
    base = form.population().base
    assert base.batch_size == 16
    assert base.spike_bin_ms == 5
    assert "80 training trials" in form._reasons.value
    form.add.click()
    (population,) = panel.bench.collection.populations
    assert population.base == base
    assert population.space.to_json() == autolfads_space().to_json()
    assert (population.members, population.epochs, population.generations) == (20, 25, 50)
    assert form.add.disabled
    assert "launch it in Runs" in form.notice.value


def test_the_line_says_what_it_will_cost(panel):
    panel.autolfads.start.click()
    text = panel.autolfads._line.value
    assert "20 members x up to 50 generations of 25 epochs (the first 105)" in text
    assert "at most about" in text


def test_ranges_are_shown_in_the_units_of_the_data(panel):
    panel.load(RunParams(spike_bin_ms=5, co_dim=2))
    rows = panel.autolfads.search._rows
    assert rows["kl_ic_weight"].usual.low == pytest.approx(1e-6 * 40 * 20)
    assert "40 bins x 20 channels" in panel.autolfads._about.value
    panel.load(RunParams(spike_bin_ms=5, co_dim=0))
    assert "kl_co_weight" not in panel.autolfads.search._rows
    assert panel.autolfads.population().space["kl_co_weight"].per_element


def test_a_changed_range_is_kept_in_our_units_and_an_untouched_one_is_not(panel):
    panel.load(RunParams(spike_bin_ms=5))
    row = panel.autolfads.search._rows["kl_ic_weight"]
    low, high = row.range.index
    row.range.index = (low + 3, high)
    space = panel.autolfads.population().space
    assert not space["kl_ic_weight"].per_element
    assert space["kl_ic_weight"].low == pytest.approx(row._values[low + 3])
    assert space["l2_gen_scale"] == autolfads_space()["l2_gen_scale"]
    # the same range for twice as many bins
    panel.load(RunParams(spike_bin_ms=10))
    moved = panel.autolfads.population().space["kl_ic_weight"]
    assert moved.low == pytest.approx(space["kl_ic_weight"].low / 2, rel=0.3)


def test_what_is_not_ticked_is_not_searched(panel):
    panel.load(RunParams(spike_bin_ms=5))
    for name, row in panel.autolfads.search._rows.items():
        row.search.value = name == "keep_prob"
    assert list(panel.autolfads.population().space) == ["keep_prob"]
    panel.autolfads.search._rows["keep_prob"].search.value = False
    assert panel.autolfads.add.disabled
    assert "nothing is searched" in panel.autolfads._line.value


def test_a_sweep_in_the_form_is_no_base_setting(panel):
    panel.form.sweeps = {
        "gen_dim": {"kind": "list", "values": "10, 20", "low": "", "high": "", "n": "3"}
    }
    assert panel.autolfads.add.disabled
    assert "take the sweeps in the form back" in panel.autolfads._line.value


def test_a_score_that_the_setting_does_not_log_says_what_it_needs(panel):
    panel.load(RunParams(spike_bin_ms=5))
    panel.autolfads.score.value = "co_bps"
    assert "needs heldout_channels" in panel.autolfads._line.value
    panel.load(RunParams(spike_bin_ms=5, heldout_channels=4))
    assert not panel.autolfads.add.disabled


def test_no_advice_on_what_the_search_decides(panel):
    panel.load(RunParams(spike_bin_ms=5, max_epochs=3, gen_dim=200))
    about = "\n".join(panel.advice._shown)
    assert "generator of 200" in about
    assert "max_epochs" not in about
    assert "kl_ic_weight" not in about
    panel.mode.value = SETTINGS
    about = "\n".join(panel.advice._shown)
    assert "max_epochs" in about
    assert "kl_ic_weight" in about
