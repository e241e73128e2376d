from __future__ import annotations

import re

import pytest

from lfads_nb.errors import RunFolderError
from lfads_nb.results.sweep_report import write_sweep_report
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.run_notes import RunNotes

SMALL = {
    "spike_bin_ms": 10, "co_dim": 0, "gen_dim": 12, "ic_dim": 6, "kl_increase_steps": 50,
    "l2_increase_steps": 50,
}  # fmt: skip


def test_a_sweep_is_one_page_that_fetches_nothing(make_run, tmp_path):
    runs = [make_run(RunParams(factors_dim=n, **SMALL)) for n in (2, 3)]
    RunNotes(True, ("figure 3",), "<script>alert(1)</script>").save(runs[0].folder.path)
    folders = [run.folder for run in runs]
    page = write_sweep_report(folders, tmp_path / "sweep.html", title="<b>mine</b>").read_text()
    assert "<h1>&lt;b&gt;mine&lt;/b&gt;</h1>" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=.(?!data:)", page)
    board = page.split("<h2>Leaderboard</h2>")[1].split("<h2>")[0]
    assert "factors_dim" in board
    assert "#figure 3" in board
    assert all(f"param_{run.params.param_hash}" in board for run in runs)
    assert page.count("data:image/png;base64,") > 2  # the curves, and pictures of the best
    assert "Validation cost" in page
    assert "Verdicts" in page


def test_a_run_that_was_not_trained_is_listed_as_what_it_is(make_run, tmp_path):
    run = make_run(kinds=())
    run.folder.fit_log.unlink()
    page = write_sweep_report([run.folder], tmp_path / "sweep.html").read_text()
    said = page.split("<h2>Verdicts</h2>")[1].split("<h2>")[0]
    assert "It is prepared." in said


def test_what_cannot_be_written_is_said(make_run, tmp_path):
    with pytest.raises(RunFolderError, match="no runs"):
        write_sweep_report([], tmp_path / "sweep.html")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_sweep_report([make_run().folder], tmp_path / "file" / "sweep.html")
