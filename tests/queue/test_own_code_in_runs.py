"""Code of the user's own in the queue's processes, and files in folders that pose as modules."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lfads_nb import consent, own_code
from lfads_nb.datasets import DatasetCollection, write_counts
from lfads_nb.queue.status import RunState, read_status
from lfads_nb.queue.task import RunTask, runner_command
from lfads_nb.sweep import RunCollection, RunSpec
from tests.queue.tiny_runs import write_template
from tests.sweep.conftest import small_counts

pytestmark = pytest.mark.processes
CHECKOUT = Path(__file__).parents[2]

OWN_LAB = """
from lfads_nb.datasets import read_counts
from lfads_nb.sweep import RunParams, param
def load(path): return read_counts(path)
class OwnParams(RunParams):
    speed: float = param(1.0, "how fast", group="data", affects="data", ge=0)
"""


@pytest.fixture
def own_run(tmp_path, monkeypatch):
    """A prepared run with settings of the user's own class, from a module beside their notebook."""
    place = tmp_path / "notebooks"
    place.mkdir()
    (place / "own_lab_of_runs.py").write_text(OWN_LAB)
    write_counts(tmp_path / "datasets" / "a.h5", small_counts())
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(place))
        import own_lab_of_runs
    datasets = DatasetCollection(tmp_path / "datasets", name="small")
    datasets.add("a.h5", loader=own_lab_of_runs.load)
    collection = RunCollection(tmp_path / "runs", "own", datasets)
    params = own_lab_of_runs.OwnParams(spike_bin_ms=4, batch_size=3, co_dim=0, speed=2.0)
    collection.add_params(params)
    collection.add_run_spec(RunSpec("single", datasets, ["a"]))
    collection.prepare()
    yield collection.runs[0]
    sys.modules.pop("own_lab_of_runs", None)
    own_code._handed_over.clear()


def execute(folder, template):
    """Execute a run as the queue's workers do: in the run's folder."""
    task = RunTask(
        str(folder.path), "cpu", 1, "all", str(template), sys.executable,
        "lfads_nb.queue.runner", {},
    )  # fmt: skip
    command = [part for part in runner_command(task) if not part.startswith("--parent")]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    return subprocess.run(command, cwd=folder.path, env=environment, check=False).returncode


def test_what_the_user_handed_over_runs_in_the_queues_processes(own_run, tmp_path):
    shows = "def train(run, params, datasets): note(run, f'{type(params).__name__} {params.speed}')"
    template = write_template(
        tmp_path / "template.ipynb", training=f"{shows}\nrun_stage(run_dir, 'training', train)"
    )
    assert execute(own_run.folder, template) == 0
    assert (own_run.folder.path / "trained.txt").read_text() == "OwnParams 2.0\n"


def test_what_is_not_trusted_ends_in_words_before_anything_is_trained(own_run, tmp_path):
    consent.forget(own_run.collection_folder.path)
    template = write_template(tmp_path / "template.ipynb")
    assert execute(own_run.folder, template) == 1
    status = read_status(own_run.folder)
    assert status.state is RunState.FAILED
    assert "own_lab_of_runs:OwnParams" in status.reason
    assert "lfads-nb trust" in status.reason
    assert not (own_run.folder.path / "trained.txt").exists()


POSING = """
import os
open({witness!r}, "a").write(__name__ + " ")
"""


def test_files_in_a_run_folder_pass_for_no_module_and_no_settings(folder, tmp_path):
    """What `python -m`, IPython and Jupyter look for where they are started."""
    witness = tmp_path / "witness"
    code = POSING.format(witness=str(witness))
    for name in (
        "sitecustomize", "usercustomize", "papermill", "nbclient", "ipykernel_launcher", "pandas",
        "ipython_config", "ipython_kernel_config", "jupyter_config", "matplotlib",
    ):  # fmt: skip
        (folder.path / f"{name}.py").write_text(code)
    (folder.path / "lfads_nb").mkdir()
    (folder.path / "lfads_nb" / "__init__.py").write_text(code)
    template = write_template(
        tmp_path / "template.ipynb",
        training="import pandas\ndef train(run, params, datasets): note(run, pandas.__name__)\n"
        "run_stage(run_dir, 'training', train)",
    )
    assert execute(folder, template) == 0
    assert (folder.path / "trained.txt").read_text() == "pandas\n"
    assert not witness.exists(), witness.read_text()


def test_a_report_takes_no_template_from_the_working_folder(folder, tmp_path, template):
    """nbconvert looks for templates, which are programs, in the working folder first."""
    assert execute(folder, template) == 0
    (folder.path / "lab").mkdir()
    (folder.path / "lab" / "conf.json").write_text('{"mimetypes": {"text/html": true}}')
    (folder.path / "lab" / "index.html.j2").write_text("planted")
    done = subprocess.run(
        [sys.executable, "-m", "lfads_nb", "report", "."],
        cwd=folder.path, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = next(folder.path.glob("*.html")).read_text()
    assert "planted" not in page
    assert "single__param_" in page
