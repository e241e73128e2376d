"""Opening a folder never runs code that it names; what the user knows runs, where they said so."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lfads_nb import consent, own_code, register
from lfads_nb.datasets import Counts, Dataset, DatasetCollection, write_counts
from lfads_nb.errors import CollectionError, RunFolderError, UntrustedCodeError
from lfads_nb.own_code import find_code, look_at, trust
from lfads_nb.sweep import Run, RunCollection, RunParams, RunSpec
from lfads_nb.sweep.collection_file import code_named_in
from tests.sweep.conftest import small_counts

MODULE = """
from pathlib import Path
Path({witness!r}).write_text("ran")
from lfads_nb.datasets import Dataset, read_counts
from lfads_nb.sweep import Run, RunParams, param
import os

def load(path): return read_counts(path)
class OwnParams(RunParams):
    speed: float = param(1.0, "how fast", group="data", affects="data", ge=0)
class OwnDataset(Dataset):
    def load_counts(self): return read_counts(self.path).select_trials(slice(0, 10))
class OwnRun(Run):
    pass
class NoParams:
    def __init__(self, **values): Path({witness!r}).write_text("made")
"""


@pytest.fixture
def witness(tmp_path):
    return tmp_path / "witness"


@pytest.fixture
def lab(tmp_path, witness, monkeypatch):
    """A module of the user's own, on their Python path."""
    place = tmp_path / "site"
    place.mkdir()
    (place / "own_lab.py").write_text(MODULE.format(witness=str(witness)))
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.delitem(sys.modules, "own_lab", raising=False)
    yield place / "own_lab.py"
    sys.modules.pop("own_lab", None)


@pytest.fixture
def collection(tmp_path):
    write_counts(tmp_path / "datasets" / "a.h5", small_counts())
    datasets = DatasetCollection(tmp_path / "datasets", name="small")
    datasets.add("a.h5")
    rc = RunCollection(tmp_path / "runs", "example", datasets)
    rc.add_params(RunParams(spike_bin_ms=4, batch_size=3, co_dim=0))
    rc.add_run_spec(RunSpec("single_a", datasets, ["a"]))
    rc.prepare()
    return rc


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def name_loader(collection, reference, **keywords):
    def change(content):
        stored = {"function": reference, "keywords": keywords, "was": "load"}
        content["dataset_collection"]["datasets"][0]["loader"] = stored

    edit(collection.folder.json, change)


@pytest.mark.parametrize("reference", ["os:system", "subprocess:call", "builtins:exec"])
def test_a_class_of_parameters_in_a_collection_runs_no_command(collection, witness, reference):
    command = f"touch {witness}"

    def change(content):
        content["params"].append({"params_class": reference, "params": {"command": command}})

    edit(collection.folder.json, change)
    opened = RunCollection.load(collection.path)
    assert len(opened.params) == 1
    assert not witness.exists()
    opened.save()  # and what was left out is not lost
    stored = json.loads(collection.folder.json.read_text())["params"]
    assert stored[1] == {"params_class": reference, "params": {"command": command}}


@pytest.mark.slow
def test_a_stray_run_json_runs_no_command_on_status_and_report(collection, witness):
    stray = collection.path / "param_ABCDEF" / "single_a"
    stray.mkdir(parents=True)
    content = json.loads(collection.runs[0].folder.run_json.read_text())
    content |= {"params_class": "os:system", "params": {"command": f"touch {witness}"}}
    (stray / "run.json").write_text(json.dumps(content))
    for command in (["status", collection.path], ["report", stray], ["run", stray]):
        done = subprocess.run(
            [sys.executable, "-m", "lfads_nb", *map(str, command)], text=True, capture_output=True
        )
        assert "Traceback" not in done.stderr
        assert not witness.exists()
        assert done.returncode == (0 if command[0] == "status" else 1)


