import json
import os
import re
import subprocess
import sys

import numpy as np
import psutil
import pytest
from typer.testing import CliRunner

from lfads_nb.cli import program
from lfads_nb.consent import consents
from lfads_nb.datasets import Counts, DatasetCollection, write_counts
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.status import RunState, move_status, read_status
from lfads_nb.shipped_files import copy_notebooks, shipped_folder
from lfads_nb.sweep import Population, RunCollection, RunParams, RunSpec
from tests.queue.tiny_runs import marked_processes, wait_for
from tests.widgets.conftest import small_counts


@pytest.fixture
def collection(tmp_path):
    rng = np.random.default_rng(0)
    write_counts(tmp_path / "data" / "d.h5", Counts.from_bins(rng.poisson(1, (10, 8, 3)), 1.0))
    datasets = DatasetCollection(tmp_path / "data")
    datasets.add("d.h5")
    rc = RunCollection(tmp_path / "runs", "with [markup] in it", datasets)
    rc.add_params(RunParams(spike_bin_ms=1, batch_size=2).sweep(factors_dim=[2, 3]))
    rc.add_run_spec(RunSpec("s", datasets, [0]))
    rc.prepare()
    return rc


def call(*arguments):
    return CliRunner().invoke(program, [str(a) for a in arguments])


def test_help_names_every_command():
    result = call("--help")
    assert result.exit_code == 0
    for name in (
        "demo",
        "run",
        "queue",
        "status",
        "cancel",
        "retry",
        "go-on",
        "bring-back",
        "pause",
        "resume",
        "sample",
        "prior",
        "autolfads",
        "report",
        "trust",
        "lab",
        "app",
    ):
        assert name in result.output


def test_info_says_what_files_hold_or_what_it_takes_to_open_them(tmp_path):
    write_counts(tmp_path / "day1.h5", small_counts())
    np.savez(tmp_path / "day2.npz", spikes=np.ones((6, 5, 3), int), bin_ms=5)
    (tmp_path / "notes.txt").write_text("no spikes")
    (tmp_path / "cut.h5").write_bytes((tmp_path / "day1.h5").read_bytes()[:900])
    shown = call("info", tmp_path)
    assert shown.exit_code == 0, shown.output
    assert "day1.h5" in shown.output
    assert "NumPy" in shown.output
    assert "200" in shown.output  # spikes/s: one in each bin of 5 ms
    said = [line for line in shown.output.splitlines() if line.startswith("!")]
    assert len(said) == 2
    assert any("notes.txt" in line and "Pass a loader" in line for line in said)
    assert any("cut.h5" in line for line in said)
    alone = call("info", tmp_path / "notes.txt", tmp_path / "gone.mat")
    assert alone.exit_code == 1
    assert "gone.mat cannot be read: No such file" in alone.output
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no files in" in call("info", empty).output


def test_status_of_a_prepared_collection(collection):
    result = call("status", collection.path)
    assert result.exit_code == 0
    assert result.output.count("prepared") == 2


def test_status_lists_populations_too(collection):
    population = Population(collection.params[0], members=3)
    collection.clear_params()
    collection.add_population(population)
    collection.save()
    result = call("status", collection.path)
    assert result.exit_code == 0
    assert population.population_name in result.output
    assert "new" in result.output


def test_status_for_programs(collection):
    rows = json.loads(call("status", collection.path, "--json").stdout)
    assert [row["state"] for row in rows] == ["prepared", "prepared"]
    assert rows[0]["run"] == collection.runs[0].name


