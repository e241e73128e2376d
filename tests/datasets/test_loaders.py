import json
from functools import partial

import pytest

from lfads_nb.datasets import read_counts, write_counts
from lfads_nb.datasets.loaders import loader_from_json, loader_to_json
from lfads_nb.errors import CollectionError


def load_every_second(path, *, offset=0):
    return read_counts(path).select_trials(slice(offset, None, 2))


def stored_and_back(loader):
    return loader_from_json(json.loads(json.dumps(loader_to_json(loader))))


def test_no_loader_stays_no_loader():
    assert stored_and_back(None) is None


def test_a_function_of_a_module_is_kept_by_name(tmp_path, make_counts):
    path = write_counts(tmp_path / "a.h5", make_counts())
    loader = stored_and_back(read_counts)
    assert loader.function == "lfads_nb.datasets.readers:read_counts"
    assert loader(path).n_trials == 12
    assert loader_to_json(loader) == loader_to_json(read_counts)


def test_keyword_arguments_are_kept(tmp_path, make_counts):
    loader = stored_and_back(partial(load_every_second, offset=1))
    assert loader.keywords == {"offset": 1}
    assert loader.function.endswith("test_loaders:load_every_second")


@pytest.mark.parametrize(
    "loader",
    [
        lambda path: None,
        partial(load_every_second, offset=object()),
        partial(load_every_second, "a.h5"),
    ],
)
def test_what_cannot_be_kept_is_refused_only_when_needed(tmp_path, loader):
    back = stored_and_back(loader)
    with pytest.raises(CollectionError, match=r"was not kept: only functions in an importable"):
        back(tmp_path / "a.h5")


def test_a_module_that_is_gone_is_named(tmp_path):
    back = loader_from_json({"function": "no_such_module:load", "keywords": {}, "was": "load"})
    with pytest.raises(CollectionError, match="no_such_module:load"):
        back(tmp_path / "a.h5")