@pytest.mark.parametrize(
    ("reference", "keywords"),
    [
        ("os:system", {}),
        ("lfads_nb.atomic_files:write_text", {"text": "overwritten"}),
        ("lfads_nb.references:import_typed", {"kind": "loader"}),
        ("lfads_nb.own_code:importlib.import_module", {}),
    ],
)
def test_a_dataset_that_is_shown_is_not_loaded_by_what_a_file_names(
    collection, witness, reference, keywords
):
    name_loader(collection, reference, **keywords)

    def change(content):
        content["dataset_collection"]["datasets"][0]["path"] = f"$(touch {witness})"

    edit(collection.folder.json, change)
    opened = RunCollection.load(collection.path)
    table = opened.dataset_collection.info_table()
    assert "lfads-nb trust" in table.loc["a", "problem"]
    assert not witness.exists()
    with pytest.raises(UntrustedCodeError, match="not trusted it for this folder"):
        opened.dataset_collection["a"].load_counts()


@pytest.mark.parametrize("place", ["collection", "working"])
def test_a_dataset_class_beside_the_data_is_never_imported(collection, witness, place, monkeypatch):
    folder = collection.path if place == "collection" else collection.root
    (folder / "evil_lab.py").write_text(MODULE.format(witness=str(witness)))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", ["", str(folder), *sys.path])

    def change(content):
        dataset = content["dataset_collection"]["datasets"][0]
        dataset |= {"class": "evil_lab:OwnDataset", "class_was": "OwnDataset"}

    edit(collection.folder.json, change)
    opened = RunCollection.load(collection.path)
    assert not witness.exists()
    with pytest.raises(UntrustedCodeError):
        opened.dataset_collection["a"].load_counts()
    (code,) = code_named_in(opened.folder)
    assert code.path is None
    with pytest.raises(CollectionError, match="cannot be found, so it cannot be trusted"):
        trust(opened.path, [code])
    assert not witness.exists()


def test_that_a_module_is_imported_counts_for_nothing(lab, witness, collection):
    import own_lab

    witness.unlink()
    name_loader(collection, "own_lab:load")
    opened = RunCollection.load(collection.path)
    with pytest.raises(UntrustedCodeError):
        opened.dataset_collection["a"].load_counts()
    register(own_lab.load)
    assert opened.dataset_collection["a"].load_counts().n_trials == 20


def test_what_the_user_trusts_runs_for_that_folder_and_that_content(lab, witness, collection):
    name_loader(collection, "own_lab:load")
    (code,) = code_named_in(collection.folder)
    assert str(code) == f"loader own_lab:load in {lab}"
    assert "not trusted" in code.problem
    assert not witness.exists()

    trust(collection.path, [code])
    assert not witness.exists()
    opened = RunCollection.load(collection.path)
    assert opened.dataset_collection["a"].load_counts().n_trials == 20
    assert [c.problem for c in code_named_in(collection.folder)] == [""]

    with pytest.raises(UntrustedCodeError, match="not trusted it for this folder"):
        find_code("loader", "own_lab:load", folder=collection.root / "another")
    with pytest.raises(UntrustedCodeError):
        find_code("run", "own_lab:OwnRun", folder=collection.path, base=Run)

    lab.write_text(lab.read_text() + "\n# changed\n")
    sys.modules.pop("own_lab")
    with pytest.raises(UntrustedCodeError, match="has changed since you trusted it"):
        RunCollection.load(collection.path).dataset_collection["a"].load_counts()
    consent.forget(collection.path)
    assert "not trusted" in code_named_in(collection.folder)[0].problem


def test_a_cached_compilation_is_not_believed(lab, witness, collection):
    """A .pyc with the right time and size, as another member of the lab could leave it."""
    import importlib.util
    import py_compile

    evil = lab.with_name("evil_source.py")
    evil.write_text(f"open({str(witness)!r}, 'w')\ndef load(path): return None\n".ljust(4000))
    honest = "from lfads_nb.datasets import read_counts\ndef load(path): return read_counts(path)\n"
    lab.write_text(honest.ljust(4000))
    os.utime(evil, ns=(lab.stat().st_atime_ns, lab.stat().st_mtime_ns))
    cache = importlib.util.cache_from_source(str(lab))
    py_compile.compile(str(evil), cfile=cache, dfile=str(lab), doraise=True)
    trust(collection.path, [look_at("loader", "own_lab:load", collection.path)])
    load = find_code("loader", "own_lab:load", folder=collection.path)
    assert isinstance(load(collection.dataset_collection["a"].path), Counts)
    assert not witness.exists()


