"""Damaged files: bytes flipped, cut, swapped. Readers give data or a `DataError`, nothing else."""

import datetime
import os
import warnings

import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lfads_nb.datasets import (
    Counts,
    DatasetInfo,
    join_conditions,
    peek_info,
    read_counts,
    read_lfads_input,
    read_mat_variables,
    read_nwb,
    scan_folder,
    write_counts,
)
from lfads_nb.errors import DataError
from tests.datasets.matlab_files import write_mat5, write_mat73

EXAMPLES = int(os.environ.get("MUTATED_FILES", "30"))
"""For each reader; 2,000 where a release is tried."""
RNG = np.random.default_rng(0)
SPIKES = RNG.poisson(0.5, (6, 12, 3))
MATLAB = {
    "spikes": SPIKES.transpose(0, 2, 1).astype(float),
    "timeMs": np.arange(12.0)[None],
    "subject": "Ada",
}
TRIALS = [{"spikes": RNG.poisson(1.0, (3, 8)).astype(float), "conditionId": 1.0} for _ in range(4)]


def _struct_array(path):
    kinds = [(key, object) for key in TRIALS[0]]
    scipy.io.savemat(path, {"trial": np.array([tuple(t.values()) for t in TRIALS], dtype=kinds)})


def _hdf5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, value in arrays.items():
            file.create_dataset(name, data=value, compression="gzip" if np.ndim(value) else None)


def _ours(path):
    ids = ["left", "right", ""] * 2
    write_counts(
        path,
        Counts.from_bins(
            SPIKES, 1.0, condition_ids=ids, truth=SPIKES + 0.5, trial_columns={"rt": np.arange(6.0)}
        ),
    )


WRITERS = {
    "ours.h5": _ours,
    "plain.h5": lambda path: _hdf5(path, counts=SPIKES, bin_ms=5.0, condition_ids=np.arange(6)),
    "nlb.h5": lambda path: _hdf5(path, train_spikes_heldin=SPIKES, eval_spikes_heldin=SPIKES),
    "lfads.h5": lambda path: _hdf5(
        path, train_data=SPIKES[:4], valid_data=SPIKES[4:], train_inds=np.arange(4.0)
    ),
    "spikes.npz": lambda path: np.savez_compressed(
        path, counts=SPIKES, bin_ms=5.0, condition_ids=["a", "b"] * 3
    ),
    "plain.npz": lambda path: np.savez(path, counts=SPIKES, time_ms=np.arange(12.0)),
    "v7.mat": lambda path: write_mat5(path, MATLAB, objects=[("datetime", "datetime")]),
    "v6.mat": lambda path: write_mat5(path, MATLAB, compress=False),
    "trials.mat": _struct_array,
    "v73.mat": lambda path: write_mat73(path, MATLAB | {"conditionId": ["a", "b"] * 3}),
    "trials73.mat": lambda path: write_mat73(path, {"trial": TRIALS}),
}
READERS = {
    "read_counts": read_counts,
    "peek_info": peek_info,
    "read_mat_variables": read_mat_variables,
    "read_nwb": read_nwb,
    "read_lfads_input": lambda path: read_lfads_input(path, bin_ms=1),
}


class _Files(dict):
    def __repr__(self):  # hypothesis prints its arguments
        return "whole files"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    files = _Files()
    for name, write in WRITERS.items():
        write(folder / name)
        files[name] = (folder / name).read_bytes()
        assert isinstance(read_counts(folder / name), Counts), name
    return files


PLACE = st.floats(0, 1, exclude_max=True)
MUTATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("flip"), PLACE, st.integers(1, 255)),
        st.tuples(st.just("flip head"), PLACE, st.integers(1, 255)),
        st.tuples(st.just("cut"), PLACE, st.integers(1, 4000)),
        st.tuples(st.just("end"), PLACE, st.just(0)),
        st.tuples(st.just("swap"), PLACE, st.integers(1, 64)),
        st.tuples(st.just("fill"), PLACE, st.integers(0, 255)),
    ),
    min_size=1,
    max_size=4,
)


def mutated(content, mutations):
    content = bytearray(content)
    for kind, place, amount in mutations:
        at = int(place * len(content))
        if kind == "flip" and content:
            content[at] ^= amount
        elif kind == "flip head" and content:
            content[int(place * min(len(content), 3000))] ^= amount
        elif kind == "cut":
            del content[at : at + amount]
        elif kind == "end":
            del content[at:]
        elif kind == "swap":
            one, other = content[at : at + amount], content[at + amount : at + 2 * amount]
            content[at : at + 2 * amount] = other + one
        elif kind == "fill":
            n = min(8, len(content) - at)
            content[at : at + n] = bytes([amount]) * n
    return bytes(content)


@pytest.mark.parametrize("reader", READERS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(name=st.sampled_from(sorted(WRITERS)), mutations=MUTATIONS)
def test_damaged_files_give_data_or_a_data_error(tmp_path, whole, reader, name, mutations):
    path = tmp_path / name
    path.write_bytes(mutated(whole[name], mutations))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numpy, about the values that came out
        try:
            assert isinstance(READERS[reader](path), Counts | DatasetInfo | dict)
        except DataError as error:
            assert name in str(error)  # noqa: PT017 - both ways out are right
        (found,) = scan_folder(tmp_path, name)
    assert found.format or name in found.problem


TABLE = "trial,side,angle\n" + "".join(f"{i},left,{i * 0.5}\n" for i in range(6))


@settings(max_examples=EXAMPLES, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(encoding=st.sampled_from(["utf-8", "utf-16", "latin-1"]), mutations=MUTATIONS)
def test_damaged_tables_give_conditions_or_a_data_error(tmp_path, encoding, mutations):
    path = tmp_path / "table.csv"
    path.write_bytes(mutated(TABLE.encode(encoding), mutations))
    try:
        counts = join_conditions(Counts.from_bins(SPIKES, 1.0), path, condition="side")
    except DataError:
        return
    assert counts.condition_ids.shape == (6,)


@pytest.fixture(scope="module")
def whole_nwb(tmp_path_factory):
    pynwb = pytest.importorskip("pynwb")
    nwb = pynwb.NWBFile("d", "x", datetime.datetime(2024, 5, 6, tzinfo=datetime.timezone.utc))
    nwb.add_trial_column("touches", "ragged", index=True)
    for i in range(4):
        nwb.add_trial(start_time=2.0 * i, stop_time=2.0 * i + 1, touches=[0.1] * i)
    nwb.add_unit(spike_times=np.sort(RNG.uniform(0, 9, 200)))
    path = tmp_path_factory.mktemp("whole") / "day1.nwb"
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(nwb, cache_spec=False)
    read_nwb(path, window_ms=(0, 400), bin_ms=20)
    return _Files(nwb=path.read_bytes())


@settings(max_examples=EXAMPLES, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(mutations=MUTATIONS)
def test_damaged_nwb_files_give_data_or_a_data_error(tmp_path, whole_nwb, mutations):
    path = tmp_path / "day1.nwb"
    path.write_bytes(mutated(whole_nwb["nwb"], mutations))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            counts = read_nwb(path, window_ms=(0, 400), bin_ms=20)
        except DataError as error:
            assert "day1.nwb" in str(error)  # noqa: PT017
        else:
            assert isinstance(counts, Counts)
        with pytest.raises(DataError, match=r"day1\.nwb"):
            read_counts(path)  # says what it needs, or what is wrong
