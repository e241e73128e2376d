import json
import os
import time

import pandas as pd
import pytest

from lfads_nb.queue import Queue
from lfads_nb.queue.home import QueueHome, put_json
from lfads_nb.queue.status import RunState, RunStatus, local_now, write_status
from lfads_nb.sweep import Population, RunCollection
from lfads_nb.sweep.run_notes import RunNotes
from lfads_nb.sweep.verdict import Verdict
from lfads_nb.widgets.live_table import LiveTable
from lfads_nb.widgets.panels import queue as queue_panel
from lfads_nb.widgets.panels.loss_history import LossHistory, spark, thin
from lfads_nb.widgets.panels.queue import QueuePanel
from lfads_nb.widgets.panels.queue_rows import RunLine, best_of_queue
from lfads_nb.widgets.panels.run_details import log_tail
from lfads_nb.widgets.viewers.leaderboard import best_of

PROGRESS = {
    "epoch": 12, "fraction": 0.4, "eta_s": 90.0, "learning_rate": 0.005, "total_train": 301.5,
    "total_valid": 310.25, "best_epoch": 9,
}  # fmt: skip


def mark(run, state, **fields):
    run.folder.path.mkdir(parents=True, exist_ok=True)
    write_status(run.folder, RunStatus(state, **fields))


def write_log(run, n_epochs, low=300.0):
    run.folder.output.mkdir(parents=True, exist_ok=True)
    lines = [
        f"epoch,{e},step,{10 * e},total_train,{low + 50 / (e + 1)},"
        f"total_valid,{low + 60 / (e + 1)},recon_train,1,recon_valid,1,kl_train,1,kl_valid,1,"
        f"l2,0,klweight,1,l2weight,1,learning_rate,0.01"
        for e in range(n_epochs)
    ]
    run.folder.fit_log.write_text("\n".join(lines) + "\n")


@pytest.fixture
def panel(bench, collection):
    now = local_now().isoformat()
    first, second, third, _ = collection.runs
    mark(
        first, RunState.TRAINING, progress=PROGRESS, device="GPU 0", times={"started": now},
        heartbeat=time.time(), pid=1, host="another machine",
    )  # fmt: skip
    mark(second, RunState.FAILED, reason="ran out of memory <b>", detail="Traceback <i>\n  line 3")
    mark(third, RunState.QUEUED)
    write_log(first, 12)
    return QueuePanel(bench)


@pytest.fixture
def asked(monkeypatch):
    calls = []

    def record(verb):
        def method(self, runs=None, **options):
            calls.append((verb, self.names, options))

        return method

    for verb in ("cancel", "pause", "resume", "retry", "go_on", "set_priority", "launch"):
        monkeypatch.setattr(Queue, verb, record(verb))
    return calls


def cells(panel, run):
    return next(row["cells"] for row in panel.table.rows if row["id"] == run.name)


def test_a_row_says_all_that_is_known(panel, collection):
    row = cells(panel, collection.runs[0])
    assert row["state"]["text"] == "training"
    assert 0.3 < row["progress"]["fraction"] < 0.4  # of the whole way, training being most of it
    assert row["state"]["sub"] == "epoch 12"
    assert row["epoch"] == 12
    assert row["valid"]["text"] == "310.25"
    assert len(row["valid"]["spark"]) == 12
    assert row["eta"]["text"] == "2 min"
    assert row["differs"] == "factors_dim=2"
    assert "1 failed, 1 training, 1 queued, 1 new" in panel._count.value


def test_why_training_ended_is_in_the_hover_of_the_state_and_in_the_details(panel, collection):
    done = collection.runs[3]
    words = "max_epochs=40 reached, while the validation cost was still falling <b>"
    mark(done, RunState.DONE, training_end=words)
    panel.refresh()
    assert cells(panel, done)["state"]["title"] == f"Training ended: {words}."
    panel.table.selected = [done.name]
    assert "<dt>Training ended</dt><dd>max_epochs=40 reached" in panel.details._facts.value
    assert "falling &lt;b&gt;" in panel.details._facts.value


