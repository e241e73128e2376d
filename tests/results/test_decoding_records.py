"""What was decoded of runs is kept, and runs are compared by it."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from lfads_nb.results.compare import compare
from lfads_nb.results.decoding import compared, decode_and_keep, read_decodings
from lfads_nb.results.decoding.record import decode_folder
from lfads_nb.results.posterior_means import PosteriorMeans

FAST = {"n_permutations": 0, "sources": ["rates"]}


@pytest.fixture
def behaving(make_run):
    """A run whose factors drive a signal; others with another `spec`."""

    def make(**options):
        return make_run(behavior=True, test=True, n_trials=60, **options)

    return make


def signal_of(run) -> str:
    return next(iter(run.session.behavior))


def opened(run) -> PosteriorMeans:
    return PosteriorMeans.open(run.folder, run.params, run.datasets)


def test_a_decoded_signal_is_in_the_table_of_runs_with_what_spikes_reach(behaving):
    run = behaving()
    name = signal_of(run)
    result = decode_and_keep(opened(run), name, **FAST)
    assert "decoding_r2" in compare([run.folder.path], with_rates=False)
    row = compare([run.folder.path]).iloc[0]
    assert row["decoding_r2"] == pytest.approx(result.by_source["rates"].mean_r2)
    assert row["decoding_r2_raw"] == pytest.approx(result.by_source["raw counts"].mean_r2)
    smoothed = result.by_source["smoothed spikes"].mean_r2
    assert row["decoding_r2_smoothed"] == pytest.approx(smoothed)
    assert row["decoding_r2_of"] == name
    assert np.isnan(row["test_decoding_r2"])
    decode_and_keep(opened(run), name, evaluate="test", **FAST)
    again = compare([run.folder.path]).iloc[0]
    assert np.isfinite(again["test_decoding_r2"])
    assert again["decoding_r2"] == row["decoding_r2"]


def test_what_was_decoded_in_another_way_is_not_compared(behaving):
    run = behaving()
    name = signal_of(run)
    for options in ({"lag_ms": 0.0}, {"evaluate": "folds"}, {"folds": 3}):
        decode_and_keep(opened(run), name, **FAST, **options)
    decode_and_keep(opened(run), run.session.behavior[name].values, **FAST)
    assert read_decodings(run.folder) == []
    assert "decoding_r2" not in compare([run.folder.path], with_rates=False)


def test_other_outputs_take_the_figures_with_them(behaving):
    run = behaving()
    decode_folder(run.folder.path, signal_of(run), **FAST)
    (record,) = read_decodings(run.folder)
    for path in (run.folder.output / name for name in record.stamps):
        os.utime(path, (1, 1))
    assert read_decodings(run.folder) == []


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema": 1, "decoded": [{}]}', '{"schema": 1, "decoded": 3}', "{" * 9999,
     '{"schema": 9, "decoded": []}'],
)  # fmt: skip
def test_a_damaged_record_is_no_record(behaving, text):
    run = behaving()
    run.folder.decoding_json.write_text(text)
    assert read_decodings(run.folder) == []
    assert compare([run.folder.path], with_rates=False).shape[0] == 1


def test_figures_that_are_no_numbers_are_no_record(behaving):
    run = behaving()
    decode_folder(run.folder.path, signal_of(run), **FAST)
    content = json.loads(run.folder.decoding_json.read_text())
    for wrong in (float("inf"), "many", None, [1]):
        content["decoded"][0]["scores"]["rates"] = wrong
        run.folder.decoding_json.write_text(json.dumps(content))
        assert read_decodings(run.folder) == []


def test_runs_are_compared_by_what_most_of_them_were_decoded_for(behaving):
    runs = [behaving(spec=spec) for spec in ("one", "two", "three")]
    name = signal_of(runs[0])
    for run in runs[:2]:
        decode_folder(run.folder.path, name, **FAST)
    decode_folder(runs[0].folder.path, "condition", n_permutations=0, sources=["rates"])
    rows = compared([run.folder for run in runs])
    assert [row.get("decoding_r2_of") for row in rows] == [name, name, None]
    assert [row.get("decoding_accuracy_of") for row in rows] == ["condition", None, None]
