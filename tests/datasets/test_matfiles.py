import json
from functools import partial

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from lfads_nb.datasets import (
    Counts,
    DatasetCollection,
    peek_info,
    read_counts,
    read_mat,
    read_mat_variables,
    recognise_format,
)
from lfads_nb.datasets.matdates import as_iso_date
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
    with pytest.raises(DataError, match=r"only note.*, raster \(2 x 3 x 4\).*load"):
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


def trials(shapes, **fields):
    """A struct array trial(n).spikes, as labs keep it, with counts of these shapes."""
    rng = np.random.default_rng(2)
    return [
        {"spikes": rng.poisson(1.0, shape).astype(float), "conditionId": float(1 + i % 2)}
        | {name: values[i] for name, values in fields.items()}
        for i, shape in enumerate(shapes)
    ]


def write_struct_array(path, write, elements, name="trial"):
    if write is write_mat73:
        write(path, {name: elements})
    else:
        kinds = [(key, object) for key in elements[0]]
        array = np.array([tuple(each.values()) for each in elements], dtype=kinds)
        write(path, {name: array[None], "note": "hi"})
    return path


def test_a_struct_array_of_trials_opens_by_itself(tmp_path, write):
    elements = trials([(4, 30)] * 5)
    path = write_struct_array(tmp_path / "a.mat", write, elements)
    counts = read_counts(path)
    expected = np.stack([each["spikes"].T for each in elements])
    np.testing.assert_array_equal(counts.counts, expected)
    assert counts.condition_ids.tolist() == [1, 2, 1, 2, 1]
    assert any("channels x time" in note for note in counts.notes)
    assert any("1 ms assumed" in note for note in counts.notes)
    assert peek_info(path).n_bins == 30


def test_trials_of_unequal_length_list_their_fields_and_the_lines_that_open_them(tmp_path, write):
    elements = trials([(4, 30), (4, 25), (4, 40)])
    path = write_struct_array(tmp_path / "a.mat", write, elements)
    for look in (read_counts, peek_info):
        with pytest.raises(DataError, match=r"unequal length, 25 to 40 bins") as error:
            look(path)
        said = str(error.value)
        assert "spikes (4 x 25 to 4 x 40)" in said
        assert "conditionId (number)" in said
        assert 'dc.add("a.mat", loader=partial(read_mat, window_ms=(0, 25)))' in said
    collection = DatasetCollection(tmp_path)
    counts = collection.add("a.mat", loader=partial(read_mat, window_ms=(0, 25))).load_counts()
    np.testing.assert_array_equal(counts.counts, [each["spikes"].T[:25] for each in elements])
    padded = read_mat(path, pad_missing=True, bin_ms=10)
    assert padded.counts.shape == (3, 40, 4)
    assert padded.bin_ms == 10
    assert np.isnan(padded.counts).any(axis=2).sum(axis=1).tolist() == [10, 15, 0]
    with pytest.raises(DataError, match="not all of the window") as error:
        read_mat(path, window_ms=(0, 30))
    assert error.value.trial == 1


def test_the_other_order_shows_in_trials_of_unequal_length(tmp_path, write):
    elements = trials([(30, 4), (25, 4)])
    path = write_struct_array(tmp_path / "a.mat", write, elements)
    counts = read_mat(path, window_ms=(0, 20))
    np.testing.assert_array_equal(counts.counts, [each["spikes"][:20] for each in elements])
    assert any("time x channels" in note for note in counts.notes)


def test_trials_with_a_time_vector_of_their_own_are_cut_by_it(tmp_path, write):
    times = [np.arange(-100.0, 200, 10)[None], np.arange(-50.0, 250, 10)[None]]
    elements = trials([(4, 30), (4, 30)], timeMs=times)
    path = write_struct_array(tmp_path / "a.mat", write, elements)
    with pytest.raises(DataError, match="start at different times, -100 to -50 ms"):
        read_counts(path)
    counts = read_mat(path, window_ms=(0, 200))
    assert (counts.bin_ms, counts.time_ms[0], counts.n_bins) == (10, 0, 20)
    np.testing.assert_array_equal(counts.counts[0], elements[0]["spikes"].T[10:30])
    np.testing.assert_array_equal(counts.counts[1], elements[1]["spikes"].T[5:25])


def test_trials_in_a_cell_array_and_in_a_struct_within_a_struct(tmp_path, write):
    elements = trials([(4, 30), (4, 30)])
    matrices = [each["spikes"] for each in elements]
    cell = matrices if write is write_mat73 else _cell(matrices)
    write(tmp_path / "a.mat", {"spikes": cell, "conditionId": np.array([[1.0], [2.0]])})
    counts = read_counts(tmp_path / "a.mat")
    np.testing.assert_array_equal(counts.counts, [m.T for m in matrices])
    assert counts.condition_ids.tolist() == [1, 2]
    if write is not write_mat73:
        array = np.array(
            [tuple(e.values()) for e in elements], dtype=[(k, object) for k in elements[0]]
        )
        write(tmp_path / "b.mat", {"data": {"trial": array[None], "animal": "J"}})
        np.testing.assert_array_equal(read_counts(tmp_path / "b.mat").counts, counts.counts)


