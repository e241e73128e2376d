import hashlib
import shutil
import subprocess

import pytest

from lfads_nb.queue.provenance import gather_provenance
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.provenance import checksums, commit_of, read_provenance, write_provenance
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.version import __version__

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_run_says_which_backend_trained_it_and_with_how_many_others(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    record = RunRecord("c", "all", RunParams(), ())
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    write_provenance(folder, gather_provenance(folder, record, "GPU 0", pack=12))
    assert read_provenance(folder)["Trained by"] == "JAX on GPU 0, 12 in one program"


def test_a_run_of_a_cluster_names_its_job_and_node(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    record = RunRecord("c", "all", RunParams(), ())
    for name, value in (("ARRAY_JOB_ID", "12"), ("ARRAY_TASK_ID", "3"), ("JOB_ID", "15")):
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("SLURMD_NODENAME", "gpu07")
    write_provenance(folder, gather_provenance(folder, record, "GPU 0"))
    assert read_provenance(folder)["SLURM job"] == "12_3 on gpu07"


def test_a_run_says_a_year_later_what_it_was_trained_with(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    folder.input.mkdir()
    folder.input_file("one").write_bytes(b"spikes")
    record = RunRecord("c", "all", RunParams(), ("one", "lost"))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    write_provenance(folder, gather_provenance(folder, record, "cpu0"))
    said = read_provenance(folder)
    assert f"lfads_nb {__version__}" in said["Versions"]
    assert "numpy" in said["Versions"]
    assert said["Device"] == "cpu0"
    assert said["Trained by"] == "TensorFlow on cpu0"
    digest = hashlib.sha256(b"spikes").hexdigest()
    assert said["SHA-256 of the inputs"] == f"lfads_one.h5 {digest}"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "inputs": 3}'])
def test_a_folder_of_before_or_of_somebody_elses_says_nothing(tmp_path, content):
    folder = RunFolder(tmp_path)
    assert read_provenance(folder) == {}
    folder.provenance_json.write_text(content)
    assert read_provenance(folder) == {}


def test_the_commit_is_that_of_the_repository_that_holds_the_folder(tmp_path):
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert commit_of(run) == {}  # nothing was committed yet
    (git / "packed-refs").write_text(f"# pack-refs\n{COMMIT} refs/heads/main\n")
    assert commit_of(run) == {str(tmp_path): COMMIT}
    newer = COMMIT[::-1]
    (git / "refs" / "heads" / "main").write_text(newer + "\n")
    assert commit_of(run) == {str(tmp_path): newer}
    (git / "HEAD").write_text(COMMIT)
    assert commit_of(run) == {str(tmp_path): COMMIT}
    (git / "HEAD").write_text("ref: ../../../etc/passwd\n")
    assert commit_of(run) == {}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_of_a_worktree_too_and_as_git_says_it(tmp_path):
    main, tree = tmp_path / "main", tmp_path / "tree"

    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *who, *words], cwd=main, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    main.mkdir()
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    git("worktree", "add", "-q", str(tree))
    assert commit_of(main) == {str(main): git("rev-parse", "HEAD")}
    assert commit_of(tree) == {str(tree): git("rev-parse", "HEAD")}


def test_a_file_that_cannot_be_read_has_no_checksum(tmp_path):
    assert checksums([tmp_path / "lost", tmp_path]) == {}
