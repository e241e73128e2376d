import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.errors import ParamsError
from lfads_nb.sweep import Range, RunParams, param
from lfads_nb.sweep.param_info import GROUPS

QUICK = RunParams(
    spike_bin_ms=2, co_dim=0, batch_size=150, gen_dim=64, ic_enc_dim=64, learning_rate_stop=1e-3
)


@pytest.mark.parametrize(
    ("factors_dim", "param_hash", "data_hash"),
    [
        (2, "Z1-4Ne", "cq1HAe"),
        (4, "UEvXAB", "QcdNGf"),
        (6, "m8Dk5i", "y3K_k3"),
        (8, "YOs74u", "4MaTKO"),
    ],
)
def test_hashes_are_those_the_run_manager_published(factors_dim, param_hash, data_hash):
    params = QUICK.copy(factors_dim=factors_dim)
    assert (params.param_hash, params.data_hash) == (param_hash, data_hash)


def test_hashes_of_the_published_stitching_example():
    params = QUICK.copy(factors_dim=8, use_alignment_matrix=True)
    assert (params.param_name, params.data_name) == ("param_Qr2PeG", "data_RE1kuL")


def test_defaults_hash_to_the_reproduced_value():
    assert RunParams().param_hash == "T4MzIi"


@given(
    name=st.text(max_size=20),
    kind=st.sampled_from(["posterior_sample_and_average", "posterior_push_mean"]),
    samples=st.integers(1, 4000),
)
def test_labels_and_posterior_settings_change_no_hash(name, kind, samples):
    changed = QUICK.copy(name=name, posterior_mean_kind=kind, num_samples_posterior=samples)
    assert changed == QUICK
    assert changed.data_hash == QUICK.data_hash


def test_only_what_changes_the_data_changes_the_data_hash():
    info = RunParams.param_info()
    other = {"bool": lambda d: not d, "int": lambda d: 7, "float": lambda d: d * 0.9 + 1e-4}
    for name, item in info.items():
        if item.group == "debug" or item.kind not in other or item.optional or name in (
            "co_mean_corr_scale", "ic_prior_var_min", "ic_prior_var_max", "ic_prior_var_scale",
            "split_seed", "coordinated_dropout_pass_rate", "learning_rate_init",
        ):  # fmt: skip
            continue
        changed = RunParams(**{name: other[item.kind](item.default)})
        expected = {"data": (True, True), "params": (True, False), "nothing": (False, False)}
        differs = (
            changed.param_hash != RunParams().param_hash,
            changed.data_hash != RunParams().data_hash,
        )
        assert differs == expected[item.affects], name


def test_parameters_the_run_manager_never_had_are_off_and_leave_old_hashes_alone():
    new = [item for item in RunParams.param_info().values() if not item.legacy]
    assert {"max_epochs", "seed", "coordinated_dropout_rate"} <= {item.name for item in new}
    assert all(not item.default for item in new if item.kind != "choice")


def test_every_parameter_is_described():
    for item in RunParams.param_info().values():
        assert item.description.endswith("."), item.name
        assert item.group in GROUPS, item.name
        assert item.legal_range


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"c_co_dim": 3}, "did you mean co_dim"),
        ({"gen_dimm": 3}, "did you mean gen_dim"),
        ({"keep_prob": 1.5}, "keep_prob must be a number, above 0, at most 1, got 1.5"),
        ({"co_dim": -1}, "co_dim must be a whole number, at least 0"),
        ({"co_dim": 2.5}, "co_dim must be a whole number"),
        ({"output_dist": "binomial"}, "one of 'poisson'"),
        ({"co_dim": 1, "co_mean_corr_scale": 1.0}, "at least two inferred inputs"),
        ({"ic_prior_var_scale": 0.5}, "ic_prior_var_min <= ic_prior_var_scale"),
        ({"learning_rate_stop": 0.1}, "must be below learning_rate_init"),
        ({"output_dist": "gaussian", "temporal_spike_jitter_width": 2}, "moves spikes"),
        ({"tf_debug_cli": True}, "private branch"),
    ],
)
def test_impossible_values_are_refused_in_words(values, words):
    with pytest.raises(ParamsError, match=words):
        RunParams(**values)


def test_a_setting_is_frozen_and_says_how_to_change_it():
    with pytest.raises(ParamsError, match=r"params.copy\(gen_dim=5\)"):
        QUICK.gen_dim = 5
    assert QUICK.copy(gen_dim=5).gen_dim == 5
    assert QUICK.gen_dim == 64


def test_numpy_values_are_taken_as_plain_ones():
    params = RunParams(gen_dim=np.int64(7), keep_prob=np.float32(0.5))
    assert type(params.gen_dim) is int
    assert type(params.keep_prob) is float
    assert params == RunParams(gen_dim=7, keep_prob=0.5)


def test_matlabs_way_to_say_all_bins():
    assert RunParams(num_steps_for_gen_ic=2**32 - 1).param_hash == RunParams().param_hash


