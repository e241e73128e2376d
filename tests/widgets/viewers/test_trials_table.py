"""The trials as a table, and its ties to the other viewers."""

from __future__ import annotations

import numpy as np
import pytest

from lfads_nb.results.metrics import bits_per_spike
from lfads_nb.results.run_view import RunView
from lfads_nb.results.trial_scores import bits_per_spike_of_trials
from lfads_nb.widgets.viewers import RatesViewer, TrialsTable, Viewers
from lfads_nb.widgets.viewers import trials_table as module


def test_every_trial_is_a_row_with_its_columns_and_scores(open_run):
    _, pm = open_run()
    table = TrialsTable(pm).table
    assert [row["id"] for row in table.rows] == [str(i) for i in range(pm.n_trials)]
    keys = [column["key"] for column in table.columns]
    assert {"split", "condition", "costs", "bits_per_spike"} <= set(keys)
    assert {"split", "condition"} <= set(table.facets)
    first = table.rows[0]["cells"]
    assert first["split"] == pm.splits[0]
    assert first["costs"]["sort"] == pytest.approx(pm.costs[0])


def test_selected_rows_are_the_picked_trials_of_every_viewer(open_run):
    _, pm = open_run()
    table = TrialsTable(pm)
    rates = RatesViewer(table.viewed, chrome=False)
    table.table.selected = ["2", "5"]
    assert table.selection.picked == (2, 5)
    assert rates.selection.picked == (2, 5)
    table.selection.pick(5, extend=True)
    assert table.table.selected == ["2"]
    table.selection.pick_all([])
    assert table.table.selected == []


def test_the_table_is_a_tab_of_all_viewers(open_run):
    run, _ = open_run()
    viewers = Viewers(RunView("run", run.folder, run.params, tuple(run.datasets)))
    assert isinstance(viewers.show("Trials"), TrialsTable)


def test_huge_sessions_show_their_first_trials_and_say_so(open_run, monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 5)
    _, pm = open_run()
    viewer = TrialsTable(pm)
    assert len(viewer.table.rows) == 5
    assert f"first 5 of {pm.n_trials}" in viewer.notice.value


def test_a_closed_table_follows_nothing(open_run):
    _, pm = open_run()
    viewer = TrialsTable(pm)
    viewer.close()
    viewer.selection.pick(3)
    assert viewer.table.selected == []


def test_bits_of_trials_make_up_the_sessions(open_run, monkeypatch):
    _, pm = open_run()
    counts, rates = pm.field("counts")[:], pm.rates * pm.bin_ms / 1000
    spikes = np.nansum(counts, axis=(1, 2))
    bits = bits_per_spike_of_trials(pm)
    used = np.isfinite(bits)
    together = np.sum(bits[used] * spikes[used]) / spikes[used].sum()
    assert together == pytest.approx(bits_per_spike(counts, rates), abs=1e-9)
    monkeypatch.setattr("lfads_nb.results.trial_scores._BLOCK_VALUES", 1)
    np.testing.assert_allclose(bits_per_spike_of_trials(pm), bits)