def test_only_the_right_kind_is_taken_even_if_trusted(lab, collection):
    wrong = [
        ("params", "own_lab:NoParams", RunParams, "not a subclass of RunParams"),
        ("params", "own_lab:load", RunParams, "not a subclass of RunParams"),
        ("loader", "own_lab:OwnParams", None, "not a function"),
        ("loader", "own_lab:os.system", None, "defines no loader"),
        ("loader", "own_lab:nothing", None, "defines no loader"),
    ]
    for kind, reference, base, message in wrong:
        trust(collection.path, [look_at(kind, reference, collection.path)])
        with pytest.raises(CollectionError, match=message):
            find_code(kind, reference, folder=collection.path, base=base)


@pytest.mark.parametrize("reference", ["os:system", "subprocess:call", "shutil:rmtree"])
def test_parts_of_python_itself_cannot_be_trusted(collection, reference):
    code = look_at("loader", reference, collection.path)
    with pytest.raises(CollectionError, match=r"part of Python itself|cannot be found"):
        trust(collection.path, [code])


@pytest.mark.parametrize("reference", ["os", "os:", ":x", "os:system()", "a b:c", "os:x\ny", 3])
def test_what_is_no_reference_is_refused(collection, reference):
    with pytest.raises(CollectionError, match="module:name"):
        look_at("loader", reference, collection.path)


def test_what_we_allow_in_any_file_is_there():
    for kind, references in own_code.OURS.items():
        for reference in references:
            assert find_code(
                kind, reference, folder=None, base=None if kind == "loader" else object
            )


def test_an_installed_package_registers_its_code(lab, collection, tmp_path, monkeypatch):
    info = lab.parent / "own_lab-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-lab\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[lfads_nb.loaders]\nlab = own_lab:load\n")
    own_code._registered.cache_clear()
    name_loader(collection, "own_lab:load")
    assert code_named_in(collection.folder)[0].problem == ""
    opened = RunCollection.load(collection.path)
    assert opened.dataset_collection["a"].load_counts().n_trials == 20
    with pytest.raises(UntrustedCodeError):
        find_code("run", "own_lab:OwnRun", folder=collection.path, base=Run)


def test_a_package_in_the_working_folder_registers_nothing(collection, witness, monkeypatch):
    folder = collection.path
    (folder / "evil_lab.py").write_text(MODULE.format(witness=str(witness)))
    info = folder / "evil_lab-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil-lab\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[lfads_nb.loaders]\nlab = evil_lab:load\n")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    with pytest.raises(UntrustedCodeError):
        find_code("loader", "evil_lab:load", folder=None)
    assert not witness.exists()


# ------------------------------------------------------------------- what needs no code still opens


@pytest.fixture
def own_collection(lab, tmp_path, witness):
    """A collection that its owner made with a loader and classes of their own."""
    import own_lab

    write_counts(tmp_path / "datasets" / "a.h5", small_counts())
    datasets = DatasetCollection(tmp_path / "datasets", name="small")
    datasets.add("a.h5", loader=own_lab.load)
    own_lab.OwnDataset(datasets, "a.h5", name="b")
    rc = RunCollection(tmp_path / "runs", "own", datasets)
    rc.add_params(own_lab.OwnParams(spike_bin_ms=4, batch_size=3, co_dim=0, speed=2.0))
    rc.add_run_spec(RunSpec("both", datasets, ["a", "b"], run_class=own_lab.OwnRun))
    rc.prepare()
    return rc


def like_a_new_process(witness):
    own_code._handed_over.clear()
    sys.modules.pop("own_lab", None)
    witness.unlink(missing_ok=True)