def test_the_reason_of_a_failure_is_in_the_row_and_in_words_below(panel, collection):
    failed = collection.runs[1]
    assert cells(panel, failed)["state"]["sub"] == "ran out of memory <b>"
    panel.table.selected = [failed.name]
    assert "Failed: ran out of memory &lt;b&gt;" in panel.details._state.value
    assert "Traceback &lt;i&gt;" in panel.details._state.value


def test_what_was_stopped_early_says_why_and_can_go_on(panel, collection):
    run = collection.runs[3]
    reason = "stopped early after 105 epochs: place 5 of 9 by validation likelihood"
    mark(run, RunState.STOPPED_EARLY, stage="training", progress=PROGRESS, reason=reason)
    panel.refresh()
    state = cells(panel, run)["state"]
    assert (state["text"], state["sub"]) == (
        "stopped early", "after 105 epochs: place 5 of 9 by validation likelihood",
    )  # fmt: skip
    assert "1 stopped early" in panel._count.value
    panel.table.selected = [run.name]
    assert f"S{reason[1:]}. Go on trains it from there" in panel.details._state.value
    assert not panel.go_on.disabled
    assert panel.retry.disabled


def test_a_waiting_run_says_why(panel, collection):
    waiting = collection.runs[2]
    assert "queue is starting" in cells(panel, waiting)["state"]["sub"]
    assert panel._stalled.layout.display == "none"
    os.utime(waiting.folder.status_json, (1e9, 1e9))
    panel.tick()
    assert "queue is not running" in cells(panel, waiting)["state"]["sub"]
    assert panel._stalled.layout.display == ""
    home = QueueHome.find()
    import psutil

    me = psutil.Process()
    from lfads_nb.queue.processes import ProcessId

    own = ProcessId.of(me.pid)
    put_json(home.server_json, {"pid": own.pid, "started": own.started, "host": own.host})
    put_json(home.news_json, {"waits": {str(waiting.folder.path): "needs 6.0 GB"}})
    panel.tick()
    assert cells(panel, waiting)["state"]["sub"] == "needs 6.0 GB"
    assert panel._stalled.layout.display == "none"


def test_a_tick_shows_what_has_changed(panel, collection):
    mark(collection.runs[0], RunState.SAMPLING, progress={**PROGRESS, "epoch": 20})
    sent = []
    panel.table.send = lambda content, buffers=None: sent.append(content)
    assert panel.tick() is True
    assert cells(panel, collection.runs[0])["state"]["text"] == "sampling"
    assert [change["id"] for change in sent[0]["rows"]] == [collection.runs[0].name]


def test_nobody_looks_nothing_is_sent(panel, collection):
    panel.table._seen_at -= 1000
    mark(collection.runs[0], RunState.SAMPLING)
    panel.tick()
    assert cells(panel, collection.runs[0])["state"]["text"] == "training"


def test_buttons_fit_what_is_selected(panel, collection):
    training, failed, queued, new = collection.runs
    for run, enabled in (
        (training, {"cancel", "pause"}),
        (failed, {"retry"}),
        (queued, {"cancel", "pause", "resume", "first", "last"}),
        (new, set()),
    ):
        panel.table.selected = [run.name]
        names = ("cancel", "pause", "resume", "retry", "go_on", "first", "last")
        assert {name for name in names if not getattr(panel, name).disabled} == enabled


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "retry", "go_on"])
def test_buttons_ask_the_queue(panel, collection, asked, verb):
    mark(collection.runs[0], RunState.STOPPED_EARLY if verb == "go_on" else RunState.TRAINING)
    panel.refresh()
    panel.table.selected = [run.name for run in collection.runs[:2]]
    getattr(panel, verb).click()
    panel.task.join(20)
    assert asked == [(verb, [run.name for run in collection.runs[:2]], {})]


def test_all_that_failed_is_retried_with_one_button(panel, collection, asked):
    mark(collection.runs[3], RunState.INTERRUPTED)
    panel.refresh()
    assert panel.retry_all.description == "Retry all 2 that failed"
    panel.retry_all.click()
    panel.task.join(20)
    assert asked[0][:2] == ("retry", [collection.runs[1].name, collection.runs[3].name])