def test_trials_of_spike_times_need_a_window(tmp_path, write):
    rng = np.random.default_rng(0)
    units = [[rng.uniform(0, 1, (1, 8)) for _ in range(3)] for _ in range(4)]
    elements = [
        {"spikes": unit if write is write_mat73 else _cell(unit), "conditionId": "go"}
        for unit in units
    ]
    path = write_struct_array(tmp_path / "a.mat", write, elements)
    with pytest.raises(DataError, match=r"window_ms=\(0, 1000\), bin_ms=1") as error:
        read_counts(path)
    assert "cell of 3" in str(error.value)
    counts = read_mat(path, window_ms=(0, 1000), bin_ms=100)
    for trial, spikes in enumerate(units):
        for unit, times in enumerate(spikes):
            expected = np.histogram(times, np.arange(0, 1.01, 0.1))[0]
            assert counts.counts[trial, :, unit].tolist() == expected.tolist()
    assert counts.condition_ids.tolist() == ["go"] * 4
    with pytest.raises(DataError, match="no spike from 2000"):
        read_mat(path, window_ms=(2000, 3000))
    with pytest.raises(DataError, match="times_in"):
        read_mat(path, window_ms=(0, 1000), times_in="min")


def test_a_cell_of_numbers_with_an_empty_one_has_numbers_as_conditions(tmp_path, write):
    ids = [1.0, 2.0, np.zeros((0, 0)), 1.0]
    cell = [1.0, 2.0, "", 1.0] if write is write_mat73 else _cell(ids)
    write(tmp_path / "a.mat", {"spikes": demo((4, 3, 20))["spikes"], "conditionId": cell})
    ids = read_counts(tmp_path / "a.mat").condition_ids
    np.testing.assert_array_equal(ids, [1, 2, np.nan, 1])


def test_other_names_are_given_not_renamed(tmp_path, write):
    rng = np.random.default_rng(0)
    train = rng.poisson(0.2, (6, 40)).astype(float)
    t = np.arange(-20.0, 20)[None]
    write(tmp_path / "a.mat", {"train": train, "t": t, "direction": np.ones((6, 1))})
    names = {"counts": "train", "time_ms": "t", "condition_ids": "direction"}
    counts = read_mat(tmp_path / "a.mat", names=names)
    np.testing.assert_array_equal(counts.counts[:, :, 0], train)
    assert counts.time_ms[0] == -20
    assert "taken as trials x time" in counts.notes[0]
    with pytest.raises(DataError, match=r"no variable raster, only direction \(6 x 1\)"):
        read_mat(tmp_path / "a.mat", names={"counts": "raster"})
    with pytest.raises(DataError, match="has no spikes; give"):
        read_mat(tmp_path / "a.mat", names={"spikes": "raster"})


def test_names_of_ones_own_are_guessed_where_shapes_leave_no_doubt(tmp_path, write):
    rng = np.random.default_rng(0)
    train, t = rng.poisson(0.2, (6, 40)).astype(float), np.arange(-20.0, 20)[None]
    direction = np.array([[0.0, 1, 0, 1, 1, 0]]).T
    write(tmp_path / "a.mat", {"train": train, "t": t, "direction": direction, "who": "Ada"})
    names = '{"counts": "train", "time_ms": "t", "condition_ids": "direction"}'
    for look in (read_counts, peek_info):
        with pytest.raises(DataError) as error:
            look(tmp_path / "a.mat")
        assert f"it looks like loader=functools.partial(read_mat, names={names})" in str(
            error.value
        )
    counts = read_mat(tmp_path / "a.mat", names=json.loads(names))
    np.testing.assert_array_equal(counts.counts[:, :, 0], train)
    np.testing.assert_array_equal(counts.condition_ids, direction[:, 0])
    for more in ({"other": train}, {"train": train[:, :7]}):
        write(tmp_path / "a.mat", {"train": train, "t": t, **more})
        with pytest.raises(DataError, match=r'names=\{"counts": \.\.\., "time_ms": \.\.\.'):
            read_counts(tmp_path / "a.mat")


def test_axes_in_another_order_are_found_and_said_or_refused(tmp_path, write):
    spikes = demo((8, 3, 20))["spikes"]
    ids = np.arange(8.0)[:, None]
    path = tmp_path / "a.mat"
    write(
        path, {"spikes": spikes.transpose(1, 2, 0), "timeMs": np.arange(20.0), "conditionId": ids}
    )
    counts = read_counts(path)
    np.testing.assert_array_equal(counts.counts, spikes.transpose(0, 2, 1))
    assert "channels x time x trials" in counts.notes[0]
    assert peek_info(path).notes == counts.notes
    assert (peek_info(path).n_trials, peek_info(path).n_channels) == (8, 3)
    write(path, {"spikes": spikes, "timeMs": np.arange(21.0)})
    with pytest.raises(DataError, match=r"\(8, 3, 20\).*vector of 21 entries fits no order"):
        read_counts(path)
    write(path, {"spikes": spikes})
    assert "nothing in the file tells" in read_counts(path).notes[0]


def test_all_variables_for_a_loader_of_ones_own(tmp_path, write):
    path = write_struct_array(tmp_path / "a.mat", write, trials([(2, 3), (2, 4)]))
    found = read_mat_variables(path)["trial"]
    assert [each["spikes"].shape for each in found] == [(2, 3), (2, 4)]


def test_sparse_matrices_are_counts_too(tmp_path):
    rng = np.random.default_rng(0)
    matrices = [rng.poisson(0.2, (4, 30)).astype(float) for _ in range(3)]
    scipy.io.savemat(
        tmp_path / "a.mat", {"spikes": _cell([scipy.sparse.csc_matrix(m) for m in matrices])}
    )
    np.testing.assert_array_equal(read_counts(tmp_path / "a.mat").counts, [m.T for m in matrices])
