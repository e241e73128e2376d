from __future__ import annotations

import numpy as np

from lfads_nb.widgets.viewers.conditions import group_trials
from lfads_nb.widgets.viewers.trial_source import TrialSource


def test_columns_are_those_of_the_whole_array(open_run):
    _, pm = open_run()
    source = TrialSource(pm)
    for unit in (0, 8, 3):
        np.testing.assert_allclose(source.column("rates", unit), pm.rates[..., unit], rtol=1e-6)


def test_memory_is_bounded(open_run):
    _, pm = open_run()
    source = TrialSource(pm, keep_bytes=1)
    for unit in range(pm.n_neurons):
        column = source.column("rates", unit)
        source.column("factors", 0)
    assert len(source._columns) == 1
    np.testing.assert_allclose(column, pm.rates[..., -1], rtol=1e-6)


def test_averages_read_in_blocks_are_those_of_the_whole_array(open_run, monkeypatch):
    _, pm = open_run(rows=20)
    monkeypatch.setattr("lfads_nb.widgets.viewers.trial_source._BLOCK_BYTES", 3000)
    conditions = group_trials(pm.condition_ids, column="condition", n_trials=pm.n_trials)
    averages = TrialSource(pm).averages("factors", np.arange(pm.n_trials), conditions)
    np.testing.assert_allclose(averages, pm.condition_averages("factors").mean, rtol=1e-6)
