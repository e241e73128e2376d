"""All of our JSON files, changed at random: only our own exceptions, and never a broken table.

Whatever one run's files hold, every other run keeps its row, its name stays inside the folder, and
nothing that is shown holds what a terminal obeys.
"""

import contextlib
import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lfads_nb.datasets import DatasetCollection, write_counts
from lfads_nb.errors import LfadsError, RunFolderError
from lfads_nb.plain_text import check_name, plain_text
from lfads_nb.queue import Queue
from lfads_nb.queue.batches import Batch, LaunchOptions
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.memory import MemoryBook
from lfads_nb.queue.progress_view import show_progress
from lfads_nb.queue.run_lock import lock_path, read_holder
from lfads_nb.queue.server import QueueServer
from lfads_nb.queue.status import RunState, local_now, move_status, read_status
from lfads_nb.results import compare
from lfads_nb.results.report_files import save_figures, write_html
from lfads_nb.results.run_view import RunView
from lfads_nb.sweep import RunCollection, RunParams, RunSpec
from lfads_nb.widgets.bench import Bench
from lfads_nb.widgets.panels.queue_rows import describe_runs, note_of, queue_row
from lfads_nb.widgets.script import script_of
from tests.sweep.conftest import small_counts

DEEP: list = []
for _ in range(500):
    DEEP = [DEEP]

HOSTILE = [
    None, True, -1, 0, 10**30, 2**63, 1e308, float("inf"), float("-inf"), float("nan"), "", "\0",
    "../../x", "/etc/passwd", "~nobody-at-all/x", "\u202egnp.exe", "\x1b]0;title\x07\x1b[31mred",
    "<script>alert(1)</script>", "os:system", "lfads_nb.cli:program", "x" * 70_000, "a:b:c", "$(x)",
    [], {}, [None], [[]], {"a": {}}, {"": None}, DEEP, "2020-01-01T00:00:00", "9999-99-99",
    [1, "a"],
    {"function": "os:system", "keywords": {"x": 1}, "was": "x"},
]  # fmt: skip
hostile = st.sampled_from(HOSTILE) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


def places(content, at=()):
    """Every place in a JSON value, the whole first."""
    yield at
    items = content.items() if isinstance(content, dict) else ()
    items = enumerate(content) if isinstance(content, list) else items
    for key, value in items:
        yield from places(value, (*at, key))


def changed(content, at, value, how):
    if not at:
        return value
    content = copy.deepcopy(content)
    inside = content
    for key in at[:-1]:
        inside = inside[key]
    if how == "drop":
        del inside[at[-1]]
    elif how == "rename" and isinstance(inside, dict):
        inside[f"{at[-1]}\u202e\x1b[2J"] = inside.pop(at[-1])
    else:
        inside[at[-1]] = value
    return content


