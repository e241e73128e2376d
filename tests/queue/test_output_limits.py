"""A run that prints without end makes neither a report that nobody can open nor a full disk."""

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_output

from lfads_nb.queue import server
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.output_limits import (
    MAX_LOG,
    MAX_SERVICE_LOG,
    CellOutputs,
    shorten_log,
    shorten_text,
)
from lfads_nb.queue.status import RunState, read_status
from tests.queue.tiny_runs import start_runner, write_template


def printed(text):
    return new_output("stream", name="stdout", text=text)


def shown(text):
    return new_output("display_data", data={"text/html": text})


def test_the_first_and_the_latest_stay_and_a_note_says_how_much_is_gone():
    outputs = []
    limits = CellOutputs(outputs, max_text=100, max_shown=100)
    for number in range(1000):
        outputs.append(printed(f"line {number:4}\n"))
        limits.added(outputs[-1])
    texts = [output.text for output in outputs]
    assert texts[:2] == ["line    0\n", "line    1\n"]
    assert texts[-1] == "line  999\n"
    assert "0.0 MB of output were left out" in texts[2]
    assert len(texts) <= 11


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=80))
def test_whatever_is_shown_stays_in_order_and_is_found_in_its_new_place(kinds):
    outputs, places = [], {}
    limits = CellOutputs(outputs, max_text=100, max_shown=200)
    for number, (is_text, size) in enumerate(kinds):
        text = f"{number:03} {'x' * size}"
        output = printed(text) if is_text else shown(text)
        outputs.append(output)
        places[number] = len(outputs) - 1
        moved = limits.added(output)
        if moved:
            places = {n: moved[place] for n, place in places.items() if place in moved}
        said = [o.text if o.output_type == "stream" else o.data["text/html"] for o in outputs]
        assert all(int(said[place][:3]) == n for n, place in places.items())
        assert sorted(places.values()) == list(places.values())
        assert sum(len(o.text) for o in outputs if o.output_type == "stream") < 100 + 60
        assert sum(len(o.data["text/html"]) for o in outputs if "data" in o) <= 200


def test_errors_are_never_left_out():
    outputs = [new_output("error", ename="E", evalue="x" * 500, traceback=[])]
    limits = CellOutputs(outputs, max_text=10, max_shown=10)
    limits.added(outputs[0])
    outputs.append(shown("x" * 20))
    limits.added(outputs[-1])
    assert outputs[0].output_type == "error"


def test_a_long_text_and_a_long_log_keep_both_ends(tmp_path):
    text = shorten_text("a" * 300 + "b" * 300, most=100)
    assert text.startswith("a" * 50)
    assert text.endswith("b" * 50)
    assert len(text) < 150
    log = tmp_path / "lfads.out"
    log.write_text("first\n" + "x" * 1000 + "\nlast")
    with log.open("a") as other:  # as the processes of the run do
        assert not shorten_log(log, most=2000)
        assert shorten_log(log, most=100)
        other.write(" word")
    assert log.read_text().startswith("first\n")
    assert log.read_text().endswith("\nlast word")
    assert "were left out" in log.read_text()
    assert log.stat().st_size < 120
    link = tmp_path / "link"
    link.symlink_to(log)
    assert not shorten_log(link, most=10)
    assert not shorten_log(tmp_path / "missing")


FLOOD = """
import os, subprocess, sys
from IPython.display import display
def train(run, params, datasets):
    progress = display('nothing yet', display_id=True)
    for i in range(60): print('x' * 1_000_000, flush=True)
    progress.update('all of it')
    subprocess.run([sys.executable, '-c', 'for i in range(400): print("y" * 100_000)'])
    print('the end')
run_stage(run_dir, 'training', train)
"""


@pytest.mark.processes
def test_a_run_that_floods_its_report_and_its_log(folder, tmp_path):
    runner = start_runner(folder, write_template(tmp_path / "t.ipynb", training=FLOOD))
    assert runner.wait(timeout=100) == 0
    assert read_status(folder).state is RunState.DONE
    assert folder.notebook.stat().st_size < 10_000_000
    assert folder.log.stat().st_size < MAX_LOG + 1000
    said = nbformat.read(folder.notebook, as_version=4).cells[4].outputs
    assert said[0].data["text/plain"] == "'all of it'"
    printed = [output.text for output in said if output.output_type == "stream"]
    assert printed[-1].endswith("the end\n")
    shown = [output.data["text/plain"] for output in said if output.output_type == "display_data"]
    assert "training: done" in shown
    assert any("left out" in output.get("text", "") for output in said)


def test_the_log_of_a_server_in_trouble_for_weeks_stays_short(tmp_path):
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})
    home.log.write_bytes(b"first\n" + b"trouble\n" * (3 * MAX_SERVICE_LOG // 8) + b"latest\n")
    clock = iter(range(100))
    one = server.QueueServer(home, clock=lambda: float(next(clock)))
    one._keep_log_short()
    content = home.log.read_bytes()
    assert len(content) < MAX_SERVICE_LOG
    assert content.startswith(b"first\n")
    assert content.endswith(b"latest\n")
    assert b"were left out here" in content
