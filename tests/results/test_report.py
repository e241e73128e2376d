"""The report's pictures, by the numbers behind them, and its tables, by their text."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from lfads_nb.errors import RunFolderError
from lfads_nb.results import metrics, report
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.report_tables import settings_table
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.provenance import write_provenance


def _all_axes(figure):
    """Every axes, those in subfigures too."""
    axes = list(figure.axes)
    for part in getattr(figure, "subfigs", []):
        axes += [a for a in _all_axes(part) if a not in axes]
    return axes


def _by_title(figure, start):
    return next(a for a in _all_axes(figure) if a.get_title(loc="left").startswith(start))


def _lines(axes):
    return [line.get_ydata() for line in axes.get_lines()]


def _texts(figure):
    texts = [t.get_text() for a in _all_axes(figure) for t in a.texts]
    parts = [figure, *figure.subfigs]
    texts += [t.get_text() for p in figure.subfigs for t in p.texts]
    return " ".join(texts + [p._suptitle.get_text() for p in parts if p._suptitle is not None])


@pytest.fixture
def pm_of():
    return lambda run, **options: PosteriorMeans.open(
        run.folder, run.params, run.datasets, **options
    )


def test_a_figure_shows_itself_as_a_sharp_picture(make_run):
    data, size = report.loss_figure(make_run().folder)._repr_png_()
    width, height = struct.unpack(">II", data[16:24])
    assert data.startswith(b"\x89PNG")
    assert width == pytest.approx(2 * size["width"], abs=2)
    assert height == pytest.approx(2 * size["height"], abs=2)


def test_losses_are_those_of_the_log(make_run):
    run = make_run()
    figure = report.loss_figure(run.folder)
    from lfads_nb.results.fit_log import FitLog

    log = FitLog.read(run.folder.fit_log)
    total = _lines(_by_title(figure, "Total cost"))
    assert any(np.array_equal(line, log.total_train) for line in total)
    assert any(np.array_equal(line, log.total_valid) for line in total)
    kl = _by_title(figure, "KL")
    assert kl.get_yscale() == "log"
    assert any(np.array_equal(line, log.kl_valid) for line in _lines(kl))
    shaded = [p for p in kl.patches if p.get_label() == "KL and L2 penalties rise"]
    assert shaded[0].get_extents().width > 0
    best = [line for line in kl.get_lines() if line.get_label().startswith("best epoch")]
    assert best[0].get_xdata()[0] == log.lve_index


def test_ramps_of_different_length_are_shaded_apart(make_run, fit_log_text):
    text = fit_log_text(30, ramp=20).replace("l2weight,0.5", "l2weight,1.0")
    for weight in ("0.6", "0.7", "0.8", "0.9"):
        text = text.replace(f"l2weight,{weight}", "l2weight,1.0")
    panel = _by_title(report.loss_figure(make_run(log=text).folder), "Total cost")
    ends = {p.get_label(): p.get_x() + p.get_width() for p in panel.patches}
    assert ends == {"KL penalty rises": 18, "L2 penalty rises": 8}


def test_resumes_and_bad_costs_are_marked(make_run, fit_log_text):
    text = fit_log_text(30) + fit_log_text(8, start=110).replace("total,2", "total,nan,2", 1)
    bad = text.replace("epoch,3, step,20, total,255", "epoch,3, step,20, total,nan")
    assert bad != text or "nan" in text
    figure = report.loss_figure(make_run(log=bad).folder)
    labels = {line.get_label() for line in _by_title(figure, "Total cost").get_lines()}
    assert {"resumed", "cost not a number"} <= labels


def test_bits_per_spike_get_a_panel_where_they_are_logged(make_run, fit_log_text):
    text = fit_log_text(5).replace("\n", ", bps,0.4,0.3, co_bps,0.1\n")
    bits = _by_title(report.loss_figure(make_run(log=text).folder), "Bits")
    assert any((line == 0.3).all() for line in _lines(bits))
    assert any((line == 0.1).all() for line in _lines(bits))


def test_example_trials_show_counts_rates_and_truth(make_run, pm_of):
    run = make_run()
    figure = report.example_trials_figure(run.folder, trials=[7], n_neurons=1)
    pm = pm_of(run)
    order = np.argsort(pm.rates.mean(axis=0).argmax(axis=0), kind="stable")
    images = [a.images[0].get_array() for a in _all_axes(figure) if a.images]
    np.testing.assert_allclose(images[1], pm.rates[7][:, order].T)
    np.testing.assert_allclose(images[2], pm.true_rates[7][:, order].T)
    raster = _by_title(figure, "trial 7 (training), condition 3").collections[0]
    shown = {(x, y) for x, y in raster.get_offsets()}
    bins, neurons = np.nonzero(pm.counts[7][:, order])
    assert shown == set(zip(pm.time_ms[bins] + 5, neurons, strict=True))
    lively = np.nanvar(pm.rates, axis=(0, 1)).argmax()
    traces = [line for a in _all_axes(figure) for line in _lines(a)]
    assert any(np.array_equal(line, pm.rates[7, :, lively]) for line in traces)


def test_example_trials_are_validation_trials_of_several_conditions(make_run):
    figure = report.example_trials_figure(make_run().folder)
    titles = [a.get_title(loc="left") for a in _all_axes(figure) if a.get_title(loc="left")]
    assert len(titles) == 3
    assert all("(validation)" in title for title in titles)
    assert len({title.split(", ")[1] for title in titles}) == 3


def test_condition_averages_are_those_of_the_rates(make_run, pm_of):
    run = make_run()
    figure = report.condition_average_figure(run.folder, neurons=[4])
    pm = pm_of(run)
    model = pm.condition_averages("rates").mean
    drawn = [line for a in _all_axes(figure) for line in _lines(a)]
    for condition in range(4):
        assert any(np.array_equal(line, model[condition, :, 4]) for line in drawn)
    spikes = pm.condition_averages("counts").mean * 100
    agreement = metrics.r2(metrics.smooth(spikes, 2.0), model)
    assert f"{agreement.pooled:.3f} pooled" in _texts(figure)
    assert f"{agreement.per_channel[4]:.2f}" in _by_title(figure, "neuron 4").get_title(loc="left")


def test_factors_are_drawn_by_condition(make_run, pm_of):
    run = make_run()
    pm = pm_of(run)
    panel = _by_title(report.factors_figure(run.folder), "factor 1")
    averages = pm.condition_averages("factors").mean
    assert any(np.array_equal(line, averages[2, :, 1]) for line in _lines(panel))
    by_color: dict = {}
    for line in panel.get_lines():
        by_color.setdefault(tuple(np.atleast_1d(line.get_color())), []).append(line.get_ydata())
    assert len(by_color) == 4
    for lines in by_color.values():
        trials = [t for t in range(60) for y in lines if np.array_equal(y, pm.factors[t, :, 1])]
        assert len({run.session.condition_ids[t] for t in trials}) == 1
        assert len(trials) == 15


STITCHED = {"a_$x$": {"n_neurons": 5, "n_trials": 20}, "_b": {"conditions": None, "n_neurons": 3}}
ONE_FACTOR = RunParams(spike_bin_ms=10, co_dim=1, factors_dim=1, gen_dim=4, ic_dim=4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("figure_of", "odd"),
    [
        (report.example_trials_figure, {"conditions": None, "n_neurons": 1}),
        (report.example_trials_figure, {"rows": 1}),
        (report.condition_average_figure, {"datasets": STITCHED}),
        (report.condition_average_figure, {"rows": 2, "n_neurons": 1}),
        (report.condition_average_figure, {"n_conditions": 40, "n_trials": 80, "n_neurons": 2}),
        (report.factors_figure, {"datasets": STITCHED}),
        (report.factors_figure, {"params": ONE_FACTOR}),
        (report.factors_figure, {"n_conditions": 40, "n_trials": 80}),
    ],
    ids=lambda value: value.__name__ if callable(value) else ",".join(value),
)
def test_odd_runs_are_drawn_too(make_run, figure_of, odd):
    # A figure is laid out once, and must not change when it is drawn again.
    figure = figure_of(make_run(**odd).folder)
    figure.draw_without_rendering()
    places = [axes.get_position().bounds for axes in _all_axes(figure)]
    figure.draw_without_rendering()
    assert places == [axes.get_position().bounds for axes in _all_axes(figure)]
    assert places


def test_an_empty_picture_says_why(make_run):
    figure = report.condition_average_figure(make_run(conditions=None).folder)
    assert "no conditions to average" in _texts(figure)


@pytest.mark.slow
def test_only_some_of_many_sessions_are_drawn_and_the_title_says_so(make_run):
    run = make_run(datasets={f"s{i}": {"n_trials": 10} for i in range(7)})
    assert "(6 of 7 sessions)" in _texts(report.factors_figure(run.folder))
    one = report.factors_figure(run.folder, dataset="s3")
    assert "sessions" not in _texts(one)


def test_settings_show_what_was_changed_first_and_are_escaped(make_run):
    params = RunParams(spike_bin_ms=10, co_dim=0, factors_dim=3, gen_dim=12, name="<script>")
    table = report.settings_table(make_run(params).folder)
    names = [row[0] for row in table.rows]
    assert {"name", "spike_bin_ms", "co_dim", "factors_dim", "gen_dim"} == set(names)
    shown = table._repr_html_()
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert shown.index("factors_dim") < shown.index("learning_rate_init")
    assert "learning_rate_init" in repr(table)


def test_data_are_summarised_before_any_training(make_run):
    run = make_run(kinds=(), test=True, n_neurons=4)
    table = report.data_summary(run.folder)
    row = dict(zip(table.header, table.rows[0], strict=True))
    assert row["trials"] == "60 (36 train, 12 valid, 12 test)"
    assert row["bins"] == "20 of 10 ms (0.2 s)"
    assert row["conditions"] == "4, of 15 trials"
    rate = run.session.counts.mean() * 100
    assert row["mean rate (spikes/s)"].startswith(f"{rate:.3g} ")
    assert row["spikes"] == f"{run.session.counts.sum():,}"


def test_numbers_are_those_of_the_files(make_run, pm_of):
    run = make_run()
    times = {"training": "2026-01-01T10:00:00", "sampling": "2026-01-01T11:02:00"}
    ended = "max_epochs=40 reached, while the validation cost was still falling"
    status = {"schema": 1, "state": "done", "times": times, "training_end": ended}
    run.folder.status_json.write_text(json.dumps(status))
    table = report.numbers_table(run.folder)
    training = dict(table.rows)
    assert training["training ended"] == ended
    assert training["validation cost"] == "217.70 nats/trial"
    assert training["best epoch"] == "28"
    assert training["training time"] == "1 h 2 min"
    sessions = table.below[0]
    row = dict(zip(sessions.header, sessions.rows[0], strict=True))
    pm = pm_of(run)
    valid = pm.valid_inds
    bits = metrics.bits_per_spike(pm.counts[valid], pm.rates[valid] / 100)
    assert row["bits/spike"] == f"{bits:.3f}"
    truth = metrics.r2(pm.true_rates[valid], pm.rates[valid])
    assert row["R² truth"] == f"{truth.pooled:.3f}"
    assert row["session"] == "dataset001, validation"
    assert "co-bps" not in sessions.header


def test_held_out_neurons_and_bins_are_judged_apart(make_run, pm_of):
    params = RunParams(
        spike_bin_ms=10, co_dim=0, factors_dim=3, gen_dim=12, heldout_channels=3,
        forward_prediction_bins=4,
    )  # fmt: skip
    run = make_run(params, test=True)
    table = report.numbers_table(run.folder).below[0]
    assert [row[0] for row in table.rows] == ["dataset001, validation", "dataset001, test"]
    row = dict(zip(table.header, table.rows[1], strict=True))
    pm = pm_of(run)
    counts, expected = pm.counts[pm.test_inds], pm.rates[pm.test_inds] / 100
    co_bps = metrics.bits_per_spike(counts[:, :16, 6:], expected[:, :16, 6:])
    assert row["co-bps"] == f"{co_bps:.3f}"
    assert row["fp-bps"] == f"{metrics.bits_per_spike(counts[:, 16:], expected[:, 16:]):.3f}"


def test_a_run_that_was_only_prepared_has_numbers_to_show(make_run):
    run = make_run(kinds=())
    run.folder.fit_log.unlink()
    assert dict(report.numbers_table(run.folder).rows) == {"epochs": "none yet"}
    assert "first epoch" in str(report.loss_figure(run.folder))


def test_a_folder_that_is_no_run_is_refused_in_words(tmp_path):
    with pytest.raises(RunFolderError, match=r"run.json is missing"):
        settings_table(RunFolder(tmp_path))


def test_the_report_says_with_what_the_run_was_trained(make_run):
    run = make_run()
    assert "With what it was trained" not in report.settings_table(run.folder)._repr_html_()
    write_provenance(run.folder, {"device": "GPU <0>", "commit": {"/home/me": "abc"}})
    shown = report.settings_table(run.folder)._repr_html_()
    assert "With what it was trained" in shown
    assert "GPU &lt;0&gt;" in shown
    assert "/home/me abc" in shown
