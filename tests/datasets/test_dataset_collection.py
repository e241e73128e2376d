import json
import logging
from types import SimpleNamespace

import numpy as np
import pytest

from lfads_nb.datasets import Dataset, DatasetCollection, write_counts
from lfads_nb.errors import CollectionError


@pytest.fixture
def collection(tmp_path, make_counts):
    for day, n_trials in ((1, 12), (2, 40), (10, 25)):
        write_counts(tmp_path / f"day{day}.h5", make_counts(n_trials=n_trials, seed=day))
    collection = DatasetCollection(tmp_path, name="days")
    collection.add_all()
    return collection


def test_paths_and_name(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    collection = DatasetCollection("~/lorenz/datasets")
    assert collection.path == tmp_path / "lorenz" / "datasets"
    assert collection.name == "datasets"


def test_adding_all_files_sorts_numbers_as_numbers(collection):
    assert collection.names == ["day1", "day2", "day10"]
    assert len(collection) == 3
    assert [dataset.name for dataset in collection] == collection.names


def test_adding_by_pattern(tmp_path, collection):
    other = DatasetCollection(tmp_path)
    assert [dataset.name for dataset in other.add_all("day1*.h5")] == ["day1", "day10"]


def test_files_of_unknown_format_are_left_out_or_loaded(tmp_path, collection, make_counts, caplog):
    (tmp_path / "notes.txt").write_text("hello")
    with caplog.at_level(logging.INFO):
        assert len(DatasetCollection(tmp_path).add_all()) == 3
    assert "left out notes.txt" in caplog.text
    loaded = DatasetCollection(tmp_path).add_all("*.txt", loader=lambda path: make_counts())
    assert [dataset.n_trials for dataset in loaded] == [12]


def test_two_files_of_one_name_are_refused_together(tmp_path, collection):
    np.savez(tmp_path / "day2.npz", counts=np.ones((3, 4, 2)), bin_ms=1)
    other = DatasetCollection(tmp_path)
    with pytest.raises(CollectionError, match=r"day2.h5 and day2.npz would both be"):
        other.add_all()
    assert len(other) == 0


def test_an_equal_name_is_replaced_in_its_place(collection, caplog):
    old = collection["day2"]
    with caplog.at_level(logging.INFO):
        new = collection.add("elsewhere/day2.h5")
    assert collection.names == ["day1", "day2", "day10"]
    assert collection["day2"] is new
    assert old.collection is None
    assert "replaces" in caplog.text
    assert "there is no file" in caplog.text


def test_adding_a_dataset_twice_changes_nothing(collection):
    collection.add(collection["day1"])
    assert len(collection) == 3


def test_a_dataset_belongs_to_one_collection(tmp_path, collection):
    with pytest.raises(CollectionError, match="belongs to collection 'days'"):
        DatasetCollection(tmp_path).add(collection["day1"])


@pytest.mark.parametrize(
    ("which", "names"),
    [
        (None, ["day1", "day2", "day10"]),
        ("day2", ["day2"]),
        (["day10", "day1"], ["day10", "day1"]),
        ("day1*", ["day1", "day10"]),
        (["day?", 2], ["day1", "day2", "day10"]),
        (0, ["day1"]),
        (-1, ["day10"]),
        ([0, 0], ["day1"]),
        ([True, False, True], ["day1", "day10"]),
        (np.array([False, True, False]), ["day2"]),
        (slice(1, None), ["day2", "day10"]),
        ([], []),
    ],
)
def test_find(collection, which, names):
    assert [dataset.name for dataset in collection.find(which)] == names


def test_find_takes_datasets(collection):
    dataset = collection["day2"]
    assert collection.find(dataset) == collection.find([dataset]) == [dataset]


@pytest.mark.parametrize(
    ("which", "message"),
    [
        (["day1", "day3", "x*"], r"'days' has no 'day3', 'x\*'; it has day1, day2, day10"),
        (7, "has no 7"),
        ([True, False], "mask has 2"),
        (Dataset(None, "day1.h5"), "has no Dataset"),
    ],
)
def test_find_lists_all_that_is_missing(collection, which, message):
    with pytest.raises(CollectionError, match=message):
        collection.find(which)


def test_match_is_exact(collection):
    assert [d.name for d in collection.match(["day10", "day1"])] == ["day10", "day1"]
    with pytest.raises(CollectionError, match=r"'day\*', 'nope'"):
        collection.match(["day1", "day*", "nope"])


def test_access_by_name_index_and_slice(collection):
    assert collection["day10"] is collection[2] is collection[-1]
    assert [dataset.name for dataset in collection[:2]] == ["day1", "day2"]
    assert "day1" in collection
    assert collection["day1"] in collection
    assert "day3" not in collection
    with pytest.raises(CollectionError):
        collection["day3"]


def test_filters_work_in_place_and_return_what_went(collection):
    removed = collection.filter(lambda dataset: dataset.name != "day2")
    assert [dataset.name for dataset in removed] == ["day2"]
    assert removed[0].collection is None
    assert collection.names == ["day1", "day10"]
    collection.filter("day10")
    assert collection.names == ["day10"]
    collection.clear()
    assert len(collection) == 0


def test_filter_by_trials(collection):
    collection.filter_having_minimum_trials(25)
    assert collection.names == ["day2", "day10"]


def test_filter_by_batch_size_takes_the_most_demanding_setting(collection):
    settings = [
        SimpleNamespace(batch_size=5, train_to_test_ratio=4),
        SimpleNamespace(batch_size=7, train_to_test_ratio=3),
    ]
    collection.filter_for_batch_size(settings[0])
    assert collection.names == ["day2", "day10"]
    collection.filter_for_batch_size(settings)
    assert collection.names == ["day2"]


def test_remove(collection):
    collection.remove(["day1", 2])
    assert collection.names == ["day2"]


def test_max_batch_size(collection):
    # 12 trials, every 5th validates: 3 trials, and TF1 wants more than a batch
    assert collection.max_batch_size(4) == (2, 2, 12)
    collection.remove("day1")
    # 25 trials: 5 validate; the run manager recommends 5, which TF1 refuses
    assert collection.max_batch_size(4) == (4, 5, 25)
    with pytest.raises(CollectionError, match="no datasets"):
        DatasetCollection(collection.path).max_batch_size()


def test_info_table(collection, tmp_path):
    table = collection.info_table()
    assert list(table.columns) == [
        "subject", "date", "save_tags", "trials", "channels", "bins", "bin_ms", "conditions",
        "mean_rate_hz", "notes", "problem",
    ]  # fmt: skip
    assert table.index.tolist() == collection.names
    assert table.trials.tolist() == [12, 40, 25]
    assert table.loc["day1", "date"] == "2024-05-06"
    assert table.loc["day1", "save_tags"] == "1, 2"
    assert (table.problem == "").all()


def test_one_bad_file_does_not_stop_the_others(collection, tmp_path):
    (tmp_path / "day2.h5").write_bytes(b"garbage")
    (tmp_path / "day1.h5").unlink()

    def fail(path):
        raise KeyError("no such column")

    collection.add("day99.dat", loader=fail)
    table = collection.info_table()
    assert table.loc["day10", "trials"] == 25
    assert "known formats" in table.loc["day2", "problem"]
    assert "No such file" in table.loc["day1", "problem"]
    assert "KeyError" in table.loc["day99", "problem"]
    assert table.trials.isna().tolist() == [True, True, False, True]


def test_an_empty_collection_has_an_empty_table(tmp_path):
    table = DatasetCollection(tmp_path).info_table()
    assert table.empty
    assert "problem" in table


def test_copies_do_not_share_datasets(collection):
    other = collection.copy()
    other.remove("day1")
    other["day2"].comment = "mine"
    assert collection.names == ["day1", "day2", "day10"]
    assert collection["day2"].comment == ""
    assert other["day2"].collection is other
    assert collection["day2"].collection is collection


def test_json_round_trip_without_the_files(collection, tmp_path):
    collection.comment = "three days"
    collection.add("/data/other.mat", name="other", comment="far away")
    content = json.loads(json.dumps(collection.to_json()))
    for file in tmp_path.iterdir():
        file.unlink()
    again = DatasetCollection.from_json(content)
    assert (again.path, again.name, again.comment) == (tmp_path, "days", "three days")
    assert again.names == collection.names
    assert str(again["other"].path) == "/data/other.mat"
    assert again["other"].comment == "far away"


def test_text_form(collection):
    assert repr(collection).splitlines() == [
        'DatasetCollection "days"',
        f"  3 datasets in {collection.path}",
        '  [ 0] Dataset "day1" (day1.h5)',
        '  [ 1] Dataset "day2" (day2.h5)',
        '  [ 2] Dataset "day10" (day10.h5)',
    ]


def test_html_form_escapes_what_users_wrote(collection, make_counts):
    collection.name = "<script>alert(1)</script>"
    evil = make_counts(metadata={"subject": "<img src=x>"})
    write_counts(collection.path / "day1.h5", evil)
    html = collection._repr_html_()
    assert "<script>" not in html
    assert "<img" not in html
    assert "day10" in html


def test_html_form_does_not_read_spikes_by_a_users_loader(collection, make_counts):
    calls = []

    def load(path):
        calls.append(path)
        return make_counts()

    dataset = collection.add("slow.dat", loader=load)
    assert "slow" in collection._repr_html_()
    assert not calls
    assert dataset.n_trials == 12
    assert "12" in collection._repr_html_().split("slow")[1]
    assert len(calls) == 1