def test_who_received_a_collection_can_look_at_it_and_nothing_is_lost(own_collection, witness):
    before = json.loads(own_collection.folder.json.read_text())
    consent.forget(own_collection.path)
    like_a_new_process(witness)
    opened = RunCollection.load(own_collection.path)
    assert [run.name for run in opened] == [run.name for run in own_collection]
    assert opened.runs[0].folder.path == own_collection.runs[0].folder.path
    assert opened.runs[0].params.data_hash == own_collection.params[0].data_hash
    assert "speed=2" in opened.params[0].differences_text()
    assert opened.runs[0].is_prepared
    with pytest.raises(RunFolderError):
        opened.runs[0].posterior_means()
    for needs_code in (
        opened.runs[0].prepare,
        opened.prepare,
        lambda: opened.params[0].copy(factors_dim=3),
        opened.dataset_collection["a"].load_counts,
        opened.dataset_collection["b"].load_counts,
        opened.dataset_collection["b"].load_alignment_counts,
    ):
        with pytest.raises(UntrustedCodeError, match="lfads-nb trust"):
            needs_code()
    opened.save()
    after = json.loads(own_collection.folder.json.read_text())
    assert {**after, "params": None} == {**before, "params": None}
    assert after["params"][0]["params_class"] == "own_lab:OwnParams"
    assert not witness.exists()


def test_the_owners_next_session_is_not_asked_again(own_collection, witness):
    like_a_new_process(witness)
    assert {c.problem for c in code_named_in(own_collection.folder)} == {""}
    opened = RunCollection.load(own_collection.path)
    assert type(opened.params[0]).__name__ == "OwnParams"
    assert opened.dataset_collection["a"].load_counts().n_trials == 20
    assert opened.dataset_collection["b"].load_counts().n_trials == 10
    opened.prepare(regenerate=True)


def test_a_module_beside_the_users_notebook_is_remembered_by_its_file(
    tmp_path, collection, monkeypatch, witness
):
    """The kernel's working folder is no import path later, but the code was handed over."""
    place = tmp_path / "notebooks"
    place.mkdir()
    (place / "own_lab.py").write_text(MODULE.format(witness=str(witness)))
    with monkeypatch.context() as patch:
        patch.chdir(place)
        patch.syspath_prepend("")
        import own_lab

        collection.dataset_collection.add("a.h5", loader=own_lab.load)
        collection.save()
    like_a_new_process(witness)
    opened = RunCollection.load(collection.path)
    assert opened.dataset_collection["a"].load_counts().n_trials == 20
    sys.modules.pop("own_lab", None)


def test_an_old_collection_opens_its_own_settings_by_the_hashes_in_its_runs(
    own_collection, witness
):
    """Before, collection.json did not tell the hashes of settings of own classes."""

    def change(content):
        for item in content["params"]:
            del item["param_hash"], item["data_hash"]

    edit(own_collection.folder.json, change)
    consent.forget(own_collection.path)
    like_a_new_process(witness)
    opened = RunCollection.load(own_collection.path)
    assert [run.name for run in opened] == [run.name for run in own_collection]
    assert not witness.exists()


def test_consent_of_another_user_or_through_a_link_counts_for_nothing(lab, collection, tmp_path):
    name_loader(collection, "own_lab:load")
    trust(collection.path, code_named_in(collection.folder))
    path = consent._file_of(collection.path)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    assert consent.consents(collection.path)
    path.chmod(0o666)
    assert not consent.consents(collection.path)
    path.chmod(0o600)
    aside = tmp_path / "aside.json"
    path.rename(aside)
    path.symlink_to(aside)
    assert not consent.consents(collection.path)
    path.unlink()
    path.write_text("[" * 100_000)
    path.chmod(0o600)
    assert not consent.consents(collection.path)


def test_classes_that_were_typed_into_a_notebook_cannot_be_registered():
    class Typed(RunParams):
        pass

    with pytest.raises(CollectionError, match="put it into a module"):
        register(Typed)
    with pytest.raises(CollectionError, match="cannot be registered"):
        register(3)
    assert register(Dataset) is Dataset
    assert Path(__file__).exists()
