"""A collection that names code of its own, as somebody sees it who received it."""

import json
import sys

import pytest

from lfads_nb import consent, own_code
from lfads_nb.sweep import RunCollection
from lfads_nb.widgets.application import App
from lfads_nb.widgets.bench import Bench
from lfads_nb.widgets.panels.trust_question import TrustQuestion
from lfads_nb.widgets.script import script_of

LAB = """
from lfads_nb.datasets import Dataset, read_counts
from lfads_nb.sweep import Run, RunParams, param
def load(path): return read_counts(path)
class OwnParams(RunParams):
    speed: float = param(1.0, "how fast", group="data", affects="data", ge=0)
class OwnRun(Run): pass
class OwnDataset(Dataset): pass
"""


@pytest.fixture
def received(collection, tmp_path, monkeypatch):
    """The collection names a loader and classes of a module on this user's path."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "their_lab.py").write_text(LAB)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    path = collection.folder.json
    content = json.loads(path.read_text())
    first, second = content["dataset_collection"]["datasets"][:2]
    first["loader"] = {"function": "their_lab:load", "keywords": {}, "was": "load"}
    second |= {"class": "their_lab:OwnDataset", "class_was": "OwnDataset"}
    content["params"][0] |= {
        "params_class": "their_lab:OwnParams", "param_hash": "abc123", "data_hash": "def456",
    }  # fmt: skip
    content["params"][0]["params"]["speed"] = 3.0
    content["run_specs"][0]["run_class"] = "their_lab:OwnRun"
    path.write_text(json.dumps(content))
    yield collection.path
    own_code._handed_over.clear()


def test_the_bench_asks_with_the_references_and_files_shown(received, tmp_path):
    bench = Bench(RunCollection.load(received))
    question = TrustQuestion(bench)
    shown = question.question.value
    for reference in ("load", "OwnParams", "OwnRun", "OwnDataset"):
        assert f"their_lab:{reference} in {tmp_path / 'site' / 'their_lab.py'}" in shown
    assert not question.yes.disabled
    question.yes.click()
    assert "Trusted for this folder" in question.answer.value
    assert question.question.value == ""
    assert type(bench.collection.params[0]).__name__ == "OwnParams"
    assert bench.collection.dataset_collection["dataset001"].load_counts().n_trials == 20
    # asked once: another session opens it as it is
    own_code._handed_over.clear()
    assert TrustQuestion(Bench(RunCollection.load(received))).question.value == ""
    assert len(consent.consents(received)) == 4


def test_who_does_not_trust_it_sees_everything_else(received):
    bench = Bench(RunCollection.load(received))
    app = App(bench)
    try:
        for name in ("Datasets", "Parameters", "Runs", "Queue", "Results"):
            app.show_tab(name)
        assert "not run" in app.bar.trust.question.value
        problems = bench.collection.dataset_collection.info_table()["problem"]
        assert "not trusted" in problems["dataset001"]
        assert problems["dataset003"] == ""
        app.bar.trust.no.click()
        assert app.bar.trust.question.value == ""
        bench.changed()  # saved by a click elsewhere, and not asked again
        assert app.bar.trust.question.value == ""
    finally:
        bench.close()
    stored = json.loads((received / "collection.json").read_text())
    assert stored["params"][0]["params_class"] == "their_lab:OwnParams"
    assert stored["run_specs"][0]["run_class"] == "their_lab:OwnRun"
    datasets = stored["dataset_collection"]["datasets"]
    assert datasets[0]["loader"]["function"] == "their_lab:load"
    assert datasets[1]["class"] == "their_lab:OwnDataset"
    assert not consent.consents(received)


def test_code_whose_file_is_not_found_cannot_be_trusted_by_a_click(received, tmp_path):
    (tmp_path / "site" / "their_lab.py").unlink()
    question = TrustQuestion(Bench(RunCollection.load(received)))
    assert "whose file cannot be found" in question.question.value
    assert question.yes.disabled


def test_the_script_follows_once_its_code_is_trusted(received, monkeypatch):
    monkeypatch.delitem(sys.modules, "their_lab", raising=False)
    code = script_of(RunCollection.load(received))
    compile(code, "script", "exec")
    assert "not trusted" in code
    assert "their_lab" not in code
    bench = Bench(RunCollection.load(received))
    bench.trust(bench.untrusted_code())
    code = script_of(bench.collection)
    compile(code, "script", "exec")
    assert "from their_lab import OwnParams" in code
    assert "from their_lab import load" in code
