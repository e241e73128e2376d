"""The results panel: whose results are on screen, and a run applied to other data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lfads_nb.datasets import DatasetCollection, write_counts
from lfads_nb.sweep import RunCollection, RunParams, RunSpec
from lfads_nb.widgets.bench import Bench
from lfads_nb.widgets.panels.apply_run import ApplyRun, _run_process
from lfads_nb.widgets.panels.results import ResultsPanel
from tests.widgets.conftest import small_counts


def make_collection(folder: Path, name: str) -> RunCollection:
    """A collection whose run claims to be done; its outputs are missing, which viewers say."""
    datasets = DatasetCollection(folder / "data")
    for n_channels in (6, 7):
        path = f"s{n_channels}.h5"
        write_counts(folder / "data" / path, small_counts(20, 20, n_channels))
        datasets.add(path)
    rc = RunCollection(folder / "runs", name, datasets, params=[RunParams(co_dim=0)])
    rc.add_run_spec(RunSpec("one", datasets, [0]))
    rc.prepare()
    rc.runs[0].folder.done.touch()
    return rc


def test_nothing_of_one_collection_stays_under_the_name_of_another(tmp_path):
    first, second = make_collection(tmp_path, "first"), make_collection(tmp_path, "second")
    bench = Bench(first)
    panel = ResultsPanel(bench)
    old = panel._viewers
    assert "first" in panel._what.value
    second.runs[0].folder.done.unlink()
    bench.show(second)
    assert panel._viewers is None
    assert panel._place.children == ()
    assert "first" not in panel._what.value
    assert "No run is done yet" in panel._words.value
    second.runs[0].folder.done.touch()
    panel.refresh()
    assert panel._viewers is not old
    assert "second" in panel._what.value


def test_a_run_that_was_trained_again_is_shown_anew(tmp_path):
    rc = make_collection(tmp_path, "again")
    panel = ResultsPanel(rc)
    before = panel._viewers
    panel.refresh()
    assert panel._viewers is before
    os.utime(rc.runs[0].folder.done, ns=(1, 1))
    panel.refresh()
    assert panel._viewers is not before


def test_data_are_offered_with_the_sessions_that_they_fit(tmp_path):
    rc = make_collection(tmp_path, "offer")
    box = ApplyRun(lambda: rc.runs[0], lambda: list(rc.dataset_collection))
    box.selected_index = 0
    assert box.data.options == ("s6", "s7", "a file ...")
    assert not box.apply.disabled
    assert "fits session s6" in box._fits.value
    box.data.value = "s7"
    assert box.apply.disabled
    assert "7 channels fit no session of this run: s6 (6)" in box._fits.value
    box.data.value = "a file ..."
    assert box.path.layout.display == ""
    box.path.value = str(tmp_path / "<b>missing</b>.h5")
    assert box.apply.disabled
    assert "<b>" not in box._fits.value


@pytest.mark.slow
def test_what_went_wrong_in_the_process_is_said(tmp_path):
    rc = make_collection(tmp_path, "wrong")
    box = ApplyRun(lambda: rc.runs[0], lambda: list(rc.dataset_collection))
    box.selected_index = 0
    box._start()
    box.task.join(120)
    assert "Error" in box.task.notice.value
    assert not box.apply.disabled


def test_the_last_line_of_the_process_is_the_folder(tmp_path):
    command = ["sh", "-c", f"echo first; echo {tmp_path}"]

    class Quiet:
        def check(self):
            pass

    assert _run_process(command, Quiet()) == tmp_path