def test_differences():
    assert RunParams().differences_text() == "default"
    assert QUICK.diff(QUICK.copy(gen_dim=3, name="a")) == {"gen_dim": (64, 3), "name": ("", "a")}
    assert "gen_dim=64" in str(QUICK)


def test_ramps_grow_with_the_number_of_sessions_unless_told_otherwise():
    params = RunParams(
        kl_start_step=10, kl_increase_steps=100, l2_start_step=5, l2_increase_steps=50
    )
    assert params.ramp_steps(3) == (30, 300, 15, 150)
    fixed = params.copy(
        scale_increase_steps_with_datasets=False, scale_start_step_with_datasets=False
    )
    assert fixed.ramp_steps(3) == (10, 100, 5, 50)


class OwnParams(RunParams):
    window_ms: float = 100.0
    noise: float = param(0.0, "Own noise.", group="own", affects="params", ge=0)


def test_a_property_added_by_a_user_changes_both_hashes():
    assert OwnParams().param_hash == RunParams().param_hash
    changed = OwnParams(window_ms=50)
    assert changed.param_hash != OwnParams().param_hash
    assert changed.data_hash != OwnParams().data_hash
    assert OwnParams(noise=1).data_hash == OwnParams().data_hash
    assert OwnParams.param_info()["window_ms"].group == "own"


def test_grid_has_every_combination_with_the_first_field_fastest():
    settings = QUICK.sweep(factors_dim=[2, 4, 6], gen_dim=np.array([10, 20]))
    assert [(p.factors_dim, p.gen_dim) for p in settings] == [
        (2, 10), (4, 10), (6, 10), (2, 20), (4, 20), (6, 20),
    ]  # fmt: skip


@pytest.mark.parametrize("values", ["24", 24, [], Range(1, 2)])
def test_a_sweep_needs_a_list(values):
    with pytest.raises(ParamsError, match="factors_dim"):
        QUICK.sweep(factors_dim=values)


def test_random_sweeps_repeat_with_their_seed_and_stay_in_range():
    ranges = {
        "learning_rate_init": Range(2e-3, 1e-1, log=True),
        "gen_dim": Range(10, 20),
        "co_dim": [0, 2],
    }
    settings = QUICK.sweep_random(20, seed=3, **ranges)
    again = QUICK.sweep_random(20, seed=3, **ranges)
    assert [p.set_values() for p in settings] == [p.set_values() for p in again]
    assert all(2e-3 <= p.learning_rate_init <= 1e-1 and 10 <= p.gen_dim <= 20 for p in settings)
    assert {p.co_dim for p in settings} == {0, 2}


@given(st.floats(1e-6, 1e3), st.floats(1.01, 1e3), st.integers(2, 9), st.booleans())
def test_ranges_keep_their_ends(low, factor, n, log):
    values = Range(low, low * factor, log=log).values(n)
    assert len(values) == n
    assert values[0] == pytest.approx(low)
    assert values[-1] == pytest.approx(low * factor)
    assert sorted(values) == values


def test_sobol_draws_fill_every_cell_once():
    settings = QUICK.sweep_random(
        64, seed=1, draws="sobol", keep_prob=Range(0.5, 1), kl_ic_weight=Range(1e-3, 1, log=True)
    )
    cells = {
        (int((p.keep_prob - 0.5) * 16), int((np.log10(p.kl_ic_weight) + 3) / 3 * 8))
        for p in settings
    }
    assert len(cells) == 64


@pytest.mark.parametrize("draws", ["latin", "sobol"])
def test_spread_draws_repeat_with_their_seed_and_take_every_part_of_a_range(draws):
    def drawn(seed):
        ranges = {"keep_prob": Range(0.5, 1), "co_dim": [0, 2]}
        settings = QUICK.sweep_random(16, seed=seed, draws=draws, **ranges)
        return [(p.keep_prob, p.co_dim) for p in settings]

    assert drawn(3) == drawn(3) != drawn(4)
    assert sorted(int((keep - 0.5) * 32) for keep, _ in drawn(3)) == list(range(16))
    assert [co for _, co in drawn(3)].count(2) == 8


def test_seven_sobol_draws_are_seven_without_a_warning():
    assert len(QUICK.sweep_random(7, draws="sobol", keep_prob=Range(0.5, 1))) == 7
    with pytest.raises(ParamsError, match="'random', 'latin' or 'sobol'"):
        QUICK.sweep_random(7, draws="halton", keep_prob=Range(0.5, 1))


def test_random_draws_are_those_of_older_versions():
    settings = QUICK.sweep_random(3, seed=0, keep_prob=Range(0.5, 1), co_dim=[0, 1, 2])
    rng = np.random.default_rng(0)
    assert [p.keep_prob for p in settings] == (0.5 + 0.5 * rng.random(3)).tolist()
    assert [p.co_dim for p in settings] == rng.integers(3, size=3).tolist()
