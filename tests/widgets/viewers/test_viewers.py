"""The other viewers, by the numbers that they send to the browser."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from lfads_nb.results import TrainedParams
from lfads_nb.results.alignment_report import alignment_of
from lfads_nb.results.metrics import gaussian_kl
from lfads_nb.results.run_view import RunView
from lfads_nb.widgets.viewers import (
    AlignmentViewer,
    FactorsViewer,
    FitViewer,
    InitialConditionsViewer,
    InputsViewer,
    PriorViewer,
    SweepViewer,
    TrialViewer,
    Viewers,
    WeightsViewer,
)
from lfads_nb.widgets.viewers.input_use import input_kl
from lfads_nb.widgets.viewers.projections import principal_axes
from tests.widgets.viewers.conftest import PARAMS

TWO = {"a": {"seed": 1}, "b": {"seed": 2, "n_neurons": 7}}


# ---------------------------------------------------------------------------------------- factors


def test_factors_and_the_trajectories_of_their_averages(open_run):
    run, pm = open_run()
    viewer = FactorsViewer(pm, factor=2, shown=("0", "2"))
    shown = np.isin(run.session.condition_ids, [0, 2])
    np.testing.assert_allclose(
        viewer.plot.layer.drawn_lines(), pm.factors[shown][..., 2], rtol=1e-6
    )
    averages = pm.condition_averages("factors").mean[[0, 2]]
    expected = principal_axes(averages, 3).project(averages)
    np.testing.assert_allclose(viewer.trajectories.x, expected[..., 0], atol=1e-5)
    np.testing.assert_allclose(viewer.trajectories.y, expected[..., 1], atol=1e-5)
    np.testing.assert_allclose(viewer.starts.x, expected[:, 0, 0], atol=1e-5)


def test_a_reference_run_is_laid_over(open_run):
    _, pm = open_run()
    viewer = FactorsViewer(pm, references={"the same run": pm})
    viewer.reference.value = "the same run"
    np.testing.assert_allclose(viewer.laid_over.x, viewer.trajectories.x, atol=1e-5)
    assert "R² 1.00" in viewer.space._note.value
    assert any("basis of the factors is arbitrary" in getattr(each, "value", "")
               for each in viewer.children[-1].children[0].children)  # fmt: skip


def test_sessions_of_a_stitched_run_share_their_space(open_run):
    _, pm = open_run(datasets=TWO)
    viewer = FactorsViewer(pm)
    assert viewer.others.y.shape == viewer.trajectories.y.shape
    viewer.all_sessions.value = False
    assert not viewer.others.visible
    before = viewer.trajectories.y.copy()
    viewer.selection.dataset = "b"
    assert not np.allclose(viewer.trajectories.y, before)
    assert viewer.viewed.source.name == "b"


# ------------------------------------------------------------------------------------------ trial


def test_a_trial_is_shown_whole(open_run):
    run, pm = open_run()
    viewer = TrialViewer(pm, trial=11)
    order = viewer._order
    counts = run.session.counts[11][:, order].T
    np.testing.assert_array_equal(viewer.spikes.layer.drawn_image() > 0, counts > 0)
    np.testing.assert_allclose(viewer.factors.layer.drawn_lines(), pm.factors[11].T, rtol=1e-6)
    inputs = pm.controller_outputs[11].T
    np.testing.assert_allclose(viewer.inputs.layer.drawn_lines(), inputs, rtol=1e-6)
    image = viewer.rates.layer.drawn_image().astype(int)
    rates = pm.rates[11][:, order].T
    assert (
        np.corrcoef(image.ravel(), np.minimum(rates, np.quantile(rates, 0.99)).ravel())[0, 1] > 0.9
    )
    assert viewer.external.layout.display == "none"


def test_the_slider_and_the_stepper_go_through_the_trials_that_are_shown(open_run):
    run, pm = open_run()
    viewer = TrialViewer(pm, shown=("1",))
    shown = np.flatnonzero(run.session.condition_ids == 1)
    viewer.slider.value = 3
    assert viewer.selection.trial in shown
    viewer.trial.index = 2
    assert viewer.selection.trial in shown
    assert viewer.slider.value == viewer.trial.index


def test_a_click_on_a_row_chooses_its_neuron(open_run):
    _, pm = open_run()
    viewer = TrialViewer(pm)
    viewer.rates.layer._receive(
        None, {"event": "pick", "line": -1, "extend": False, "x": 0.0, "y": 0.5}, []
    )
    assert viewer.selection.neuron == viewer._order[-1]


def test_a_trial_without_outputs_is_explained(open_run):
    run, pm = open_run(rows=5)
    viewer = TrialViewer(pm, trial=int(run.session.inds["train"][-1]))
    assert "has no outputs for" in viewer.spikes.emptiness


# ----------------------------------------------------------------- initial conditions and inputs


def test_initial_conditions_lie_in_their_principal_components(open_run):
    _, pm = open_run()
    viewer = InitialConditionsViewer(pm, shown=("2",))
    shown = np.flatnonzero(pm.condition_ids == 2)
    points = principal_axes(pm.post_g0_mean, 3).project(pm.post_g0_mean[shown])
    np.testing.assert_allclose(viewer.plot.layer.drawn_lines()[:, 0], points[:, 1], atol=1e-6)
    kl = gaussian_kl(
        pm.post_g0_mean, pm.post_g0_logvar, pm.prior_g0_mean, pm.prior_g0_logvar
    )[shown].mean(axis=0)  # fmt: skip
    np.testing.assert_allclose(viewer.use.bars.y, np.sort(kl)[::-1], rtol=1e-5)


def test_a_rectangle_picks_trials(open_run):
    _, pm = open_run()
    viewer = InitialConditionsViewer(pm)
    viewer.select.value = True
    brush = viewer.plot.figure.interaction
    median = float(np.median(viewer._points[:, 0]))
    brush.selected_y = np.array([-99.0, 99.0])
    brush.selected_x = np.array([median, 99.0])
    expected = np.flatnonzero(viewer._points[:, 0] >= median)
    assert viewer.selection.picked == tuple(viewer._trials[expected].tolist())
    viewer.select.value = False
    assert viewer.plot.figure.interaction is None


def test_inputs_are_seen_against_their_prior(open_run):
    _, pm = open_run()
    viewer = InputsViewer(pm)
    np.testing.assert_allclose(
        viewer.plot.layer.drawn_lines(), pm.controller_outputs[..., 0], rtol=1e-6
    )
    sd = np.sqrt(0.1 / (1 - np.exp(-2 / 10)))
    np.testing.assert_allclose(np.frombuffer(viewer.plot.layer.band_high, "<f4"), sd, rtol=1e-6)
    assert viewer.plot.layer.bands_below == 1
    rms = np.sqrt((pm.controller_outputs**2).mean(axis=1)).mean(axis=0) / sd
    np.testing.assert_allclose(viewer.use.bars.y, rms, rtol=1e-5)


def test_the_kl_of_inputs_is_shown_where_the_spread_was_stored(open_run, monkeypatch):
    _, pm = open_run()
    spread = np.full(pm.controller_outputs.shape, 0.3)
    has, field = pm.has, pm.field
    monkeypatch.setattr(pm, "has", lambda n: n == "controller_outputs_sd" or has(n))
    monkeypatch.setattr(pm, "field", lambda n: spread if n == "controller_outputs_sd" else field(n))
    viewer = InputsViewer(pm)
    variance = np.full(2, 0.1 / (1 - np.exp(-2 / 10)))
    kl = input_kl(pm.controller_outputs, spread, variance=variance, tau_bins=np.full(2, 10.0))
    np.testing.assert_allclose(viewer.use.bars.y, kl.mean(axis=0), rtol=1e-5)


def test_a_run_without_controller_says_so(open_run):
    _, pm = open_run(PARAMS.copy(co_dim=0))
    assert "co_dim = 0" in InputsViewer(pm).plot.emptiness


# ------------------------------------------------------------------------------------------- runs


def test_a_run_stands_for_its_posterior_means(open_run):
    run, pm = open_run()
    viewer = TrialViewer(RunView.of(run.folder))
    assert viewer.viewed.source.pm.n_trials == pm.n_trials


def test_what_cannot_be_viewed_is_said(open_run, tmp_path):
    run, pm = open_run()
    with pytest.raises(TypeError, match=r"FactorsViewer .* run.posterior_means\(\), not PosixPath"):
        FactorsViewer(tmp_path)
    with pytest.raises(TypeError, match=r"a run, such as rc.runs\[0\], .* not PosteriorMeans"):
        FitViewer(pm)
    with pytest.raises(TypeError, match=r"run.trained_params\(\), not of RunFolder"):
        WeightsViewer(run.folder)


@pytest.fixture
def runs(open_run, fit_log_text):
    made = [open_run(PARAMS.copy(factors_dim=dims))[0].folder for dims in (2, 3, 4)]
    made[1].fit_log.write_text(fit_log_text(12))
    return made


def test_losses_of_many_runs(runs):
    viewer = FitViewer(runs)
    logs = [RunView.of(run).fit_log() for run in runs]
    drawn = viewer.plot.layer.drawn_lines()
    np.testing.assert_allclose(drawn[1], logs[0].recon_valid, rtol=1e-6)
    np.testing.assert_allclose(drawn[2][:12], logs[1].recon_train, rtol=1e-6)
    assert np.isnan(drawn[2][12:]).all()
    viewer.legend.shown = [False, True, False]
    assert viewer.plot.layer.n_lines == 2
    viewer._pick(0, False)
    assert viewer.selection.run == viewer.viewed.names[1]
    assert viewer.plot.layer.highlight == [0, 1]


def test_losses_before_the_first_epoch(make_run):
    run = make_run(PARAMS)
    run.folder.fit_log.unlink()
    assert "first epoch" in FitViewer(run.folder).plot.emptiness


def test_rows_dots_and_lines_of_a_sweep_are_linked(runs):
    viewer = SweepViewer(runs)
    names = viewer.viewed.names
    np.testing.assert_allclose(
        viewer.plot.layer.drawn_lines()[:, 0], viewer.table["bits_per_spike"].to_numpy(), rtol=1e-6
    )
    viewer.board.selected = [names[2]]
    assert viewer.selection.runs == (names[2],)
    assert viewer.plot.layer.highlight == [2]
    viewer._pick(0, True)
    assert set(viewer.board.selected) == {names[0], names[2]}
    viewer.kind.value = "parallel coordinates"
    assert viewer._parallel_axes()[0].name == "factors_dim"
    np.testing.assert_allclose(viewer.plot.layer.drawn_lines()[:, 0], [0, 0.5, 1])


def test_a_rectangle_selects_the_runs_that_pass_through_it(runs):
    viewer = SweepViewer(runs)
    viewer.kind.value = "parallel coordinates"
    viewer.select.value = True
    brush = viewer.plot.figure.interaction
    brush.selected_y = np.array([0.4, 1.1])
    brush.selected_x = np.array([-0.2, 0.2])
    assert viewer.selection.runs == tuple(viewer.viewed.names[1:])


def test_weights_are_shown_as_they_are(open_run):
    run, _ = open_run(datasets=TWO)
    weights = TrainedParams.open(run.folder, run.datasets)
    viewer = WeightsViewer(weights)
    matrix = weights.gen_gengru_rh_to_c_W
    np.testing.assert_array_equal(viewer.matrix(), matrix)
    image = viewer.plot.layer.drawn_image().astype(int)
    largest = np.abs(matrix).max()
    np.testing.assert_allclose(image, 1 + 255 * (matrix / largest + 1) / 2, atol=0.51)
    viewer.name.value = "factors_to_logrates_W"
    viewer.selection.dataset = "b"
    np.testing.assert_array_equal(viewer.matrix(), weights.factors_to_logrates_W["b"])


def test_alignment_of_stitched_sessions(open_run):
    run, _ = open_run(datasets=TWO)
    view = RunView.of(run.folder)
    what = alignment_of(view)
    shared = what.alignments["a"].global_pcs
    viewer = AlignmentViewer(view)
    drawn = viewer.plot.layer.drawn_lines()
    assert len(drawn) == 3 * run.params.factors_dim  # two sessions and what they share
    n_bins = len(what.time_ms)
    scale = 2.1 * np.abs(shared[..., 0]).max()
    np.testing.assert_allclose(drawn[2, :n_bins], shared[0, :, 0] / scale, rtol=1e-5, atol=1e-6)
    assert "R²" in viewer.table.value


def test_a_single_session_has_nothing_to_align_to(open_run):
    run, _ = open_run()
    assert "single session" in AlignmentViewer(run.folder).plot.emptiness


# ------------------------------------------------------------------------------------------- tabs


def test_tabs_are_built_when_they_are_shown(runs):
    viewers = Viewers(runs)
    assert viewers._built == {"Rates"}
    rates = viewers.tabs.children[0].children[0]
    trial = viewers.show("Trial")
    rates.selection.pick(5)
    assert "trial 5" in trial.spikes._key.value
    assert isinstance(viewers.show("Sweep"), SweepViewer)


@pytest.mark.slow
def test_another_run_is_shown_when_it_is_chosen(runs):
    viewers = Viewers(runs)
    sweep = viewers.show("Sweep")
    sweep._choose([viewers.runs.names[1]])
    factors = viewers.show("Factors")
    assert factors.viewed.pm.n_factors == 3
    assert viewers.run.value == viewers.runs.names[1]
    assert viewers.show("Sweep") is sweep


def test_a_run_without_outputs_says_what_to_do(make_run):
    run = make_run(PARAMS, kinds=())
    viewers = Viewers(run.folder)
    assert "is missing" in viewers.show("Rates").value
    assert isinstance(viewers.show("Fit"), FitViewer)
    assert "weights are written" in viewers.show("Weights").value


def test_a_trial_is_drawn_with_the_spread_of_its_samples(open_run):
    run, pm = open_run()
    viewer = TrialViewer(pm, trial=11)
    low, high = (
        np.frombuffer(buffer, "<f4").reshape(pm.n_factors, pm.n_bins)
        for buffer in (viewer.factors.layer.band_low, viewer.factors.layer.band_high)
    )
    np.testing.assert_allclose((low + high) / 2, run.session.outputs["factors"][11].T, atol=1e-5)
    np.testing.assert_allclose(high - low, 0.06, rtol=1e-3)
    assert "s.d. of samples" in viewer.factors._key.value
    assert "s.d. of samples" not in viewer.inputs._key.value


def test_the_verdict_on_the_run_that_is_shown_stands_above_the_tabs(runs):
    viewers = Viewers(runs)
    assert "bits/spike on validation trials" in viewers.verdict.value
    assert "KL of g0" in viewers.verdict.value


def write_prior_samples(run, n_samples=5):
    rng, first = np.random.default_rng(7), next(iter(run.sessions.values()))
    n_bins = first.counts.shape[1]
    with h5py.File(run.folder.prior_samples, "w") as file:
        file["factors"] = rng.normal(size=(n_samples, n_bins, run.params.factors_dim))
        file["gen_states"] = rng.normal(size=(n_samples, n_bins, run.params.gen_dim))
        for i, (name, session) in enumerate(run.sessions.items()):
            rates = rng.uniform(size=(n_samples, n_bins, session.counts.shape[-1]))
            file["output_dist_params" if i == 0 else f"output_dist_params_{name}"] = rates


def test_samples_from_the_prior_that_are_not_made_yet_are_explained(open_run):
    run, _ = open_run()
    emptiness = PriorViewer(run.folder).plot.emptiness
    assert "not made yet" in emptiness
    assert f"lfads-nb prior {run.folder.path}" in emptiness
    run.folder.prior_samples.write_bytes(b"no HDF5")
    assert "delete it and make the samples" in PriorViewer(run.folder).plot.emptiness


def test_samples_from_the_prior_lie_over_what_was_inferred(open_run):
    run, pm = open_run(datasets=TWO)
    write_prior_samples(run)
    viewer = Viewers(run.folder).show("Prior")
    _, second = run.sessions
    assert {"factors", "rates", f"rates_{second}", "generator_states"} <= set(viewer.what.options)
    assert viewer.what.value == "factors"
    assert viewer.plot.layer.n_lines == 5 + 1
    viewer.selection.factor = 3
    assert viewer.plot.y_axis.label == "factor 3"
    inferred = np.concatenate([s.field("factors")[...][..., 3] for s in pm.sessions])
    low = np.frombuffer(viewer.plot.layer.band_low, "<f4")
    assert np.allclose(low, inferred.mean(axis=0) - inferred.std(axis=0), atol=1e-5)
    viewer.what.value = f"rates_{second}"
    viewer.selection.neuron = 2
    assert viewer.plot.y_axis.label == "neuron 2 (spikes/s)"
    of_second = pm.sessions[1].field("rates")[...][..., 2]
    high = np.frombuffer(viewer.plot.layer.band_high, "<f4")
    assert np.allclose(high, of_second.mean(axis=0) + of_second.std(axis=0), rtol=1e-4)
    assert "5 samples from the prior" in viewer.plot._note.value
    assert viewer.plot.emptiness == ""
