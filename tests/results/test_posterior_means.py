from __future__ import annotations

import h5py
import numpy as np
import pytest

from lfads_nb.errors import CollectionError, DataError, RunFolderError
from lfads_nb.results.posterior_means import PosteriorMeans, concatenate_over_trials
from lfads_nb.results.trial_arrays import SplitRows
from lfads_nb.sweep.halving import Halving, HalvingOrder, Rung, add_rung
from lfads_nb.sweep.params import RunParams


def _open(run, **options):
    return PosteriorMeans.open(run.folder, run.params, run.datasets, **options)


def test_everything_comes_in_the_original_order_of_trials(make_run):
    run = make_run()
    pm, session = _open(run), run.session
    outputs = session.outputs
    np.testing.assert_allclose(pm.rates, outputs["output_dist_params"] * 100)
    for name, key in (
        ("factors", "factors"), ("generator_states", "gen_states"), ("generator_ics", "gen_ics"),
        ("post_g0_mean", "post_g0_mean"), ("costs", "costs"), ("train_steps", "train_steps"),
        ("nll_bound_iwaes", "nll_bound_iwaes"),
    ):  # fmt: skip
        np.testing.assert_array_equal(getattr(pm, name), outputs[key])
    np.testing.assert_array_equal(pm.counts, session.counts)
    assert pm.counts.dtype == np.int64
    np.testing.assert_allclose(pm.true_rates, session.truth * 100)
    np.testing.assert_array_equal(pm.raw_counts, session.raw_counts)
    np.testing.assert_array_equal(pm.condition_ids, session.condition_ids)
    assert pm.controller_outputs is None
    assert pm.n_controller_outputs == 0
    assert pm.is_valid


def test_sizes_indices_and_time(make_run):
    pm = _open(make_run(test=True, ratio=2))
    assert (pm.n_trials, pm.n_bins, pm.n_neurons, pm.n_factors) == (60, 20, 9, 3)
    assert pm.n_generator_units == 12
    assert pm.valid_inds[:3].tolist() == [0, 5, 10]
    assert pm.test_inds[:2].tolist() == [1, 6]
    assert len(pm.train_inds) + len(pm.valid_inds) + len(pm.test_inds) == 60
    assert pm.splits[:3].tolist() == ["valid", "test", "train"]
    assert pm.time_ms[:3].tolist() == [-100, -90, -80]
    assert pm.is_valid


def test_opening_a_run_does_not_read_the_generator_states(make_run, monkeypatch):
    run = make_run()
    read = []
    original = SplitRows.read

    def spy(self, rows, others):
        read.append(self.key)
        return original(self, rows, others)

    monkeypatch.setattr(SplitRows, "read", spy)
    pm = _open(run)
    assert "factors" in repr(pm)
    assert pm._repr_html_()
    assert not read
    first = pm.rates
    assert set(read) == {"output_dist_params"}
    n = len(read)
    assert pm.rates is first
    assert len(read) == n


def test_indexing_reads_the_same_numbers_as_the_whole(make_run):
    run = make_run()
    whole, lazy = _open(run).rates, _open(run).field("rates")
    mask = np.arange(60) % 7 == 0
    for index in (
        3, -1, np.s_[2:9], np.s_[:, 4], np.s_[..., 2], np.s_[[5, 0, 5], :, [8, 1, 2]],
        np.s_[mask, 1:5, ::2], np.s_[::-1, 0, 0], np.s_[[]], np.s_[10:50:20, -1],
    ):  # fmt: skip
        axes = index if isinstance(index, tuple) else (index,)
        expected = whole
        if isinstance(axes[0], list) and len(axes) == 3:
            expected = whole[np.ix_(axes[0], np.arange(20), axes[2])]
        elif isinstance(index, list):
            expected = whole[:0]
        else:
            expected = whole[index]
        np.testing.assert_array_equal(lazy[index], expected)
    with pytest.raises(IndexError):
        lazy[60]
    with pytest.raises(IndexError):
        lazy[0, 0, 0, 0]


def test_a_cached_array_cannot_be_changed_by_mistake(make_run):
    rates = _open(make_run()).rates
    with pytest.raises(ValueError, match="read-only"):
        rates[0] = 0


