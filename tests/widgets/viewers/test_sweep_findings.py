"""What a sweep's viewer says of seeds and of parameters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lfads_nb.widgets.viewers.sweep_findings import SweepFindings, importance_html, seeds_html


def table(n_settings=8, n_seeds=3, effect=1.0):
    rng = np.random.default_rng(0)
    rows = [
        {
            "spec": "s", "setting": f"param_{i}{seed}", "state": "done", "gen_dim": 10 * i,
            "keep_prob": rng.random(), "seed": seed,
            "bits_per_spike": effect * i + 0.01 * rng.normal(),
        }
        for i in range(n_settings)
        for seed in range(n_seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows, index=[f"run{i}" for i in range(len(rows))])


def test_settings_are_shown_over_their_seeds_with_the_best_first():
    text = seeds_html(table().drop(columns="keep_prob"))
    assert "The best setting stands out" in text
    assert text.index(">70<") < text.index(">60<")
    assert "bits/spike, mean" in text


@pytest.mark.slow
def test_what_mattered_is_told_from_what_did_not():
    text = importance_html(table())
    assert text.index("gen_dim") < text.index("keep_prob")
    assert "cannot be told from chance" in text
    assert "functional ANOVA" in text


def test_boxes_are_filled_when_they_are_opened_and_say_what_is_missing():
    findings = SweepFindings(table(n_settings=3, n_seeds=1))
    assert findings.children[1].value == ""
    findings.selected_index = 1
    assert "fewer than 20" in findings.children[1].value
    findings.selected_index = 0
    assert "seeds alone make is not known" in findings.children[0].value


def test_without_results_it_says_so():
    assert seeds_html(table().drop(columns="bits_per_spike")) == "No run has results yet."