@pytest.mark.parametrize("command", ["status", "queue"])
def test_a_folder_that_is_no_collection_is_one_line_not_a_traceback(tmp_path, command):
    result = call(command, tmp_path)
    assert result.exit_code == 1
    assert "not the folder of a run collection" in result.stderr
    assert "Traceback" not in result.output + result.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["status", "{file}"], "Not a directory"),
        (["run", "{file}"], "Not a directory"),
        (["run", "{run}", "--device", "99"], "no device '99'"),
        (["report", "{run}", "--output", "/proc/x.html"], "run.ipynb is missing"),
        (
            ["sweep-report", "{collection}", "--output", "{file}/x.html"],
            "Not a directory|File exists",
        ),
        (["app", "{file}", "--no-browser"], "is no folder"),
        (["infer", "{run}", "{file}"], "is empty"),
        (["sample", "{file}"], "Not a directory|holds no"),
        (["nlb", "{file}"], "not the folder of a run"),
    ],
)
def test_whatever_a_command_cannot_use_is_one_sentence(collection, tmp_path, arguments, why):
    (tmp_path / "file").touch()
    places = {
        "file": tmp_path / "file", "run": collection.runs[0].folder.path,
        "collection": collection.path,
    }  # fmt: skip
    result = call(*(argument.format(**places) for argument in arguments))
    assert result.exit_code == 1
    assert re.search(f"Error: .*({why})", result.stderr)
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
@pytest.mark.parametrize(
    "arguments",
    [["status", "{place}", "--json"], ["queue", "{place}", "--detach"], ["run", "{run}"]],
)
def test_a_folder_whose_name_is_not_utf8_is_told_in_one_sentence(collection, tmp_path, arguments):
    root = os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller")
    run = collection.runs[0].folder.path.relative_to(collection.root)
    os.rename(collection.root, root)
    places = {"place": f"{root}/{collection.name}", "run": f"{root}/{run}"}
    result = call(*(argument.format(**places) for argument in arguments))
    assert result.exit_code == 1
    said = [line for line in result.stderr.splitlines() if "Error:" in line]
    assert len(said) == 1
    assert "not UTF-8 text" in said[0]
    assert "convmv" in said[0]


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
def test_where_the_locale_is_to_blame_the_advice_is_about_the_locale(tmp_path):
    place = tmp_path / "Müller"
    place.mkdir()
    environment = {
        **os.environ, "LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"
    }  # fmt: skip
    code = "from lfads_nb.cli import program; program()"
    command = [sys.executable, "-c", code, "run", os.fsencode(place)]
    ended = subprocess.run(command, env=environment, capture_output=True, timeout=60)
    assert ended.returncode == 1
    assert b"PYTHONUTF8=1" in ended.stderr
    assert b"convmv" not in ended.stderr


def test_runs_are_cancelled_and_paused_by_what_they_are_called(collection, monkeypatch, tmp_path):
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    for run in collection.runs:
        move_status(run.folder, RunState.QUEUED)
    first, second = collection.runs
    assert call("pause", collection.path, first.name).exit_code == 0
    requests = [json.loads(p.read_text()) for p in QueueHome.find().inbox.iterdir()]
    assert requests == [{"verb": "pause", "runs": [str(first.folder.path)]}]
    assert call("cancel", collection.path, first.params.param_name).exit_code == 0
    assert [run.status().state.value for run in (first, second)] == ["cancelled", "queued"]
    assert call("cancel", collection.path).exit_code == 0
    assert second.status().state is RunState.CANCELLED
    wrong = call("cancel", collection.path, "nobody")
    assert wrong.exit_code == 1
    assert "no run nobody" in wrong.stderr


def test_what_a_failed_rerun_had_set_aside_is_brought_back(collection, monkeypatch, tmp_path):
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    run = collection.runs[0]
    run.folder.earlier_output.mkdir()
    move_status(run.folder, RunState.QUEUED)
    move_status(run.folder, RunState.FAILED)
    assert run.name in call("bring-back", collection.path).output
    assert run.is_done
    again = call("bring-back", collection.path)
    assert again.exit_code == 1
    assert "nothing to bring back" in again.stderr


def test_options_of_a_launch_that_cannot_work_are_told(collection, monkeypatch, tmp_path):
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    told = {
        "--sample-only": "not trained yet",
        "--rerun --more-epochs=3": "rerun and more_epochs exclude each other",
        "--memory=1e8": "can never start here",
        "--cluster=nowhere": "no address of a dask scheduler",
        "--gpu=77": "gpu_list asks for GPU 77",
    }
    for option, message in told.items():
        result = call("queue", collection.path, *option.split())
        assert result.exit_code == 1
        assert message in result.stderr
    assert {run.status().state for run in collection.runs} == {RunState.PREPARED}


def test_notebooks_are_copied_once(tmp_path):
    copy_notebooks(tmp_path)
    notebook = tmp_path / "quickstart.ipynb"
    notebook.write_text("mine")
    copy_notebooks(tmp_path)
    assert notebook.read_text() == "mine"


def test_templates_are_found():
    assert (shipped_folder("templates") / "run.ipynb").exists()


@pytest.mark.processes
def test_a_run_ends_with_the_command_that_started_it(collection):
    folder = collection.runs[0].folder
    code = "from lfads_nb.cli import program; program()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "run", str(folder.path)], stdout=subprocess.DEVNULL
    ) as command:
        wait_for(lambda: read_status(folder).pid is not None)
        command.kill()
    wait_for(lambda: not marked_processes(folder))
    assert collection.runs[0].status().state is RunState.INTERRUPTED


