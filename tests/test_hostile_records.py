"""The JSON files of ours that `test_hostile_files.py` does not change, and JSON within HDF5.

`READERS` says of every place that reads JSON which test changes what it reads: a new one that is in
no test is found here.
"""

import contextlib
import json
import re
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lfads_nb
from lfads_nb import consent
from lfads_nb.datasets import Counts, DatasetInfo, peek_info, read_counts, write_counts
from lfads_nb.datasets.behavior import Signal
from lfads_nb.errors import DataError, LfadsError
from lfads_nb.nlb.run_scores import read_scores
from lfads_nb.queue.clusters import describe_cluster
from lfads_nb.queue.clusters import remember as remember_cluster
from lfads_nb.queue.home import QueueHome, read_json_file
from lfads_nb.queue.job_clusters import ClusterFolder
from lfads_nb.queue.packing import make_pack_folder, read_pack_folder, read_pack_memory
from lfads_nb.queue.server import QueueServer
from lfads_nb.queue.slurm.remembered import remember, remembered, remembered_file
from lfads_nb.queue.slurm.settings import Slurm
from lfads_nb.queue.slurm.submission import Submission, Work
from lfads_nb.queue.task import RunTask
from lfads_nb.queue.tensorboard import _from_json
from lfads_nb.results.decoding import compared, read_decodings
from lfads_nb.results.matlab import settings_files
from lfads_nb.results.trained_params import _order
from lfads_nb.sweep import RunParams
from lfads_nb.sweep.halving import HalvingOrder, read_rungs, why_stopped
from lfads_nb.sweep.provenance import read_provenance
from lfads_nb.sweep.run_notes import RunNotes
from lfads_nb.sweep.verdict import read_verdict
from lfads_nb.widgets.panels.notes_box import notes_cell
from lfads_nb.widgets.recent import found_collections, recent_collections, recent_file
from tests.test_hostile_files import changes, is_plain, look, look_at_all_of, make_original, written

HERE, FILES, POPULATIONS = "here", "test_hostile_files.py", "test_hostile_populations.py"
READERS = {
    "consent.py": HERE,
    "datasets/behavior.py": HERE,
    "datasets/hdf5_layout.py": HERE,
    "model/hyperparameters.py": HERE,
    "model/training_state.py": HERE,
    "nlb/run_scores.py": HERE,
    "queue/batches.py": FILES,
    "queue/clusters.py": HERE,
    "queue/home.py": FILES,
    "queue/job_clusters.py": HERE,
    "queue/memory.py": FILES,
    "queue/packing.py": HERE,
    "queue/queued_turns.py": "its own environment, which no file tells it",
    "queue/reading.py": FILES,
    "queue/retraining.py": POPULATIONS,
    "queue/run_lock.py": FILES,
    "queue/server.py": HERE,
    "queue/slurm/remembered.py": HERE,
    "queue/slurm/submission.py": HERE,
    "queue/status.py": FILES,
    "queue/task.py": HERE,
    "queue/tensorboard.py": HERE,
    "queue/tensorboard_server.py": "what its parent wrote a moment before",
    "queue/warm.py": "a pipe from a process of its own",
    "queue/warm_process.py": "a pipe from its parent",
    "regular_files.py": "all of them",
    "results/decoding/record.py": HERE,
    "results/matlab/settings_files.py": HERE,
    "results/trained_params.py": HERE,
    "sweep/collection_file.py": FILES,
    "sweep/halving.py": HERE,
    "sweep/more_epochs.py": POPULATIONS,
    "sweep/population_history.py": POPULATIONS,
    "sweep/population_record.py": POPULATIONS,
    "sweep/provenance.py": HERE,
    "sweep/run_notes.py": HERE,
    "sweep/run_record.py": FILES,
    "sweep/turns.py": POPULATIONS,
    "sweep/verdict.py": HERE,
    "widgets/bench.py": FILES,
    "widgets/jupyter_place.py": "Jupyter's own",
    "widgets/recent.py": HERE,
}