def test_trials_of_a_partial_run_are_nan(make_run):
    run = make_run(rows=4)
    pm = _open(run)
    assert not pm.is_valid
    present = ~np.isnan(pm.rates).any(axis=(1, 2))
    first = [*run.session.inds["train"][:4], *run.session.inds["valid"][:4]]
    assert np.flatnonzero(present).tolist() == sorted(first)
    assert not np.isnan(pm.counts).any()
    assert "incomplete" in repr(pm)


def test_a_missing_split_leaves_its_trials_nan(make_run):
    run = make_run()
    run.folder.posterior_means("dataset001", "train").unlink()
    pm = _open(run)
    assert not pm.is_valid
    assert np.isnan(pm.rates[pm.train_inds]).all()
    assert not np.isnan(pm.rates[pm.valid_inds]).any()


def test_kinds_are_chosen_and_named(make_run):
    both = make_run(kinds=("posterior_sample_and_average", "posterior_push_mean"))
    assert _open(both).kind == "posterior_sample_and_average"
    assert _open(both, kind="posterior_push_mean").kind == "posterior_push_mean"


def test_the_kind_that_is_there_is_taken_when_none_is_asked_for(make_run):
    run = make_run(kinds=("posterior_push_mean",))
    assert _open(run).kind == "posterior_push_mean"
    with pytest.raises(RunFolderError, match="sampled as posterior_push_mean only"):
        _open(run, kind="posterior_sample_and_average")


def test_a_run_that_has_not_ended_says_what_to_do(make_run):
    run = make_run(kinds=())
    with pytest.raises(RunFolderError, match=r"has not finished.*lfads-nb status"):
        _open(run)
    run.folder.done.touch()
    with pytest.raises(RunFolderError, match="lfads-nb sample"):
        _open(run)


def test_a_run_that_was_stopped_early_says_so_and_how_it_goes_on(make_run):
    run = make_run(kinds=())
    HalvingOrder(Halving(3, 10), ()).save(run.folder)
    add_rung(run.folder, Rung(10, 5.0, 2, 2, goes_on=False))
    with pytest.raises(RunFolderError, match=r"was stopped early after 10 epochs.*lfads-nb go-on"):
        _open(run)


def test_the_first_name_of_the_averages_is_known(make_run):
    run = make_run()
    for split in ("train", "valid"):
        path = run.folder.posterior_means("dataset001", split)
        path.rename(str(path).replace("_and_average", ""))
    np.testing.assert_allclose(_open(run).rates, run.session.outputs["output_dist_params"] * 100)


def test_a_cut_file_is_named(make_run):
    run = make_run()
    path = run.folder.posterior_means("dataset001", "valid")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(RunFolderError, match="valid_posterior_sample_and_average cannot be read"):
        _ = _open(run).rates


def test_outputs_of_other_data_are_refused(make_run):
    run = make_run()
    with h5py.File(run.folder.input_file("dataset001"), "a") as file:
        trials = file["train_inds"][:10]
        del file["train_inds"]
        file["train_inds"] = trials
    with pytest.raises(RunFolderError, match="not of the same data"):
        _ = _open(run).rates


def test_trial_numbers_that_clash_are_refused(make_run):
    run = make_run()
    with h5py.File(run.folder.input_file("dataset001"), "a") as file:
        file["valid_inds"][0] = file["train_inds"][0]
    with pytest.raises(RunFolderError, match="each trial belongs to one split"):
        _ = _open(run).rates


def test_without_the_input_file_the_order_comes_from_what_is_known(make_run):
    run = make_run()
    run.folder.input_file("dataset001").unlink()
    pm = _open(run)
    np.testing.assert_allclose(pm.rates, run.session.outputs["output_dist_params"] * 100)
    run.folder.input_info("dataset001").unlink()
    with pytest.raises(RunFolderError, match="to get their order"):
        _ = _open(run).rates


def test_inputs_are_found_in_the_data_folder_when_links_were_lost(make_run):
    run = make_run()
    collection = run.folder.path.parent.parent
    data = collection / run.params.data_name / run.folder.path.name
    data.mkdir(parents=True)
    for path in list(run.folder.input.iterdir()):
        path.rename(data / path.name)
    np.testing.assert_array_equal(_open(run).counts, run.session.counts)
    data.parent.rename(collection / "data_zzzzzz")
    with pytest.raises(RunFolderError, match="order"):
        _ = _open(run).rates


