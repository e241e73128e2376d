import pytest

from lfads_nb.errors import QueueError
from lfads_nb.queue.slurm import remembered
from lfads_nb.queue.slurm.settings import Slurm
from lfads_nb.queue.status import RunState, RunStatus, write_status
from lfads_nb.sweep import RunCollection
from lfads_nb.widgets.panels import launch_options
from lfads_nb.widgets.panels.launch_options import SLURM, LaunchOptions
from lfads_nb.widgets.panels.runs import RunsPanel
from lfads_nb.widgets.panels.slurm_form import SlurmForm


@pytest.fixture(autouse=True)
def login_node(tmp_path, monkeypatch):
    """A machine with sbatch, on which nothing was submitted yet."""
    monkeypatch.setenv("LFADS_NB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(launch_options, "is_at_hand", lambda: True)


def test_where_there_is_no_sbatch_nothing_speaks_of_slurm(monkeypatch):
    monkeypatch.setattr(launch_options, "is_at_hand", lambda: False)
    options = LaunchOptions()
    assert options.where.layout.display == options.slurm.layout.display == "none"
    assert "slurm" not in options.values()


def test_what_concerns_this_machine_alone_gives_way_to_the_form():
    options = LaunchOptions()
    assert options.slurm.layout.display == "none"
    options.gpu_list.value, options.retries.value, options.rerun.value = "0, 2", 3, True
    options.where.value = SLURM
    assert options.slurm.layout.display == ""
    assert options.shared.layout.display == "none"
    options.slurm.partition.value, options.slurm.cpus.value = " gpu ", "4"
    assert options.values() == {"rerun": True, "slurm": Slurm("gpu", cpus=4)}


@pytest.mark.parametrize(
    ("box", "text", "words"),
    [("cpus", "many", "Cores"), ("at_once", "0", "Jobs at once"), ("time", "soon", "time"),
     ("partition", "a;b", "partition")],
)  # fmt: skip
def test_what_slurm_would_not_take_is_said_in_words(box, text, words):
    form = SlurmForm()
    getattr(form, box).value = text
    with pytest.raises(QueueError, match=words):
        _ = form.value


def test_a_launch_is_submitted_and_the_next_form_begins_as_this_one(bench, collection, monkeypatch):
    calls = []

    def launch(self, runs, **options):
        calls.append(options)
        for run in runs:
            write_status(run.folder, RunStatus(RunState.QUEUED))

    monkeypatch.setattr(RunCollection, "launch", launch)
    panel = RunsPanel(bench)
    panel.options.where.value = SLURM
    asked = Slurm("gpu", "lab", time="4:00:00", gres="gpu:1", cpus=4, mem="16G", array_limit=8)
    form = panel.options.slurm
    form.partition.value, form.account.value, form.time.value = "gpu", "lab", "4:00:00"
    form.gres.value, form.cpus.value, form.mem.value, form.at_once.value = "gpu:1", "4", "16G", "8"
    panel.launch.click()
    panel.task.join(60)
    assert calls == [{"slurm": asked}]
    assert "submitted to SLURM" in panel.task.notice.value
    assert remembered.remembered() == asked
    again = LaunchOptions()
    assert again.where.value == SLURM
    assert again.slurm.value == asked


def test_a_refused_submission_is_said_and_not_remembered(bench, collection, monkeypatch):
    def refuse(self, runs, **options):
        raise QueueError("SLURM did not take the runs, and none is queued: no such partition")

    monkeypatch.setattr(RunCollection, "launch", refuse)
    panel = RunsPanel(bench)
    panel.options.where.value = SLURM
    panel.launch.click()
    panel.task.join(60)
    assert "no such partition" in panel.task.notice.value
    assert remembered.remembered() is None