def test_every_place_that_reads_json_is_in_a_test_that_changes_it():
    package = Path(lfads_nb.__file__).parent
    reads = re.compile(r"(?<!def )\b(read_json|read_json_file|json\.loads?)\(")
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if reads.search(path.read_text(encoding="utf-8"))
    }
    assert found == set(READERS)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    collection = make_original(tmp_path_factory.mktemp("hostile"))
    for run in collection.runs:
        run.folder.output.mkdir(exist_ok=True)
        (run.folder.path / "nlb").mkdir(exist_ok=True)
    return collection


HYPERPARAMETERS = {
    "kind": "train", "dataset_names": ["a.h5"], "dataset_dims": {"a.h5": 5}, "num_steps": 10,
    "factors_dim": 3, "kl_increase_steps": 10, "num_steps_for_gen_ic": 10, "keep_prob": "0.9",
}  # fmt: skip


N_FILES = 8


def in_a_run(run, collection):
    """File -> its content, and what reads it."""
    folder, peer = run.folder, collection.runs[1].folder
    stamps = {"model_runs_a.h5_train_x": [0, 0]}
    return {
        folder.path / "notes.json": (
            {"schema": 1, "star": True, "tags": ["a"], "note": "b"},
            lambda: notes_cell(RunNotes.read(folder.path)),
        ),
        folder.provenance_json: (
            {"schema": 1, "began": "2024", "by": "x", "versions": {"lfads_nb": "1"}, "machine": "m",
             "device": "d", "commit": {"lfads_nb": "abc"}, "inputs": {"a": "12"}},
            lambda: check_plain(read_provenance(folder).values()),
        ),
        folder.halving_json: (
            {"schema": 1, "factor": 3, "first_epoch": 10, "score": "recon_valid",
             "peers": [f"../../{peer.path.parent.name}/{peer.path.name}"]},
            lambda: (HalvingOrder.read(folder), why_stopped(folder)),
        ),
        folder.rungs_json: (
            {"schema": 1, "rungs": [
                {"epoch": 10, "score": 1.0, "place": 2, "n": 3, "goes_on": False}]},
            lambda: (read_rungs(folder), why_stopped(folder)),
        ),
        folder.decoding_json: (
            {"schema": 1, "decoded": [
                {"dataset": "a", "target": "hand_vel", "measure": "r2", "evaluate": "valid",
                 "scores": {"rates": 0.5}, "n_fit": 3, "n_judged": 2, "stamps": stamps}]},
            lambda: (read_decodings(folder), compared([folder, peer])),
        ),
        folder.path / "nlb" / "scores.json": (
            {"schema": 1, "scores": [{"mc_maze": {"[500] co-bps": 0.3, "vel R2": 0.8}}]},
            lambda: read_scores(folder.path),
        ),
        folder.verdict_json: (
            {"schema": 1, "findings": [
                {"check": "x", "level": "bad", "title": "t", "sentence": "s", "change": "c"}],
             "praise": "", "figures": {"bits_per_spike": 0.1}, "stamps": stamps,
             "is_final": True, "text": "s", "title": "t", "level": "bad"},
            lambda: read_verdict(folder),
        ),
        folder.hyperparameters(): (HYPERPARAMETERS, lambda: read_settings(folder)),
    }  # fmt: skip


def check_plain(texts):
    assert all(map(is_plain, texts))


def read_settings(folder):
    from lfads_nb.model.hyperparameters import read_hyperparameters

    for read in (
        settings_files.read_hyperparameters,
        settings_files.dataset_names,
        lambda run: _order(run.model_params, ["a"]),
        read_hyperparameters,
    ):
        with contextlib.suppress(LfadsError):
            read(folder)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("which", range(N_FILES))
@settings(look, max_examples=60)
@given(data=st.data())
def test_a_record_in_a_run_of_any_content_breaks_no_table(original, which, data):
    run = original.runs[0]
    files = in_a_run(run, original)
    path, (content, read) = list(files.items())[which]
    with contextlib.ExitStack() as stack:
        # Those that are read together are whole but for the one.
        for other, (whole, _) in files.items():
            stack.enter_context(written(other, whole if other != path else {}))
        path.write_text(json.dumps(data.draw(changes(content))))
        with contextlib.suppress(LfadsError):
            read()
        look_at_all_of(original.path, 2)
    assert {path.name for path in original.root.iterdir()} <= {"example"}