def test_the_first_in_line_outbids_and_the_last_yields(panel, collection, asked):
    panel.table.selected = [collection.runs[2].name]
    panel.first.click()
    panel.task.join(20)
    panel.last.click()
    panel.task.join(20)
    assert asked[0][2]["priority"] > 0 > asked[1][2]["priority"]


def test_a_stalled_queue_is_started_again(panel, collection, asked):
    panel.restart.click()
    panel.task.join(20)
    assert asked == [("launch", [collection.runs[2].name], {})]


def test_curves_of_the_selected_runs_are_overlaid(panel, collection):
    write_log(collection.runs[1], 8, low=200.0)
    panel.table.selected = [run.name for run in collection.runs[:3]]
    marks = panel.curves.figure.marks
    assert [len(line.y) for line in marks] == [12, 8]
    assert marks[1].y[-1] == pytest.approx(207.5)
    assert marks[0].colors != marks[1].colors
    assert "1 of the selected runs" in panel.curves._words.value
    panel.curves.which.value = "learning rate"
    panel.curves.log_scale.value = True
    assert panel.curves.figure.marks[0].y[0] == pytest.approx(0.01)


def test_the_log_tail_is_text(panel, collection):
    run = collection.runs[0]
    run.folder.log.write_bytes(b"old\n" * 30_000 + b"10%\r100%\n<script>alert(1)</script>\n")
    panel.table.selected = [run.name]
    assert log_tail(run).endswith("100%\n<script>alert(1)</script>")
    assert "&lt;script&gt;" in panel.details._log.value
    assert "<script>" not in panel.details._log.value


def test_links_lead_into_the_jupyter_server(panel, collection, tmp_path, monkeypatch):
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    (runtime / "jpserver-77.json").write_text(json.dumps({"root_dir": str(tmp_path)}))
    monkeypatch.setenv("JPY_PARENT_PID", "77")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(runtime))
    run = collection.runs[1]
    run.folder.notebook.write_text("{}")
    panel.table.selected = [run.name]
    (link,) = panel.details._links.links
    assert link["text"] == "Open the report"
    assert tmp_path / link["path"] == run.folder.notebook


def test_a_report_that_jupyter_cannot_show_is_named_by_its_path(panel, collection, monkeypatch):
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    run = collection.runs[1]
    run.folder.notebook.write_text("{}")
    panel.table.selected = [run.name]
    (link,) = panel.details._links.links
    assert "path" not in link
    assert str(run.folder.notebook) in link["text"]


def test_tensorboard_is_started_in_the_background(panel, monkeypatch):
    class Board:
        url, port, token = "http://127.0.0.1:6006/secret/", 6006, "secret"

    monkeypatch.setattr(RunCollection, "launch_tensorboard", lambda self: Board())
    panel.tensorboard.click()
    panel.task.join(20)
    assert panel._tensorboard_link.links[0]["url"] == Board.url
    monkeypatch.setattr(queue_panel, "proxied", lambda port, path: f"/lab/proxy/{port}/{path}")
    panel.tensorboard.click()
    panel.task.join(20)
    assert panel._tensorboard_link.links[0]["url"] == "/lab/proxy/6006/secret/"


def test_fit_logs_are_read_again_only_when_they_grow(collection):
    run, history = collection.runs[0], LossHistory()
    path = run.folder.fit_log
    assert history.course(path) is None
    write_log(run, 3)
    course = history.course(path)
    assert len(course.log) == 3
    assert history.course(path) is course
    write_log(run, 5)
    assert history.course(path, may_read=False) is course
    assert len(history.course(path).log) == 5
    assert history.n_files_read == 2


def test_long_curves_are_thinned_and_keep_their_end():
    import numpy as np

    values = np.arange(1000.0)
    assert len(thin(values, 50)) == 50
    assert thin(values, 50)[-1] == 999
    assert spark(np.array([np.nan, 1.0, 2.0]))[0] is None


