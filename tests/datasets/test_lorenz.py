import h5py
import numpy as np
import pytest

from lfads_nb.datasets import DatasetCollection, generate_demo_datasets, read_counts
from lfads_nb.datasets.lorenz import DemoRecipe, lorenz_latents, make_demo_session
from lfads_nb.errors import DataError

SMALL = {"n_conditions": 4, "trials_per_condition": (3, 5), "channels": (6, 9), "duration_ms": 200}


def test_files_are_written_once_and_the_same_for_the_same_seed(tmp_path):
    paths = generate_demo_datasets(tmp_path / "a", 2, **SMALL)
    assert [path.name for path in paths] == ["dataset001.h5", "dataset002.h5"]
    stamps = [path.stat().st_mtime_ns for path in paths]
    assert generate_demo_datasets(tmp_path / "a", 2, **SMALL) == paths
    assert [path.stat().st_mtime_ns for path in paths] == stamps
    (again,) = generate_demo_datasets(tmp_path / "b", 1, **SMALL)
    np.testing.assert_array_equal(read_counts(again).counts, read_counts(paths[0]).counts)


def test_other_parameters_write_the_files_anew(tmp_path):
    (path,) = generate_demo_datasets(tmp_path, 1, **SMALL)
    before = read_counts(path).counts
    generate_demo_datasets(tmp_path, 1, **SMALL, seed=1)
    after = read_counts(path).counts
    assert after.shape != before.shape or (after != before).any()


def test_a_damaged_file_is_written_anew(tmp_path):
    (path,) = generate_demo_datasets(tmp_path, 1, **SMALL)
    path.write_bytes(b"garbage")
    generate_demo_datasets(tmp_path, 1, **SMALL)
    assert read_counts(path).n_bins == 200


def test_sessions_share_conditions_and_differ_in_neurons(tmp_path):
    paths = generate_demo_datasets(tmp_path, 3, **SMALL)
    one, two, three = (read_counts(path) for path in paths)
    assert one.conditions.tolist() == two.conditions.tolist() == [1, 2, 3, 4]
    assert len({c.metadata["datetime"] for c in (one, two, three)}) == 3
    with h5py.File(paths[0]) as a, h5py.File(paths[1]) as b:
        np.testing.assert_array_equal(
            a["extra/lorenz_trajectories"], b["extra/lorenz_trajectories"]
        )
        assert a["extra/W"].shape == (one.n_channels, 3)


def test_truth_is_the_expected_number_of_spikes(tmp_path):
    (path,) = generate_demo_datasets(tmp_path, 1, **{**SMALL, "trials_per_condition": (200, 200)})
    counts = read_counts(path)
    with h5py.File(path) as file:
        rates = np.exp(file["extra/lorenz_trajectories"][2] @ file["extra/W"][()].T + np.log(0.005))
    expected = 1 - np.exp(-rates)
    third = counts.select_trials(counts.condition_ids == 3)
    np.testing.assert_allclose(third.truth[0], expected, rtol=1e-5)
    assert counts.counts.max() == 1
    n, p = third.n_trials * third.n_bins, expected.mean(axis=0)
    deviation = (third.counts.mean(axis=(0, 1)) - p) / np.sqrt(p / n)
    assert np.abs(deviation).max() < 5


def test_wider_bins_are_sums_of_the_same_spikes(tmp_path):
    (fine,) = generate_demo_datasets(tmp_path / "a", 1, **SMALL)
    (wide,) = generate_demo_datasets(tmp_path / "b", 1, **SMALL, bin_ms=10)
    np.testing.assert_array_equal(read_counts(wide).counts, read_counts(fine).rebin(10).counts)
    np.testing.assert_allclose(
        read_counts(wide).truth, read_counts(fine).rebin(10).truth, rtol=1e-5
    )


def test_the_system_is_lorenz_and_scaled_over_all_conditions():
    latents = lorenz_latents(DemoRecipe())
    assert latents.shape == (65, 1000, 3)
    np.testing.assert_allclose(np.abs(latents).max(axis=(0, 1)), 1)
    np.testing.assert_allclose(latents.mean(axis=(0, 1)), 0, atol=1e-12)
    # the butterfly: x and y change sign within most trials, conditions are all different
    assert (np.diff(np.sign(latents[:, :, 0]), axis=1) != 0).any(axis=1).mean() > 0.9
    assert latents[:, 0].std(axis=0).min() > 0.1


def test_dy_has_its_minus_y():
    # the fixed point (sqrt(beta (rho - 1)), same, rho - 1) stays where it is only with "- y"
    from lfads_nb.datasets.lorenz import BETA, RHO, _velocity

    still = np.array([[np.sqrt(BETA * (RHO - 1))] * 2 + [RHO - 1]])
    np.testing.assert_allclose(_velocity(still), 0, atol=1e-12)


def test_rates_are_modulated_and_do_not_explode():
    session = make_demo_session(DemoRecipe(trials_per_condition=(1, 1)))
    rates = session.counts.truth[:65] * 1000
    assert 5 < rates.mean() < 15
    assert rates.max() < 700
    per_neuron = rates.reshape(-1, rates.shape[2])
    spread = per_neuron.std(axis=0) / per_neuron.mean(axis=0)
    assert spread.min() > 0.5


def test_sizes_of_seed_0_are_those_of_the_run_managers_documentation():
    from lfads_nb.datasets.lorenz import _sizes

    assert _sizes(DemoRecipe(), 0) == (28, 35)
    assert 28 * 65 == 1820
    for number in range(7):
        repeats, n_channels = _sizes(DemoRecipe(seed=4), number)
        assert 20 <= repeats <= 30
        assert 25 <= n_channels <= 35


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": (9, 6)},
        {"trials_per_condition": (0, 3)},
        {"n_conditions": 0},
        {"mean_rate_hz": 0},
        {"bin_ms": 1.5},
        {"bin_ms": 300},
        {"n_datasets": 0},
    ],
)
def test_senseless_parameters_are_refused(tmp_path, wrong):
    with pytest.raises(DataError):
        generate_demo_datasets(tmp_path, **{**SMALL, **wrong})


def test_the_demo_opens_as_a_collection(tmp_path):
    generate_demo_datasets(tmp_path, 2, **SMALL)
    collection = DatasetCollection(tmp_path, name="lorenz_example")
    dataset = collection.add("dataset001.h5")
    assert dataset.single_run_name == "single_dataset001"
    assert dataset.info.has_truth
    assert dataset.info.subject == "lorenz_example"
