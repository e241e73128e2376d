from __future__ import annotations

import h5py
import numpy as np
import pytest

from lfads_nb.errors import RunFolderError
from lfads_nb.model.network import Network
from lfads_nb.model.weights import from_tf1, read_model_params, to_tf1, write_model_params
from tests.model.small_runs import small_architecture
from tests.model.tf1_folders import DEFAULTS, variable_shapes

FULL = {"sessions": ("a", "b"), "channels": (4, 6), "co_dim": 2, "ext_input_dim": 1}


def test_keys_and_shapes_are_those_of_tf1():
    architecture = small_architecture(**FULL)
    settings = {**DEFAULTS, **architecture.params.set_values()}
    expected = variable_shapes(settings, {"a": 4, "b": 6}, aligned=False)
    arrays = to_tf1(Network(architecture))
    assert {key: array.shape for key, array in arrays.items()} == {
        f"LFADS_{name}:0": shape for name, shape in expected.items()
    }


@pytest.mark.parametrize("changes", [FULL, {"ic_dim": 0}, {"output_dist": "zero_inflated_gamma"}])
def test_weights_survive_the_way_to_a_file_and_back(changes, tmp_path):
    first = Network(small_architecture(**changes))
    write_model_params(tmp_path / "model_params", first, step=12, learning_rate=0.004)
    stored = read_model_params(tmp_path / "model_params")
    assert stored["LFADS_global_step:0"] == 12
    second = Network(small_architecture(**changes, seed=9))
    assert not all(np.array_equal(a, b) for a, b in pairs(first, second))
    from_tf1(second, stored, source="there")
    assert all(np.array_equal(a, b) for a, b in pairs(first, second))


def pairs(first: Network, second: Network):
    a, b = to_tf1(first), to_tf1(second)
    return [(a[key], b[key]) for key in a]


def test_what_does_not_fit_is_named():
    network = Network(small_architecture())
    arrays = to_tf1(network)
    key = "LFADS_gen_gen_2_fac_W:0"
    missing = {k: v for k, v in arrays.items() if k != key}
    with pytest.raises(RunFolderError, match="lacks LFADS_gen_gen_2_fac_W:0"):
        from_tf1(network, missing, source="there")
    with pytest.raises(RunFolderError, match=r"has shape \(5, 4\), the settings ask for \(5, 3\)"):
        from_tf1(network, {**arrays, key: np.ones((5, 4))}, source="there")
    with pytest.raises(RunFolderError, match="no place"):
        from_tf1(network, {**arrays, "LFADS_con_c0:0": np.ones((1, 4))}, source="there")


@pytest.mark.parametrize(
    ("value", "why"), [(np.nan, "diverged"), (np.inf, "diverged"), (b"x", "no numbers")]
)
def test_weights_that_are_no_numbers_make_no_rates_of_nan_but_a_sentence(value, why):
    network = Network(small_architecture())
    arrays = to_tf1(network)
    key = next(key for key, array in arrays.items() if array.ndim == 2)
    arrays[key] = np.full(arrays[key].shape, value)
    with pytest.raises(RunFolderError, match=f"in there holds .*{why}"):
        from_tf1(network, arrays, source="there")


def test_optimiser_slots_of_tf1_are_ignored():
    network = Network(small_architecture())
    arrays = to_tf1(network)
    slots = {f"LFADS_{key.removesuffix(':0')}_Adam:0": value for key, value in arrays.items()}
    from_tf1(network, {**arrays, **slots, "LFADS_beta1_power:0": np.ones(())}, source="there")


def test_a_file_that_is_no_hdf5_is_refused(tmp_path):
    (tmp_path / "model_params").write_bytes(b"text")
    with pytest.raises(RunFolderError, match="cannot be read"):
        read_model_params(tmp_path / "model_params")
    with pytest.raises(RunFolderError, match="is missing"):
        read_model_params(tmp_path / "absent")


def test_nothing_but_the_file_is_left_behind(tmp_path):
    write_model_params(
        tmp_path / "model_params", Network(small_architecture()), step=1, learning_rate=1.0
    )
    assert [path.name for path in tmp_path.iterdir()] == ["model_params"]
    with h5py.File(tmp_path / "model_params") as file:
        assert file["LFADS_gen_gen_2_fac_W:0"].dtype == np.float32
