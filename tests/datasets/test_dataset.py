import json

import pytest

from lfads_nb.datasets import Dataset, DatasetCollection, read_counts, write_counts
from lfads_nb.errors import CollectionError, DataError


class HalfDataset(Dataset):
    """A subclass of a user's: other trials for alignment, its own way to load."""

    def load_counts(self):
        return read_counts(self.path).select_trials(slice(0, 6))

    def load_alignment_counts(self):
        return read_counts(self.path).select_trials(slice(0, 3))


@pytest.fixture
def file(tmp_path, make_counts):
    return write_counts(tmp_path / "a,b 2024.h5", make_counts())


def test_name_and_paths(file):
    dataset = Dataset(None, file)
    assert dataset.name == "a_b 2024"
    assert dataset.single_run_name == "single_a_b 2024"
    assert dataset.path == file
    assert dataset.index is None


def test_a_dataset_joins_its_collection(file):
    collection = DatasetCollection(file.parent)
    dataset = Dataset(collection, file.name, name="day1")
    assert collection.datasets == [dataset]
    assert dataset.collection is collection
    assert dataset.index == 0
    assert dataset.path == file


def test_loading_gives_counts_under_the_datasets_name(file, make_counts, assert_same):
    counts = Dataset(None, file, name="day1").load_counts()
    assert counts.name == "day1"
    assert_same(counts, make_counts())
    assert Dataset(None, file).load_alignment_counts() is None


def test_info_is_read_once_and_again_when_the_file_changes(file, make_counts, monkeypatch):
    dataset = Dataset(None, file)
    monkeypatch.setattr(Dataset, "load_counts", None)  # must not be needed
    assert (dataset.n_trials, dataset.n_channels) == (12, 4)
    assert dataset.info is dataset.info
    write_counts(file, make_counts(n_trials=30, seed=3))
    assert dataset.n_trials == 30


def test_info_with_reload_asks_the_file(file, make_counts, monkeypatch):
    dataset = Dataset(None, file)
    monkeypatch.setattr(dataset, "_file_state", lambda: (0, 0))  # a change that does not show
    assert dataset.info.n_trials == 12
    write_counts(file, make_counts(n_trials=13))
    assert dataset.info.n_trials == 12
    assert dataset.load_info(reload=True).n_trials == 13


def test_loading_tells_the_mean_rate_of_formats_that_do_not(tmp_path, make_counts):
    import numpy as np

    counts = make_counts().counts
    np.savez(tmp_path / "a.npz", counts=counts, bin_ms=1.0)
    dataset = Dataset(None, tmp_path / "a.npz")
    assert dataset.info.mean_rate_hz is None
    assert dataset.load_info(full=True).mean_rate_hz == pytest.approx(counts.mean() * 1000)
    assert dataset.info.mean_rate_hz is not None


def test_a_loader_makes_any_format_readable(tmp_path, make_counts):
    (tmp_path / "a.txt").write_text("7")

    def load(path):
        return make_counts(n_trials=int(path.read_text()))

    dataset = Dataset(None, tmp_path / "a.txt", loader=load)
    assert dataset.load_counts().n_trials == 7
    assert dataset.info.mean_rate_hz > 0


def test_a_loader_must_return_counts(tmp_path):
    dataset = Dataset(None, tmp_path / "a.txt", loader=lambda path: {"counts": 1})
    with pytest.raises(DataError, match=r"dataset 'a': its loader returned a dict"):
        dataset.load_counts()


def test_errors_of_a_loader_name_the_dataset(tmp_path, make_counts):
    dataset = Dataset(
        None, tmp_path / "a.txt", loader=lambda path: make_counts(condition_ids=[1, 2])
    )
    with pytest.raises(DataError, match=r"dataset 'a': field 'condition_ids'"):
        dataset.load_counts()


@pytest.mark.parametrize(
    "name",
    ["", "  ", "a/b", "..", ".hidden", "a\nb", "x" * 181, " a", "a\\b", "<b>", "\udcff", "a:b"],
)
def test_names_that_no_file_can_have_are_refused(name):
    with pytest.raises(CollectionError, match="name=") as error:
        Dataset(None, "a.h5", name=name)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("name", ["dataset001", "día 1", "mouse'3 & (left)", "x" * 180, "日" * 60])
def test_other_names_are_fine(name):
    assert Dataset(None, "a.h5", name=name).name == name


def test_json_round_trip(file):
    dataset = Dataset(None, file, name="day1", loader=read_counts, comment="good")
    again = Dataset.from_json(json.loads(json.dumps(dataset.to_json())))
    assert (again.name, again.path, again.comment) == ("day1", file, "good")
    assert again.load_counts().n_trials == 12


def test_a_subclass_comes_back_as_itself(file):
    content = json.loads(json.dumps(HalfDataset(None, file).to_json()))
    assert content["class"].endswith("test_dataset:HalfDataset")
    again = Dataset.from_json(content)
    assert isinstance(again, HalfDataset)
    assert again.info.n_trials == again.load_counts().n_trials == 6
    assert again.load_alignment_counts().n_trials == 3


def test_a_subclass_from_a_notebook_is_refused_in_words(file):
    class Local(Dataset):
        pass

    with pytest.raises(CollectionError, match="put it into a module"):
        Dataset.from_json(Local(None, file).to_json())


def test_a_loader_that_fails_is_named_with_its_place(tmp_path):
    def load(path):
        return {}["units"]

    dataset = Dataset(None, tmp_path / "day1.dat", loader=load)
    with pytest.raises(DataError, match=r"'day1': its loader failed on .*KeyError.*in load"):
        dataset.load_counts()