@st.composite
def changes(draw, content):
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.sampled_from(list(places(content))))
        how = draw(st.sampled_from(["set", "set", "set", "drop", "rename"]))
        content = changed(content, at, draw(hostile), how)
    return content


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A collection of two runs that have statuses, and its files as they were."""
    return make_original(tmp_path_factory.mktemp("hostile"))


def make_original(root):
    write_counts(root / "datasets" / "a.h5", small_counts())
    datasets = DatasetCollection(root / "datasets", name="small")
    datasets.add("a.h5", comment="a comment")
    collection = RunCollection(root / "runs", "example", datasets, comment="a comment")
    collection.add_params(
        RunParams(spike_bin_ms=4, batch_size=3, co_dim=0).sweep(factors_dim=[2, 4])
    )
    collection.add_run_spec(RunSpec("single_a", datasets, ["a"]))
    collection.runs[0].comment = "a comment"
    collection.prepare()
    figures = {"epoch": 3, "total_train": 3.0, "total_valid": 4.0, "learning_rate": 0.1}
    for run in collection:
        move_status(
            run.folder, RunState.TRAINING, stage="training", pid=1, pid_started=2.0, host="away",
            progress={**figures, "fraction": 0.5, "eta_s": 70.0, "extra": {"bits": 1.0}},
            peak_memory_mb=100.0,
        )  # fmt: skip
    return collection


@contextlib.contextmanager
def written(path, content):
    before = path.read_bytes() if path.exists() else None
    path.write_text(json.dumps(content), encoding="utf-8")
    try:
        yield
    finally:
        path.unlink() if before is None else path.write_bytes(before)


def is_plain(text):
    return plain_text(text) == text


def look_at_all_of(path, n_least):
    """Do what a person does with a collection that they have been given."""
    collection = RunCollection.load(path, all_runs=True)
    table = collection.status_table()
    assert len(table) == len(collection) >= n_least
    assert is_plain(repr(collection))
    collection._repr_html_()
    collection.dataset_collection._repr_html_()
    assert len(collection.dataset_collection.info_table()) == len(collection.dataset_collection)
    assert len(compare(collection.runs)) == len(collection)
    compile(script_of(collection), "script", "exec")
    for run in collection:
        assert run.folder.path.resolve().is_relative_to(path.resolve())
        check_name(run.spec.name, "run spec")
    queue = Queue([run.folder for run in collection], names=[run.name for run in collection])
    with show_progress(queue.names) as view:
        view.update(queue.states(), [""] * len(collection))
    assert all(map(is_plain, table["reason"]))
    return collection


look = settings(
    max_examples=120,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.slow
@look
@given(data=st.data())
def test_a_status_of_any_content_is_a_row_and_no_other_run_is_touched(original, data):
    first, second = original.runs
    content = json.loads(first.folder.status_json.read_text())
    with written(first.folder.status_json, data.draw(changes(content))):
        status = read_status(first.folder)
        assert is_plain(status.reason + status.detail + status.stage + status.device)
        line = describe_runs([first])[first.name]
        queue_row(line, status, spark=(), note=note_of(status, ""), now=local_now())
        look_at_all_of(original.path, 2)
        assert original.status_table().loc[second.name, "epoch"] == 3
        RunView.of(first.folder).training_seconds()


@pytest.mark.slow
@look
@given(data=st.data())
def test_a_run_json_of_any_content_leaves_the_rest_of_the_collection_alone(original, data):
    run = original.runs[0]
    content = json.loads(run.folder.run_json.read_text())
    with written(run.folder.run_json, data.draw(changes(content))):
        look_at_all_of(original.path, 2)
        with contextlib.suppress(LfadsError):
            view = RunView.of(run.folder)
            assert "/" not in view.name
            assert is_plain(view.name)
        with contextlib.suppress(LfadsError):
            save_figures(run.folder, original.root / "pictures")
        with contextlib.suppress(LfadsError):
            write_html(run.folder)
    assert {path.name for path in original.root.iterdir()} <= {"example", "pictures"}


@pytest.mark.slow
@look
@given(data=st.data())
def test_a_collection_of_any_content_opens_or_says_why_not(original, data):
    content = json.loads(original.folder.json.read_text())
    summary = original.folder.summary.read_bytes()
    with written(original.folder.json, data.draw(changes(content))):
        try:
            collection = look_at_all_of(original.path, 0)
        except RunFolderError:
            return
        # What could not be used is still there after it was saved.
        collection.save()
        n_kept = len(collection.params) + sum(p.section == "params" for p in collection.left_out)
        assert len(json.loads(original.folder.json.read_text())["params"]) == n_kept
        original.folder.summary.write_bytes(summary)


@settings(look, max_examples=10)
@given(data=st.data())
def test_what_a_form_left_behind_may_be_anything(original, data):
    draft = {"tab": "Queue", "folder": "/tmp", "parameters": {"values": {}, "mode": "grid"}}
    with written(original.path / ".bench.json", data.draw(changes(draft))):
        from lfads_nb.widgets.panels.datasets import DatasetsPanel
        from lfads_nb.widgets.panels.parameters import ParametersPanel

        bench = Bench(RunCollection.load(original.path))
        with contextlib.suppress(LfadsError):
            DatasetsPanel(bench)
        ParametersPanel(bench)


@settings(look, max_examples=40)
@given(data=st.data())
def test_the_queues_own_files_may_be_damaged(original, tmp_path_factory, data):
    home = QueueHome(tmp_path_factory.mktemp("home"))
    home.make()
    run = original.runs[0]
    batch = Batch.new([run.folder.path], LaunchOptions())
    batch.save(home)
    path = home.batches / f"{batch.key}.json"
    path.write_text(json.dumps(data.draw(changes(json.loads(path.read_text())))))
    Batch.load(path)
    files = {
        home.held_json: {"paused": True, "runs": [str(run.folder.path)]},
        home.news_json: {"paused": False, "problem": "", "waits": {str(run.folder.path): "x"}},
        home.server_json: {"pid": 1, "started": 2.0, "host": "here", "python": "x"},
        home.memory_json: {"gpu-1-2": 100.0},
    }
    for file, content in files.items():
        file.write_text(json.dumps(data.draw(changes(content))))
    home.server_process()
    MemoryBook(home)
    QueueServer(home)
    Queue([run.folder], home=home).status()
    holder = {"pid": 1, "started": 2.0, "host": "here", "attempt": "x"}
    with written(lock_path(run.folder), data.draw(changes(holder))):
        read_holder(run.folder)


@given(st.text())
def test_plain_text_has_nothing_that_a_terminal_obeys(text):
    plain = plain_text(f"\x1b[2J{text}\x9b31m\u202e")
    assert not set(plain) & set("\x1b\x9b\x07\r\u202e\u2066\0")
    assert plain_text(plain) == plain
    json.dumps(plain, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "name", ["../../x", "a\u202eb", "a\x1bb", "a\x9bb", "a\u200bb", "\ud800", 3, ""]
)
def test_names_that_mislead_or_lead_out_are_refused(name):
    with pytest.raises(LfadsError, match="cannot name a run spec"):
        check_name(name, "run spec")
