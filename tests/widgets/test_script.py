import functools

import numpy as np
import pytest

from lfads_nb.datasets import Counts, DatasetCollection
from lfads_nb.demo import QUICK
from lfads_nb.sweep import RunCollection, RunParams, RunSpec
from lfads_nb.widgets.script import script_of


def made_by(script):
    """Run the script up to its launch, and return the collection that it made."""
    names = {}
    exec(script.split("\nrc.prepare()")[0], names)
    return names["rc"]


def assert_same(first, second):
    assert first.path == second.path
    assert [p.set_values() for p in first.params] == [p.set_values() for p in second.params]
    assert [(s.name, s.dataset_names) for s in first.run_specs] == [
        (s.name, s.dataset_names) for s in second.run_specs
    ]
    assert [d.to_json() for d in first.dataset_collection] == [
        d.to_json() for d in second.dataset_collection
    ]
    assert first.dataset_collection.path == second.dataset_collection.path


def test_the_script_makes_the_same_collection(collection):
    assert_same(made_by(script_of(collection)), collection)


def test_a_grid_is_written_as_one_sweep(collection):
    script = script_of(collection)
    assert "par.sweep(factors_dim=[2, 4])" in script


@pytest.mark.parametrize(
    "settings",
    [
        [],
        [RunParams()],
        QUICK.sweep(factors_dim=[8, 2], gen_dim=[10, 20]),
        [QUICK, QUICK.copy(co_dim=2, do_causal_controller=True), RunParams(name="it's <b>")],
        [RunParams(alignment_extra_args=("ridgeNormalizeEach", True), num_steps_for_gen_ic=3)],
    ],
)
def test_any_settings_are_made_again(tmp_path, settings):
    collection = RunCollection(tmp_path, "any", DatasetCollection(tmp_path), params=settings)
    assert_same(made_by(script_of(collection)), collection)


def load_twice(path, factor=1):
    return Counts.from_bins(np.ones((4, 5, 2 * factor), dtype=int), bin_ms=1.0)


def test_names_loaders_and_quotes_survive(tmp_path):
    (tmp_path / "it's 1,2.bin").write_text("")
    datasets = DatasetCollection(tmp_path, name='so "called"')
    datasets.add("it's 1,2.bin", loader=np.load, comment="o'clock", name="odd name")
    collection = RunCollection(tmp_path, "any", datasets)
    collection.add_run_spec(RunSpec("one 'quoted'", datasets, ["odd name"]))
    assert_same(made_by(script_of(collection)), collection)


def test_a_loader_that_no_module_holds_is_said_to_be_missing(tmp_path):
    (tmp_path / "a.bin").write_text("")
    datasets = DatasetCollection(tmp_path)
    datasets.add("a.bin", loader=lambda path: load_twice(path))
    script = script_of(RunCollection(tmp_path, "any", datasets))
    assert "bring its definition here" in script


def test_the_keywords_of_a_loader_are_kept(tmp_path):
    (tmp_path / "a.bin").write_text("")
    datasets = DatasetCollection(tmp_path)
    datasets.add("a.bin", loader=functools.partial(np.load, allow_pickle=False))
    collection = RunCollection(tmp_path, "any", datasets)
    assert_same(made_by(script_of(collection)), collection)
