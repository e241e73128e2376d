"""What is made of results where the disk is full: one sentence, no half file, no crash."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure

from lfads_nb.errors import DiskFullError, LfadsError
from lfads_nb.nlb.submission import write_submission, write_targets
from lfads_nb.results.decoding import decode_and_keep, read_decodings
from lfads_nb.results.export import export_collection, export_results
from lfads_nb.results.nwb_export import write_nwb
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.report_files import save_figure, save_figures, write_html
from lfads_nb.results.run_view import RunView
from lfads_nb.results.sweep_report import write_sweep_report
from lfads_nb.results.verdict_report import run_verdict
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.live_preview import LivePreview, read_preview, write_preview
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.run_notes import RunNotes
from lfads_nb.sweep.verdict import read_verdict
from lfads_nb.widgets.panels.notes_box import NotesBox
from tests.results.test_report_files import _write_notebook

ORIGINAL = Path(__file__).parents[1] / "model" / "parity" / "single_controller"
SENTENCE = r"no room for .*it needs [\d.]+ [kMG]?B.*, and [\d.]+ \w+ are free on its disk"


def files_of(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.name != "filler")


@pytest.fixture
def full_disk(small_disk, leave_free):
    leave_free(small_disk, 8)
    return small_disk


@pytest.fixture
def run_there(make_run, small_disk, leave_free):
    """A run that is done, on a disk that is full."""
    made = make_run(behavior=True, n_trials=40, n_neurons=5)
    folder = RunFolder(small_disk / "example" / made.folder.path.parent.name / "single_dataset001")
    shutil.copytree(made.folder.path, folder.path)
    folder.done.touch()
    leave_free(small_disk, 0)
    return folder


def rates(n_trials=30):
    return np.random.default_rng(0).uniform(0, 1, (n_trials, 40, 20)).astype(np.float32)


def preview(n_trials=30):
    r = rates(n_trials)
    return LivePreview(3, 10.0, "a", np.arange(n_trials), r, r, r, r)


def submission():
    parts = ("train_rates_heldin", "train_rates_heldout", "eval_rates_heldin", "eval_rates_heldout")
    return {"mc_maze": {name: rates() for name in parts}}


@pytest.mark.parametrize("n_free", [0, 4, 8, 24, 60])
@pytest.mark.parametrize("what", ["preview", "submission", "targets"])
def test_hdf5_on_a_full_disk_ends_no_process(small_disk, leave_free, n_free, what):
    write = {
        "preview": lambda: write_preview(RunFolder(small_disk), preview()),
        "submission": lambda: write_submission(small_disk / "s.h5", submission()),
        "targets": lambda: write_targets(
            small_disk / "t.h5", {"mc_maze": {"eval_spikes_heldout": rates(), "psth": rates()}}
        ),
    }[what]
    leave_free(small_disk, n_free)
    with pytest.raises(DiskFullError, match=SENTENCE if n_free else "no room"):
        write()
    assert not files_of(small_disk)


def test_an_older_preview_stays_where_there_is_no_room_for_the_next(small_disk, leave_free):
    run = RunFolder(small_disk)
    write_preview(run, preview(2))
    leave_free(small_disk, 8)
    with pytest.raises(DiskFullError):
        write_preview(run, preview())
    assert read_preview(run).counts.shape == (2, 40, 20)


def test_exports_on_a_full_disk(make_run, full_disk, leave_free):
    run = make_run(RunParams(spike_bin_ms=10, co_dim=2, factors_dim=3, gen_dim=12), behavior=True)
    shutil.copy(ORIGINAL / "lfadsOutput" / "model_params", run.folder.model_params)
    pm = PosteriorMeans.open(run.folder, run.params, run.datasets)
    start = datetime.datetime(2024, 5, 6, tzinfo=datetime.timezone.utc)
    for export in (
        lambda: export_results(run.folder, full_disk / "export"),
        lambda: export_collection([run.folder], full_disk / "export"),
        lambda: write_nwb(
            pm, full_disk / "out.nwb", session_start=start, event_times=np.arange(60.0)
        ),
    ):
        with pytest.raises(DiskFullError, match=SENTENCE):
            export()
        assert not files_of(full_disk)
    # Weights find room and are whole, the means do not.
    leave_free(full_disk, 80)
    with pytest.raises(DiskFullError, match="posteriorMeans_dataset001"):
        export_results(run.folder, full_disk / "export")
    assert files_of(full_disk) == ["modelTrainedParams.h5"]
    with h5py.File(full_disk / "export" / "modelTrainedParams.h5") as file:
        assert len(file) > 10


def test_reports_and_pictures_on_a_full_disk(make_run, full_disk):
    run = make_run()
    _write_notebook(run)
    figure = Figure()
    figure.subplots().imshow(np.random.default_rng(0).uniform(size=(300, 300)))
    for write in (
        lambda: write_html(run.folder, full_disk / "report.html"),
        lambda: write_sweep_report([run.folder], full_disk / "sweep.html"),
        lambda: save_figure(figure, full_disk / "a.png"),
        lambda: save_figure(figure, full_disk / "a.pdf"),
        lambda: save_figures(run.folder, full_disk / "pictures", ("svg",)),
    ):
        with pytest.raises(LfadsError, match=SENTENCE):
            write()
        assert not files_of(full_disk)


def test_a_verdict_that_cannot_be_kept_is_given_all_the_same(run_there, caplog):
    verdict = run_verdict(run_there)
    assert "bits" in repr(verdict) or len(repr(verdict)) > 20
    assert "is not kept: no room for" in caplog.text
    assert read_verdict(run_there) is None
    assert not run_there.verdict_json.exists()
    assert not [name for name in files_of(run_there.path) if name.startswith(".writing")]


def test_what_was_decoded_is_shown_where_it_cannot_be_kept(run_there, caplog):
    pm = RunView.of(run_there).posterior_means()
    result = decode_and_keep(pm, "hand_vel", n_permutations=0, sources=["rates"])
    assert np.isfinite(result.by_source["rates"].mean_r2)
    assert "is not kept: no room for" in caplog.text
    assert read_decodings(run_there) == []
    assert not run_there.decoding_json.exists()


def test_stars_tags_and_notes_that_cannot_be_kept_say_so_and_older_ones_stay(
    small_disk, leave_free
):
    RunNotes(star=True, tags=("good",)).save(small_disk)
    leave_free(small_disk, 4)
    box = NotesBox()
    box.show(small_disk)
    box.note.value = "x" * 9000
    assert "no room for" in box.notice.value
    assert "are free on its disk" in box.notice.value
    assert RunNotes.read(small_disk) == RunNotes(star=True, tags=("good",))
    assert files_of(small_disk) == ["notes.json"]
