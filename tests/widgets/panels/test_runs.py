import shutil
import threading

import pytest

from lfads_nb.errors import QueueError
from lfads_nb.queue.status import RunState, RunStatus, write_status
from lfads_nb.sweep import RunCollection, RunParams
from lfads_nb.sweep.halving import Halving
from lfads_nb.widgets.panels.launch_options import LaunchOptions
from lfads_nb.widgets.panels.runs import RunsPanel
from lfads_nb.widgets.panels.shared_values import shared_values


@pytest.fixture
def launched(monkeypatch):
    """Record what would be launched."""
    calls = []

    def launch(self, runs, **options):
        calls.append(([run.name for run in runs], options))
        for run in runs:
            write_status(run.folder, RunStatus(RunState.QUEUED))

    monkeypatch.setattr(RunCollection, "launch", launch)
    return calls


@pytest.fixture
def panel(bench):
    return RunsPanel(bench)


def mark(run, state, **fields):
    run.folder.path.mkdir(parents=True, exist_ok=True)
    write_status(run.folder, RunStatus(state, **fields))


def test_the_matrix_shows_where_every_run_is(panel, collection):
    mark(collection.runs[0], RunState.DONE)
    mark(collection.runs[1], RunState.FAILED, reason="out of memory")
    panel.refresh()
    first = panel.settings.table.rows[0]["cells"]
    assert first["s_single_dataset001"]["text"] == "done"
    assert first["s_all"]["text"] == "failed"
    assert first["s_all"]["title"] == "out of memory"
    assert "2 settings × 2 run specs = 4 runs (1 done, 3 to do)" in panel._count.value


def test_run_specs_without_settings_are_no_zero_run_specs(panel, collection):
    collection.clear_params()
    panel.bench.changed()
    panel.refresh()
    assert "No runs yet" in panel._count.value


def test_a_run_whose_outputs_were_deleted_says_so_and_is_launched_again(
    panel, collection, launched
):
    collection.prepare()
    for run in collection.runs[:2]:
        run.folder.done.touch()
        mark(run, RunState.DONE)
        run.folder.output.mkdir()
        run.folder.model_params.touch()
        (run.folder.output / "model_runs_dataset001.h5_train_x").touch()
    panel.refresh()
    assert panel.launch.description == "Launch 2 runs"
    shutil.rmtree(collection.runs[0].folder.output)
    panel.refresh()
    first = panel.settings.table.rows[0]["cells"]
    assert first["s_single_dataset001"]["sub"] == "outputs deleted"
    assert "launch it again" in first["s_single_dataset001"]["title"]
    assert "sub" not in first["s_all"]
    assert "4 runs (1 done, 3 to do)" in panel._count.value
    specs = {row["id"]: row["cells"]["runs"] for row in panel.specs.table.rows}
    assert specs["single_dataset001"] == "1 done (1 without its outputs), 1 prepared"
    assert "1 without outputs" in collection._repr_html_()
    panel.launch.click()
    panel.task.join(30)
    ((names, _options),) = launched
    assert collection.runs[0].name in names
    assert len(names) == 3
    panel.settings.table.selected = [collection.params[0].param_hash]
    panel.settings.remove.click()
    said = panel.settings.notice.value
    assert "2 runs of them had been trained (the outputs of 1 were deleted before)" in said


def test_run_specs_are_made_for_all_datasets_at_once(panel, collection):
    panel.specs.each.click()
    names = [spec.name for spec in collection.run_specs]
    assert names == [
        "single_dataset001", "all", "single_dataset002", "single_dataset003",
    ]  # fmt: skip
    panel.specs.each.click()
    assert "already" in panel.specs.notice.value


def test_a_run_spec_of_chosen_sessions(panel, collection):
    panel.specs.datasets.value = ("dataset001", "dataset003")
    panel.specs.name.value = "two days"
    panel.specs.make.click()
    assert collection.run_specs[-1].dataset_names == ("dataset001", "dataset003")
    panel.specs.datasets.value = ("dataset002",)
    panel.specs.name.value = "two days"
    panel.specs.make.click()
    assert "of other sessions" in panel.specs.notice.value
    panel.specs.name.value = "a/b"
    panel.specs.make.click()
    assert "cannot name" in panel.specs.notice.value


def test_preparing_makes_the_inputs_in_the_background(panel, collection):
    panel.prepare.click()
    panel.task.join(60)
    assert all(run.is_prepared for run in collection.runs)
    assert "4 runs ready" in panel.task.notice.value
    assert not panel.bench.busy