def test_inputs_of_other_data_parameters_are_said(make_run, caplog):
    run = make_run()
    other = PosteriorMeans.open(run.folder, run.params.copy(spike_bin_ms=20), run.datasets)
    assert other.n_trials == 60
    assert "other data parameters" in caplog.text
    caplog.clear()
    assert _open(run).n_trials == 60
    assert not caplog.text


def test_without_input_info_there_are_no_conditions_and_time_starts_at_zero(make_run):
    pm = _open(make_run(info=False))
    assert pm.condition_ids is None
    assert pm.raw_counts is None
    assert pm.time_ms[:2].tolist() == [0, 10]
    with pytest.raises(DataError, match="no conditions"):
        pm.condition_averages()


def test_a_single_neuron_and_a_single_validation_trial(make_run):
    run = make_run(n_neurons=1, n_trials=6)
    session = run.session
    inds = {"valid": np.array([3]), "train": np.array([0, 1, 2, 4, 5])}
    with h5py.File(run.folder.input_file("dataset001"), "w") as file:
        for split, trials in inds.items():
            # MATLAB drops the trailing 1 of what is here the first or the last axis.
            file[f"{split}_data"] = np.squeeze(session.counts[trials])
            file[f"{split}_inds"] = np.squeeze(trials + 1.0)
    for split, trials in inds.items():
        with h5py.File(run.folder.posterior_means("dataset001", split), "w") as file:
            file["factors"] = session.outputs["factors"][trials]
            file["output_dist_params"] = session.outputs["output_dist_params"][trials]
    pm = _open(run)
    np.testing.assert_array_equal(pm.counts, session.counts)
    assert pm.rates.shape == (6, 20, 1)


def test_gaussian_means_are_not_scaled_and_variances_are_apart(make_run):
    params = RunParams(output_dist="gaussian", spike_bin_ms=10, co_dim=0, factors_dim=3, gen_dim=8)
    run = make_run(params)
    pm = _open(run)
    assert pm.rates.shape == (60, 20, 9)
    np.testing.assert_array_equal(pm.rates, run.session.outputs["output_dist_params"][..., :9])
    assert (pm.output_variances == 0.25).all()
    assert pm.field("output_variances")[2, 3, [8, 0]].tolist() == [0.25, 0.25]
    assert pm.rate_unit == "units of the data"
    assert _open(make_run()).output_variances is None


def test_posterior_spread_is_read_where_it_was_stored(make_run):
    pm = _open(make_run(posterior_sd=True))
    np.testing.assert_allclose(pm.rates_sd, 0.1 * pm.rates)
    assert (pm.factors_sd == 0.03).all()
    assert _open(make_run()).rates_sd is None


def test_controller_outputs(make_run):
    run = make_run(RunParams(spike_bin_ms=10, co_dim=2, factors_dim=3, gen_dim=8))
    pm = _open(run)
    assert pm.n_controller_outputs == 2
    np.testing.assert_array_equal(pm.controller_outputs, run.session.outputs["controller_outputs"])


def test_condition_averages(make_run):
    run = make_run(conditions="text")
    pm = _open(run)
    averages = pm.condition_averages("factors")
    assert averages.ids.tolist() == [f"reach <{i}>" for i in range(4)]
    assert averages.n.tolist() == [15, 15, 15, 15]
    trials = run.session.outputs["factors"][1::4]
    np.testing.assert_allclose(averages.mean[1], trials.mean(axis=0))
    np.testing.assert_allclose(averages.sem[1], trials.std(axis=0, ddof=1) / np.sqrt(15))
    only_valid = pm.condition_averages("rates", trials=pm.valid_inds)
    assert only_valid.n.sum() == 12
    own = pm.condition_averages("costs", condition_ids=np.arange(60) % 2)
    assert own.mean.shape == (2,)


def test_one_trial_of_a_condition_has_no_error(make_run):
    ids = np.zeros(60)
    ids[7] = 1
    averages = _open(make_run()).condition_averages(condition_ids=ids)
    assert averages.n.tolist() == [59, 1]
    assert np.isnan(averages.sem[1]).all()
    assert not np.isnan(averages.mean).any()


