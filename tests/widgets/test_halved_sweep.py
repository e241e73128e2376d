"""A sweep that is halved as a person has it: from a terminal to the table of results."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from lfads_nb.cli import program
from lfads_nb.cli.terminal import console
from lfads_nb.datasets import Counts, DatasetCollection, write_counts
from lfads_nb.queue import Queue
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.status import RunState, RunStatus, write_status
from lfads_nb.results import FitLog, compare
from lfads_nb.results.sweep_report import write_sweep_report
from lfads_nb.sweep import RunCollection, RunParams, RunSpec
from lfads_nb.sweep.halving import Halving, HalvingOrder, Rung, add_rung, read_rungs
from lfads_nb.widgets.panels.results import ResultsPanel
from tests.queue.tiny_runs import wait_for

TINY = RunParams(
    spike_bin_ms=1, batch_size=20, co_dim=0, factors_dim=2, gen_dim=4, ic_enc_dim=4, ic_dim=4,
    kl_increase_steps=4, l2_increase_steps=4, max_epochs=12, num_samples_posterior=2,
    learning_rate_stop=1e-9,
    device="/cpu:0",
)  # fmt: skip


@pytest.fixture
def collection(tmp_path, monkeypatch):
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    counts = Counts.from_bins(rng.poisson(2, (40, 8, 5)), 1.0)
    write_counts(tmp_path / "data" / "d.h5", counts)
    datasets = DatasetCollection(tmp_path / "data")
    datasets.add("d.h5")
    rc = RunCollection(tmp_path / "runs", "halved", datasets)
    # The first learns; the others cannot within so few epochs.
    rc.add_params(TINY.sweep(learning_rate_init=[0.03, 1e-6, 2e-6]))
    rc.add_run_spec(RunSpec("s", datasets, [0]))
    rc.prepare()
    yield rc
    Queue([], home=QueueHome.find()).stop_server()


def stop(run, others, epoch):
    """Leave what a run has that was stopped at a rung, its training apart."""
    HalvingOrder(Halving(3, epoch), tuple(r.folder.path for r in others)).save(run.folder)
    run.folder.output.mkdir(exist_ok=True)
    add_rung(run.folder, Rung(epoch, 50.0, 2, 2, goes_on=False))
    write_status(run.folder, RunStatus(RunState.STOPPED_EARLY, reason="stopped early"))


def log_costs(run, *costs):
    run.folder.output.mkdir(exist_ok=True)
    run.folder.fit_log.write_text("".join(
        f"epoch,{i}, step,{i}, total,9,{cost}, recon,9,{cost}, kl,0,0, l2,0, klweight,1, "
        "l2weight,1\n"
        for i, cost in enumerate(costs)
    ))  # fmt: skip


def test_what_was_stopped_early_is_in_every_table_says_where_and_is_never_the_best(
    collection, tmp_path
):
    first, second, third = collection.runs
    log_costs(first, 9.0, 8.0, 7.0)
    first.folder.done.touch()
    for run, others in ((second, (first, third)), (third, (first, second))):
        log_costs(run, 3.0, 2.0)  # by its cost until then it would be the best
        stop(run, others, 2)
    frame = compare(collection.runs, with_rates=False)
    assert frame["state"].tolist() == ["done", *["stopped early at epoch 2"] * 2]
    assert frame["best_total_valid"].tolist() == [7.0, 2.0, 2.0]
    assert "place 2 of 2" in frame["problem"].iloc[1]

    panel = ResultsPanel(collection)
    texts = [text for text, _ in panel._viewers.run.options]
    assert [text.startswith("★") for text in texts] == [True, False, False]
    assert ["stopped early at epoch 2" in text for text in texts] == [False, True, True]
    assert panel._viewers.selection.run == first.name
    sweep = panel._viewers.show("Sweep")
    rows = {row["id"]: row["cells"] for row in sweep.board.rows}
    states = [rows[run.name]["state"] for run in collection.runs]
    assert [str(s.get("text", s) if isinstance(s, dict) else s) for s in states] == [
        "done", *["stopped early at epoch 2"] * 2,
    ]  # fmt: skip
    starred = [n for n, c in rows.items() if isinstance(c["run"], dict) and c["run"].get("icon")]
    assert starred == [first.name]
    panel.look_at(second)
    assert panel._applied() is None
    assert panel._looked_at() is second
    panel.close()

    page = write_sweep_report(collection.runs, tmp_path / "sweep.html").read_text()
    assert page.count("stopped early at epoch 2") == 2
    assert f"★ {first.name}" in page
    assert f"★ {second.name}" not in page


@pytest.mark.training
@pytest.mark.processes
@pytest.mark.timeout(900)
def test_a_sweep_is_halved_from_the_terminal_and_what_was_stopped_goes_on(collection, monkeypatch):
    monkeypatch.setattr(console, "width", 200)  # no words are broken

    def call(*arguments):
        return CliRunner().invoke(program, [str(a) for a in arguments])

    folder, (good, second, third) = collection.path, collection.runs
    early = call("queue", folder, "--halving", 3, "--first-rung", 1)
    assert early.exit_code == 1
    assert "lies within the ramps" in early.stderr
    done = call(
        "queue", folder, "--halving", 3, "--first-rung", 4, "--max-simultaneous", 1,
    )  # fmt: skip
    assert done.exit_code == 0, done.output + done.stderr
    states = [run.status().state.value for run in (good, second, third)]
    assert states == ["done", "stopped early", "stopped early"]
    assert [len(FitLog.read(r.folder.fit_log)["epoch"]) for r in collection.runs] == [12, 4, 4]
    assert [[r.epoch for r in read_rungs(r.folder)] for r in collection.runs] == [[4], [4], [4]]
    assert done.output.count("stopped early at epoch 4") == 2
    assert done.output.count("★") == 1
    assert "stopped early" in call("status", folder).output

    before = [FitLog.read(second.folder.fit_log)[c].tolist() for c in ("epoch", "recon_valid")]
    again = call("go-on", folder, second.params.param_name)
    assert again.exit_code == 0
    assert f"{second.name} is queued." in again.output.replace("\n", "")
    wait_for(lambda: second.is_done, 300)
    assert third.status().state is RunState.STOPPED_EARLY
    log = FitLog.read(second.folder.fit_log)
    assert log["epoch"].tolist() == list(range(12))
    assert [log[c][:4].tolist() for c in ("epoch", "recon_valid")] == before
    assert second.posterior_means().rates.shape == (40, 8, 5)
    assert compare(collection.runs)["state"].tolist() == [
        "done", "done", "stopped early at epoch 4",
    ]  # fmt: skip