def test_what_is_changed_would_have_been_read(original):
    files = in_a_run(original.runs[0], original)
    assert len(files) == N_FILES
    with contextlib.ExitStack() as stack:
        for path, (whole, _) in files.items():
            stack.enter_context(written(path, whole))
        folder = original.runs[0].folder
        assert RunNotes.read(folder.path).star
        assert len(read_provenance(folder)) == 7
        assert "place 2 of 3" in why_stopped(folder)
        assert len(read_decodings(folder)) == 1
        assert read_scores(folder.path)
        assert read_verdict(folder).findings
        assert settings_files.read_hyperparameters(folder).values["factors_dim"] == 3


@settings(look, max_examples=150)
@given(data=st.data())
def test_what_the_user_s_own_state_holds_may_be_damaged(original, tmp_path_factory, data):
    home = QueueHome(tmp_path_factory.mktemp("home"))
    home.make()
    run = str(original.runs[0].folder.path)
    which = data.draw(st.integers(0, 5))
    if which == 0:
        path = home.inbox / "0.json"
        verb = data.draw(st.sampled_from(["cancel", "pause", "resume", "priority", "stop"]))
        path.write_text(
            json.dumps(data.draw(changes({"verb": verb, "runs": [run], "priority": 2})))
        )
        QueueServer(home)._read_inbox()
        assert not path.exists()
    elif which == 1:
        board = home.boards / "a.json"
        board.write_text(
            json.dumps(
                data.draw(
                    changes(
                        {"pid": 1, "started": 2.0, "host": "here", "port": 3, "token": "x",
                         "folder": run, "logdir_spec": "a:b"}
                    )
                )
            )
        )  # fmt: skip
        _from_json(read_json_file(board))
    elif which == 2:
        pack = home.packs / "p"
        make_pack_folder(pack, [run])
        for name in ("pack.json", "memory.json"):
            file = next(pack.glob(name), pack / name)
            file.write_text(
                json.dumps(data.draw(changes({"runs": [run], "peak_mb": 3.0, "members": 2})))
            )
        with contextlib.suppress(LfadsError):
            read_pack_folder(pack)
        read_pack_memory(pack)
    elif which == 3:
        address = "tls://10.0.0.1:8786"
        security = {"require_encryption": True, "tls_ca_file": "/x/ca.pem"}
        known = {"address": address, "security": security}
        remember_cluster(home, known, insecure=False)
        assert describe_cluster(address, home) == {**known, "insecure": False}
        (path,) = home.clusters.glob("*.json")
        path.write_text(json.dumps(data.draw(changes(json.loads(path.read_text())))))
        described = describe_cluster(address, home)
        assert described["address"] == address
        assert set(described["security"]) <= {"require_encryption", "tls_ca_file"}
    elif which == 4:
        folder = ClusterFolder(home.path / "clusters" / "x")
        folder.path.mkdir(parents=True)
        folder.owner_json.write_text(
            json.dumps(data.draw(changes({"pid": 1, "started": 2.0, "host": "here"})))
        )
        folder.remove_if_left()
    else:
        task = asdict(make_task(run))
        RunTask.from_json(data.draw(changes(task)))


def make_task(run):
    import dataclasses

    known = {"str": "", "int": 1, "float": 1.0, "bool": False}
    values = {}
    for field in dataclasses.fields(RunTask):
        kind = field.type if isinstance(field.type, str) else field.type.__name__
        values[field.name] = run if field.name == "folder" else known.get(kind, ())
    return RunTask(**values)


