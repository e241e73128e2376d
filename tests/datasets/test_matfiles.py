import numpy as np
import pytest

from lfads_nb.datasets import Counts, peek_info, read_counts, recognise_format
from lfads_nb.datasets.matfiles import as_iso_date
from lfads_nb.datasets.matheaders import read_headers
from lfads_nb.errors import DataError
from tests.datasets.matlab_files import write_mat5, write_mat73

WRITERS = {
    "v6": lambda *args, **kwargs: write_mat5(*args, **kwargs, compress=False),
    "v7": write_mat5,
    "v7.3": write_mat73,
}


@pytest.fixture(params=WRITERS)
def write(request):
    return WRITERS[request.param]


def demo(shape=(8, 3, 20)):
    """What the run manager's demo saves: trials x channels x time."""
    rng = np.random.default_rng(0)
    return {
        "spikes": rng.poisson(0.3, shape).astype(float),
        "timeMs": np.arange(shape[2])[:, None].astype(float),
        "conditionId": np.repeat(np.arange(1.0, 5), 2)[:, None],
        "true_rates": rng.random(shape),
        "subject": "lorenz_example",
        "W": rng.random((shape[1], 3)),
    }


def test_the_run_managers_demo_file(tmp_path, write):
    variables, path = demo(), tmp_path / "dataset001.mat"
    write(path, variables, objects=[("datetime", "datetime")])
    counts = read_counts(path)
    np.testing.assert_array_equal(counts.counts, variables["spikes"].transpose(0, 2, 1))
    np.testing.assert_allclose(counts.truth, variables["true_rates"].transpose(0, 2, 1))
    assert counts.counts.dtype == np.uint8
    assert counts.counts.flags.c_contiguous
    assert counts.condition_ids.tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert counts.time_ms.tolist() == list(range(20))
    assert counts.name == "dataset001"
    # a datetime object can be read by MATLAB only: left out, not guessed
    assert counts.metadata == {"subject": "lorenz_example"}


def test_peeking_says_the_same_without_the_spikes(tmp_path, write, monkeypatch):
    path = tmp_path / "dataset001.mat"
    write(path, demo(), objects=[("datetime", "datetime")])
    read = read_counts(path)
    monkeypatch.setattr(Counts, "__post_init__", None)  # no counts may be made
    info = peek_info(path)
    assert (info.n_trials, info.n_channels, info.n_bins) == (8, 3, 20)
    assert (info.bin_ms, info.n_conditions, info.has_truth) == (read.bin_ms, 4, True)
    assert info.subject == "lorenz_example"
    assert info.mean_rate_hz is None


@pytest.mark.parametrize("inside", [None, "out"])
def test_the_struct_of_generate_counts(tmp_path, write, inside):
    rng = np.random.default_rng(1)
    fields = {
        "counts": rng.poisson(1, (4, 3, 10)).astype(float),
        "timeVecMs": np.arange(-50.0, 50, 10)[None],
        "conditionId": ["left", "right", "", "left"],
        "externalInputs": rng.standard_normal((4, 2, 10)),
        "comment": "",
        "saveTags": np.array([[3.0, 4.0]]),
        "datenum": 719529.5,
    }
    cell = fields["conditionId"] if write is write_mat73 else _cell(fields["conditionId"])
    variables = {**fields, "conditionId": cell}
    path = tmp_path / "day 2.mat"
    write(path, {inside: variables, "note": "hi"} if inside else variables)
    counts = read_counts(path)
    np.testing.assert_array_equal(counts.counts, fields["counts"].transpose(0, 2, 1))
    np.testing.assert_array_equal(
        counts.external_inputs, fields["externalInputs"].transpose(0, 2, 1)
    )
    assert counts.bin_ms == 10
    assert counts.condition_ids.tolist() == ["left", "right", "", "left"]
    assert counts.metadata["save_tags"] == [3, 4]
    assert counts.metadata["comment"] == ""
    assert counts.metadata["datetime"] == "1970-01-01T12:00:00"
    info = peek_info(path)
    assert (info.ext_input_dim, info.n_conditions, info.date) == (2, 2, "1970-01-01")
    assert info.save_tags == ("3", "4")


def _cell(texts):
    cell = np.empty((len(texts), 1), dtype=object)
    cell[:, 0] = texts
    return cell


def test_without_a_time_vector_bins_are_of_1_ms(tmp_path, write):
    variables = demo()
    del variables["timeMs"], variables["conditionId"]
    write(tmp_path / "a.mat", variables)
    counts = read_counts(tmp_path / "a.mat")
    assert counts.time_ms[[0, -1]].tolist() == [1, 20]
    assert counts.condition_ids is None
    assert peek_info(tmp_path / "a.mat").bin_ms == 1


def test_character_matrices_are_texts_per_row(tmp_path):
    variables = {**demo(), "conditionId": np.array(["left ", "right"] * 4)}
    write_mat5(tmp_path / "a.mat", variables)
    assert read_counts(tmp_path / "a.mat").condition_ids.tolist() == ["left", "right"] * 4


def test_condition_ids_that_are_matlab_objects_are_refused_with_the_remedy(tmp_path, write):
    variables = demo()
    del variables["conditionId"]
    write(tmp_path / "a.mat", variables, objects=[("conditionId", "string")])
    for look in (read_counts, peek_info):
        with pytest.raises(DataError, match="cellstr") as error:
            look(tmp_path / "a.mat")
        assert error.value.field == "conditionId"


def test_a_file_without_counts_says_what_it_has(tmp_path, write):
    write(tmp_path / "a.mat", {"raster": np.ones((2, 3, 4)), "note": "hi"})
    with pytest.raises(DataError, match=r"no variable counts or spikes, only note, raster\..*load"):
        read_counts(tmp_path / "a.mat")


def test_other_shapes_are_refused(tmp_path, write):
    write(tmp_path / "a.mat", {"spikes": np.ones((5, 7))})
    for look in (read_counts, peek_info):
        with pytest.raises(DataError, match=r"trials x channels x time.*\(5, 7\)"):
            look(tmp_path / "a.mat")


def test_headers_are_listed_whatever_the_variables(tmp_path, write):
    if write is write_mat73:
        pytest.skip("v7.3 has no such headers")
    path = tmp_path / "a.mat"
    long_name = "x" * 63
    write(
        path,
        {"ab": np.ones((2, 3, 4)), long_name: "text", "s": {"f": 1.0}, "c": _cell(["a", "b"])},
        objects=[("when", "datetime")],
    )
    assert [tuple(header) for header in read_headers(path)] == [
        ("when", "opaque", ()),
        ("ab", "numeric", (2, 3, 4)),
        (long_name, "char", (1, 4)),
        ("s", "struct", (1, 1)),
        ("c", "cell", (2, 1)),
    ]


def test_formats_are_told_apart_by_content(tmp_path):
    write_mat5(tmp_path / "five.dat", demo())
    write_mat73(tmp_path / "seven.dat", demo())
    assert recognise_format(tmp_path / "five.dat") == "mat"
    assert recognise_format(tmp_path / "seven.dat") == "mat73"


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        (719529.5, "1970-01-01T12:00:00"),
        ("31-Jan-2018", "2018-01-31T00:00:00"),
        ("31-Jan-2018 10:20:30", "2018-01-31T10:20:30"),
        ("2018-01-31", "2018-01-31"),
        ("some day", "some day"),
    ],
)
def test_dates(value, iso):
    assert as_iso_date(value) == iso