def test_stitched_runs_join_what_joins(make_run):
    run = make_run(
        datasets={"a": {"n_neurons": 5, "seed": 1}, "b": {"n_neurons": 7, "n_trials": 40}},
        spec="all",
    )
    pm = _open(run)
    assert pm.n_trials == 100
    factors = [run.sessions[name].outputs["factors"] for name in "ab"]
    np.testing.assert_array_equal(pm.factors, np.concatenate(factors))
    assert pm.dataset_index.tolist() == [0] * 60 + [1] * 40
    assert pm.valid_inds.tolist() == [*range(0, 60, 5), *range(60, 100, 5)]
    assert len(pm.condition_ids) == 100
    assert not pm.has("rates")
    with pytest.raises(RunFolderError, match="stored no rates"):
        _ = pm.rates
    assert [each.rates.shape[-1] for each in pm.sessions] == [5, 7]
    assert _open(run, dataset="b").n_trials == 40
    assert _open(run, dataset=1).datasets == ("b",)
    with pytest.raises(CollectionError, match="no dataset 'c', only a, b"):
        _open(run, dataset="c")
    joined = concatenate_over_trials([_open(run, dataset=1), _open(run, dataset=0)])
    np.testing.assert_array_equal(joined.factors[:40], factors[1])


def test_runs_of_other_bins_do_not_join(make_run):
    first = _open(make_run())
    other = _open(make_run(RunParams(spike_bin_ms=20, co_dim=0, factors_dim=3, gen_dim=12)))
    with pytest.raises(DataError, match="bin width"):
        concatenate_over_trials([first, other])


def test_tables_and_xarray(make_run):
    run = make_run(conditions="text")
    pm = _open(run)
    frame = pm.to_frame("rates", trials=[4, 2])
    assert frame.shape == (40, 9)
    np.testing.assert_array_equal(frame.loc[2].to_numpy(), pm.rates[2])
    trials = pm.trials_frame()
    assert trials.loc[5, "split"] == "valid"
    assert trials.loc[5, "condition"] == "reach <1>"
    data = pm.to_xarray()
    assert data["rates"].dims == ("trial", "time_ms", "neuron")
    assert data["rates"].attrs["units"] == "spikes/s"
    mean = data["factors"].groupby("condition").mean().transpose("condition", "time_ms", "factor")
    np.testing.assert_allclose(mean, pm.condition_averages("factors").mean)


def test_each_trial_gets_its_outputs(make_run):
    run = make_run()
    trials = _open(run).attach_to_trials()
    assert len(trials) == 60
    assert trials[5].split == "valid"
    assert trials[5].condition == 1
    np.testing.assert_array_equal(trials[7].factors, run.session.outputs["factors"][7])
    assert trials[7].controller_outputs is None


def test_names_are_escaped_in_html(make_run):
    run = make_run(datasets={"a<b>": {}})
    shown = _open(run)._repr_html_()
    assert "a&lt;b&gt;" in shown
    assert "a<b>" not in shown


def test_an_unknown_field_names_the_known_ones(make_run):
    with pytest.raises(DataError, match="no such field; there are rates"):
        _open(make_run()).field("rate")


def test_behaviour_comes_in_the_order_of_the_trials(make_run):
    run = make_run(behavior=True)
    pm = _open(run)
    assert pm.behavior_names == ("hand_vel",)
    signal = pm.behavior["hand_vel"]
    np.testing.assert_array_equal(signal.values, run.session.behavior["hand_vel"].values)
    assert (signal.unit, signal.dims) == ("mm/s", ("x", "y"))
    np.testing.assert_array_equal(pm.attach_to_trials()[7].behavior["hand_vel"], signal.values[7])
    data = pm.to_xarray()
    assert data["behavior_hand_vel"].dims == ("trial", "time_ms", "hand_vel_dim")
    assert data["behavior_hand_vel"].attrs["units"] == "mm/s"
    assert data["hand_vel_dim"].values.tolist() == ["x", "y"]
    assert _open(make_run()).behavior == {}


def test_sessions_join_their_behaviour(make_run):
    run = make_run(behavior=True, datasets={"one": {"n_trials": 30}, "two": {"n_neurons": 5}})
    pm = _open(run)
    np.testing.assert_array_equal(
        pm.behavior["hand_vel"].values,
        np.concatenate([s.behavior["hand_vel"].values for s in run.sessions.values()]),
    )