def test_launch_takes_what_is_not_done(panel, collection, launched):
    mark(collection.runs[0], RunState.DONE)
    mark(collection.runs[1], RunState.TRAINING, pid=None)
    panel.refresh()
    assert panel.launch.description == "Launch 2 runs"
    panel.options.retries.value = 2
    panel.launch.click()
    panel.task.join(60)
    assert launched == [([run.name for run in collection.runs[2:]], {"retries": 2})]
    assert "2 runs queued" in panel.task.notice.value


def test_more_epochs_are_for_what_is_done(panel, collection, launched):
    for run in collection.runs:
        mark(run, RunState.DONE)
    panel.refresh()
    assert "train afresh, more epochs" in panel._blockers.value
    panel.options.more_epochs.value = 40
    assert panel.launch.description == f"Launch {len(collection.runs)} runs"
    panel.launch.click()
    panel.task.join(60)
    assert launched == [([run.name for run in collection.runs], {"more_epochs": 40})]


def test_what_was_stopped_early_is_counted_and_launched_only_to_go_on(panel, collection, launched):
    mark(collection.runs[0], RunState.STOPPED_EARLY)
    for run in collection.runs[1:]:
        mark(run, RunState.DONE)
    panel.refresh()
    assert "(3 done, 1 stopped early)" in panel._count.value
    assert "all are done, stopped early or under way" in panel._blockers.value
    panel.options.go_on.value = True
    assert panel.launch.description == "Launch 1 run"
    panel.launch.click()
    panel.task.join(60)
    assert launched == [([collection.runs[0].name], {"go_on": True})]


def test_a_sweep_that_is_halved_is_launched_with_what_is_done_of_it(panel, collection, launched):
    mark(collection.runs[0], RunState.DONE)
    panel.refresh()
    panel.options.halving.value = True
    panel.launch.click()
    panel.task.join(60)
    assert launched == [([run.name for run in collection.runs], {"halving": Halving()})]
    assert "3 runs queued" in panel.task.notice.value


def test_launch_takes_only_what_is_selected(panel, collection, launched):
    panel.specs.table.selected = ["all"]
    panel.settings.table.selected = [collection.params[1].param_hash]
    panel.launch.click()
    panel.task.join(60)
    assert launched[0][0] == [collection.find_run("all", collection.params[1]).name]