@settings(look, max_examples=60)
@given(data=st.data())
def test_lists_of_what_was_open_and_of_what_is_trusted_may_be_damaged(
    original, monkeypatch, tmp_path_factory, data
):
    home = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LFADS_NB_HOME", str(home))
        recent_file().parent.mkdir(parents=True, exist_ok=True)
        recent_file().write_text(json.dumps(data.draw(changes([str(original.path), "/nowhere"]))))
        assert set(recent_collections()) <= {original.path}
        found_collections(original.root)
        given_ = consent.Consent("loader", "own:load", ("own",), ("/x/own.py",), "12")
        consent.remember(original.path, [given_])
        assert consent.consents(original.path) == [given_]
        (path,) = (recent_file().parent / "trusted").glob("*.json")
        path.write_text(json.dumps(data.draw(changes(json.loads(path.read_text())))))
        for trusted in consent.consents(original.path):
            assert is_plain(trusted.reference)
        original.status_table()
        remember(Slurm(time="2:00:00", gres="gpu:1"))
        assert remembered() == Slurm(time="2:00:00", gres="gpu:1")
        asked = json.loads(remembered_file().read_text())
        remembered_file().write_text(json.dumps(data.draw(changes(asked))))
        if (slurm := remembered()) is not None:
            assert all(map(is_plain, slurm.directives()))


@settings(look, max_examples=100)
@given(data=st.data())
def test_what_was_submitted_to_slurm_may_be_damaged(original, data):
    submission = Submission(original.path / "jobs" / "x")
    submission.path.mkdir(parents=True, exist_ok=True)
    run = original.runs[0].folder.path.relative_to(original.path).as_posix()
    submission.work_json.write_text(
        json.dumps(data.draw(changes({"schema": 1, **asdict(Work((run,), python="python"))})))
    )
    submission.save_job("12", 3.0)
    content = json.loads(submission.job_json.read_text())
    submission.job_json.write_text(json.dumps(data.draw(changes(content))))
    with contextlib.suppress(LfadsError):
        work = submission.read_work()
        for index in range(len(work.runs)):
            assert submission.run(work, index).path.is_relative_to(original.path)
    submission.job()
    look_at_all_of(original.path, 2)


@pytest.fixture(scope="module")
def session_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("session") / "day1.h5"
    spikes = np.random.default_rng(0).poisson(0.5, (6, 12, 3))
    signal = Signal(np.zeros((6, 12, 2)), "mm/s", ("x", "y"))
    write_counts(
        path,
        Counts.from_bins(
            spikes, 1.0, condition_ids=list("ab") * 3, behavior={"hand": signal},
            metadata={"subject": "Ada", "date": "2024-01-01"}, notes=("one",),
        ),
    )  # fmt: skip
    return path


@pytest.mark.parametrize("which", ["metadata", "notes", "dims"])
@look
@given(data=st.data())
def test_json_within_a_session_s_file_may_be_anything(session_file, which, data):
    content = {
        "metadata": {"subject": "Ada", "date": "2024-01-01"}, "notes": ["one"], "dims": ["x", "y"]
    }[which]  # fmt: skip
    text = json.dumps(data.draw(changes(content)))
    with h5py.File(session_file, "r+") as file:
        at = file["behavior/0"] if which == "dims" else file
        before = at.attrs[which]
        if len(text) > 60_000:
            return  # HDF5 keeps no attribute of this size
        at.attrs[which] = text.replace("\0", "")
    try:
        for read in (read_counts, peek_info):
            try:
                assert isinstance(read(session_file), Counts | DatasetInfo)
            except DataError as error:
                assert "day1" in str(error)  # noqa: PT017 - both ways out are right
    finally:
        with h5py.File(session_file, "r+") as file:
            (file["behavior/0"] if which == "dims" else file).attrs[which] = before


@look
@given(data=st.data())
def test_the_state_of_a_training_may_be_damaged(data):
    from lfads_nb.model.checkpoints import DAMAGE
    from lfads_nb.model.training_state import TrainingState

    whole = json.loads(TrainingState.start(RunParams()).to_json())
    assert TrainingState.from_json(json.dumps(whole), RunParams()) is not None
    with contextlib.suppress(*DAMAGE):
        TrainingState.from_json(json.dumps(data.draw(changes(whole))), RunParams())