def test_decode_says_what_it_cannot_read(tmp_path):
    result = CliRunner().invoke(program, ["decode", str(tmp_path), "hand_vel"])
    assert result.exit_code == 1
    assert "Traceback" not in result.output


@pytest.mark.processes
@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_lab_that_is_told_to_end_leaves_no_jupyterlab_behind(tmp_path):
    environment = {**os.environ, "BROWSER": "true", "JUPYTER_RUNTIME_DIR": str(tmp_path / "run")}
    lab = subprocess.Popen(
        [sys.executable, "-m", "lfads_nb", "lab", str(tmp_path / "work")], env=environment,
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: list((tmp_path / "run").glob("jpserver-*.json")), timeout=60)
    lab.terminate()
    assert lab.wait(timeout=90) is not None
    left = [p for p in psutil.process_iter() if _session_of(p.pid) == lab.pid]
    assert not left


def _session_of(pid):
    try:
        return os.getsid(pid)
    except OSError:
        return None


def test_autolfads_says_what_it_would_search_and_does_nothing(tmp_path):
    datasets = DatasetCollection(tmp_path / "data")
    write_counts(tmp_path / "data" / "one.h5", small_counts(100, 200, 20))
    datasets.add("one.h5")
    rc = RunCollection(tmp_path / "runs", "auto", datasets)
    rc.save()
    without = CliRunner().invoke(program, ["autolfads", str(rc.path), "--dry-run"])
    assert without.exit_code == 1
    assert "has no run specs" in without.output
    rc.add_run_spec(RunSpec("one", datasets, [0]))
    rc.save()
    answer = CliRunner().invoke(
        program, ["autolfads", str(rc.path), "--dry-run", "--members", "6", "--no-controller"]
    )
    assert answer.exit_code == 0, answer.output
    assert "6 members x up to 50 generations" in answer.output
    assert "batch_size 16: 80 training trials" in answer.output
    assert "at most about" in answer.output
    assert RunCollection.load(rc.path).populations == []
    wrong = CliRunner().invoke(program, ["autolfads", str(rc.path), "--score", "luck"])
    assert wrong.exit_code == 1


def test_trust_shows_the_code_asks_and_can_be_taken_back(collection, tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    module = tmp_path / "site" / "their_lab.py"
    module.write_text("def load(path): raise RuntimeError('ran')\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    content = json.loads(collection.folder.json.read_text())
    stored = {"function": "their_lab:load", "keywords": {}, "was": "load"}
    content["dataset_collection"]["datasets"][0]["loader"] = stored
    collection.folder.json.write_text(json.dumps(content))

    asked = CliRunner().invoke(program, ["trust", str(collection.path)], input="n\n")
    assert asked.exit_code == 1
    assert f"their_lab:load in {module}" in asked.stdout
    assert not consents(collection.path)
    answered = CliRunner().invoke(program, ["trust", str(collection.path)], input="y\n")
    assert answered.exit_code == 0
    assert [c.reference for c in consents(collection.path)] == ["their_lab:load"]
    assert "Nothing to ask" in call("trust", collection.path).stdout
    assert call("trust", collection.path, "--forget").exit_code == 0
    assert not consents(collection.path)


def test_nothing_that_a_terminal_obeys_reaches_it(collection):
    """Reasons, names and messages come from files that anybody may have written."""
    evil = "\x1b]0;owned\x07\x1b[31mred\u202e\x9b2J"
    run = collection.runs[0]
    move_status(run.folder, RunState.QUEUED)
    status = json.loads(run.folder.status_json.read_text())
    status |= {"state": "failed", "reason": evil, "stage": evil, "device": evil}
    run.folder.status_json.write_text(json.dumps(status))
    stray = collection.path / "param_ABCDEF" / "stray"
    stray.mkdir(parents=True)
    (stray / "run.json").write_text(json.dumps({"schema": evil}))
    for command in (["status"], ["status", "--json"], ["-v", "status"], ["cancel"], ["report"]):
        done = call(*command, stray if command == ["report"] else collection.path)
        shown = done.stdout + done.stderr
        assert not {"\x07", "\x9b", "\u202e"} & set(shown)
        assert "\x1b]" not in shown
        assert "\x1b[31mred" not in shown