def test_queue_and_sweep_view_agree_on_which_run_is_best():
    bits = {"a": 0.2, "b": 0.5, "c": 0.4}
    lines = [RunLine(name, None, "spec", {"text": name}, "") for name in bits]
    verdicts = {name: Verdict(figures={"bits_per_spike": value}) for name, value in bits.items()}
    table = pd.DataFrame(
        {"spec": "spec", "bits_per_spike": bits, "best_recon_valid": {"a": 1.0, "b": 3.0, "c": 2.0}}
    )
    assert best_of_queue(lines, verdicts, {}, {}) == best_of(table)
    assert list(best_of(table)) == ["b"]
    table["state"] = ["done", "stopped early at epoch 9", "done"]
    statuses = {"b": RunStatus(RunState.STOPPED_EARLY)}
    assert best_of_queue(lines, verdicts, {}, statuses) == best_of(table)
    assert list(best_of(table)) == ["c"]


def test_from_a_run_in_the_queue_to_its_rates(bench, collection):
    looked_at = []
    panel = QueuePanel(bench, on_look=looked_at.append)
    mark(collection.runs[1], RunState.DONE)
    panel.refresh()
    panel.table.selected = [collection.runs[0].name]
    assert panel.details.look.layout.display == "none"  # it has none yet
    panel.table.selected = [collection.runs[1].name]
    assert panel.details.look.layout.display == ""
    panel.details.look.click()
    assert looked_at == [collection.runs[1]]


def test_stars_tags_and_notes_are_kept_in_the_run_and_found_by_the_filter(panel, collection):
    first, second = collection.runs[:2]
    panel.table.selected = [first.name]
    panel.details.notes.star.value = True
    panel.details.notes.tags.value = "figure 3, good"
    panel.details.notes.note.value = "<b>the one</b> to show"
    panel.refresh()
    notes = cells(panel, first)["notes"]
    assert notes["text"] == "★ #figure 3 #good"
    assert notes["sub"] == "<b>the one</b> to show"
    assert "notes" in [column["key"] for column in panel.table.columns]
    panel.table.selected = [second.name]  # nothing of the first is written into the second
    assert panel.details.notes.tags.value == ""
    assert RunNotes.read(second.folder.path).is_empty
    assert RunNotes.read(first.folder.path).tags == ("figure 3", "good")


def test_a_note_that_is_being_typed_stays_while_the_queue_ticks(panel, collection):
    run = collection.runs[0]
    panel.table.selected = [run.name]
    panel.details.notes.note.value = "mine"
    RunNotes(note="another window's").save(run.folder.path)
    panel.refresh()
    assert panel.details.notes.note.value == "mine"
    panel.details.notes.star.value = True  # and takes nothing away of what was written there
    assert RunNotes.read(run.folder.path) == RunNotes(star=True, note="another window's")


def test_without_notes_there_is_no_column_for_them(panel):
    assert "notes" not in [column["key"] for column in panel.table.columns]


def test_done_runs_are_sampled_again_with_a_click(panel, collection, asked):
    done, training = collection.runs[3], collection.runs[0]
    mark(done, RunState.DONE)
    panel.refresh()
    panel.table.selected = [training.name]
    assert panel.sample.disabled
    panel.table.selected = [training.name, done.name]
    assert not panel.sample.disabled
    panel.sample.click()
    panel.task.join(20)
    assert asked == [("launch", [done.name], {"mode": "posterior_mean_only"})]


def test_a_population_alone_is_counted_and_at_work(bench, collection, monkeypatch):
    population = Population(collection.params[0], members=3)
    collection.clear_params()
    collection.add_population(population)
    made, _ = collection.population_runs
    mark(
        made, RunState.TRAINING, heartbeat=time.time(), pid=1, host="another machine",
        progress={"best_score": float("nan"), "fraction": float("inf"), "eta_s": float("nan")},
    )  # fmt: skip
    panel = QueuePanel(bench)
    cells = panel.populations.table.rows[0]["cells"]
    assert (cells["best"], cells["progress"], cells["eta"]) == (None, None, None)
    assert "2 populations: 1 training, 1 new" in panel._count.value
    assert "No runs yet" not in panel._count.value
    monkeypatch.setattr(LiveTable, "seconds_unseen", 0.0)
    assert panel.tick()
    assert "1 population on" in panel.devices.value