def test_a_double_click_launches_once(panel, launched, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr("lfads_nb.widgets.panels.runs._prepare", lambda runs, progress: go.wait(20))
    panel.launch.click()
    assert panel.launch.disabled
    panel.launch.click()
    panel.tick()
    assert panel.launch.disabled
    go.set()
    panel.task.join(20)
    assert len(launched) == 1


def test_what_would_crash_is_said_and_launch_is_off(panel, collection):
    collection.add_params(RunParams(spike_bin_ms=2.5, co_dim=0))
    panel.bench.changed()
    assert panel.launch.disabled
    assert "spike_bin_ms" in panel._blockers.value
    panel.settings.table.selected = [collection.params[0].param_hash]
    assert not panel.launch.disabled


def test_an_empty_collection_lists_what_is_missing(collection):
    collection.clear_all()
    panel = RunsPanel(collection)
    assert "no run specs" in panel._blockers.value
    assert "no settings" in panel._blockers.value
    assert panel.launch.disabled


def test_a_failure_while_launching_is_shown(panel, monkeypatch):
    def refuse(self, runs, **options):
        raise QueueError("needs 90 GB, the largest GPU has 24 GB")

    monkeypatch.setattr(RunCollection, "launch", refuse)
    panel.launch.click()
    panel.task.join(60)
    assert "needs 90 GB" in panel.task.notice.value
    assert not panel.launch.disabled


def test_outputs_are_deleted_only_after_a_second_click(panel, collection):
    run = collection.runs[0]
    mark(run, RunState.DONE)
    run.folder.output.mkdir(parents=True)
    panel.refresh()
    panel.delete.click()
    assert run.folder.output.exists()
    assert "1 run?" in panel._confirm_text.value
    panel.keep.click()
    assert panel._confirm.layout.display == "none"
    panel.delete.click()
    panel.confirm.click()
    assert not run.folder.output.exists()


def test_settings_are_compared_and_taken_back_into_the_form(bench, collection):
    edited = []
    panel = RunsPanel(bench, on_edit=edited.append)
    panel.settings.table.selected = [p.param_hash for p in collection.params]
    panel.settings.compare.click()
    assert [row["cells"] for row in panel.settings.differences.rows] == [
        {"name": "factors_dim", "a": "2", "b": "4"}
    ]
    panel.settings.table.selected = [collection.params[1].param_hash]
    panel.settings.edit.click()
    assert edited == [collection.params[1]]
    panel.settings.remove.click()
    assert len(collection.params) == 1


def test_only_what_varies_is_in_the_table(collection):
    assert shared_values(collection.params) == {
        "spike_bin_ms": 4.0, "batch_size": 3, "co_dim": 0,
    }  # fmt: skip
    assert shared_values(collection.params[:1]) == {}


def test_options_are_those_that_differ_from_the_defaults():
    options = LaunchOptions()
    assert options.values() == {}
    options.gpu_list.value, options.shared.value = "0, 2", True
    options.at_once.value, options.memory.value = "3", "4000"
    assert options.values() == {
        "gpu_list": [0, 2], "max_tasks_simultaneously": 3, "gpu_memory_required": 4000.0,
        "one_task_per_gpu": False,
    }  # fmt: skip


def test_halving_is_asked_for_in_the_fields_that_it_opens():
    options = LaunchOptions()
    assert options._halving_row.layout.display == "none"
    options.halving.value = True
    assert options._halving_row.layout.display == ""
    options.factor.value, options.first_rung.value, options.score.value = 4, "120", "co_bps"
    assert options.values() == {"halving": Halving(4, 120, "co_bps")}
    options.first_rung.value = "soon"
    with pytest.raises(QueueError, match="First look"):
        options.values()


@pytest.mark.parametrize(("box", "text"), [("gpu_list", "all"), ("at_once", "0"), ("memory", "x")])
def test_bad_options_are_said_in_words(box, text):
    options = LaunchOptions()
    getattr(options, box).value = text
    with pytest.raises(QueueError):
        options.values()


def test_settings_as_advised_are_added_by_a_click(panel, collection):
    before = list(collection.params)
    assert panel.advice.buttons
    panel.advice.buttons[0].click()
    added = [params for params in collection.params if params not in before]
    assert len(added) == len(before)
    assert "added" in panel.notice.value


def test_a_trained_setting_that_was_removed_is_put_back_with_a_click(panel, collection):
    gone = collection.params[0].param_hash
    collection.runs[0].folder.path.mkdir(parents=True, exist_ok=True)
    collection.runs[0].folder.done.touch()
    mark(collection.runs[0], RunState.DONE)
    panel.refresh()
    panel.settings.table.selected = [gone]
    panel.settings.remove.click()
    assert "1 run of them had been trained" in panel.settings.notice.value
    assert gone not in [params.param_hash for params in collection.params]
    panel.settings.put_back.click()
    assert gone in [params.param_hash for params in RunCollection.load(collection.path).params]
    states = {row["id"]: row["cells"]["s_single_dataset001"] for row in panel.settings.table.rows}
    assert states[gone]["text"] == "done"
    assert panel.settings.put_back.layout.display == "none"


def test_run_specs_that_were_removed_are_put_back_with_their_runs(panel, collection):
    done = collection.runs[0]
    done.folder.path.mkdir(parents=True, exist_ok=True)
    done.folder.done.touch()
    mark(done, RunState.DONE)
    panel.refresh()
    before = [spec.name for spec in collection.run_specs]
    panel.specs.table.selected = [done.spec.name]
    panel.specs.remove.click()
    assert done.spec.name not in [spec.name for spec in collection.run_specs]
    panel.specs.put_back.click()
    names = [spec.name for spec in RunCollection.load(collection.path).run_specs]
    assert sorted(names) == sorted(before)
    rows = {row["id"]: row["cells"] for row in panel.specs.table.rows}
    assert "1 done" in rows[done.spec.name]["runs"]
    assert panel.specs.put_back.layout.display == "none"


def test_a_run_spec_is_not_put_back_over_another_one_of_its_name(panel, collection):
    panel.specs.table.selected = ["all"]
    panel.specs.remove.click()
    panel.specs.stitched.click()
    panel.specs.put_back.click()
    assert "there is another run spec all" in panel.specs.notice.value
    assert [spec.name for spec in collection.run_specs].count("all") == 1


def test_what_was_said_of_one_collection_is_not_said_of_another(panel, bench, tmp_path):
    panel.task.notice.say("success", "2 runs queued.")
    panel.settings.notice.say("info", "1 setting removed.")
    bench.create(tmp_path / "runs", "never_launched", tmp_path / "datasets")
    assert panel.task.notice.value == panel.settings.notice.value == ""
    assert "Launch is off" in panel._blockers.value


def test_a_message_ends_with_the_next_action(panel, collection):
    panel.task.notice.say("success", "2 runs queued.")
    mark(collection.runs[0], RunState.DONE)
    panel.refresh()
    panel.delete.click()
    panel.confirm.click()
    assert panel.task.notice.value == ""
    assert "deleted" in panel.notice.value
