"""The queue with packs: real processes, with a toy in the place of the training."""

import pytest

from lfads_nb.queue import packing
from lfads_nb.queue.api import Queue
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.status import RunState
from tests.queue.tiny_runs import EMPTY_HDF5, make_run_folder, wait_for, write_template

pytestmark = pytest.mark.processes


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """Five runs of two programs."""
    monkeypatch.setattr(packing, "find_spec", lambda name: name)  # as if JAX were installed
    data = tmp_path / "data.h5"
    data.write_bytes(EMPTY_HDF5)
    folders = []
    for i, told in enumerate(("", "fail", "wait", "", "break")):
        folder = make_run_folder(tmp_path / f"run{i}", seed=i, gen_dim=9 if i > 2 else 8)
        folder.input_file("ds").symlink_to(data)
        (folder.path / "pack.txt").write_text(told)
        folders.append(folder)
    queue = Queue(folders, home=QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")}))
    yield queue
    queue.cancel()
    wait_for(lambda: not any(s.state.is_active for s in queue.states()), timeout=60)
    queue.stop_server(timeout_s=60)


def test_each_run_goes_its_own_way_after_the_common_training(queue, tmp_path):
    template = write_template(tmp_path / "quick.ipynb")
    queue.launch(pack=8, pack_runner="tests.queue.toy_pack", template=str(template))
    wait_for(lambda: queue.states()[2].pack == 3, timeout=60)
    assert queue.status()["device"].iloc[2].startswith("3 in one program on ")
    wait_for(lambda: queue.states()[1].state is RunState.FAILED, timeout=60)
    queue.cancel(2)
    wait_for(lambda: not any(s.state.is_active for s in queue.states()), timeout=120)

    states = [status.state.value for status in queue.states()]
    assert states == ["done", "failed", "cancelled", "done", "done"]
    assert queue.status()["reason"].iloc[1] == "training failed: the cost became nan"
    assert queue.states()[0].training_end.startswith("max_epochs=2 reached")
    assert trained(queue, 0) == ["in a pack of 3"]
    # The program of the last two broke: one had trained by then, the other did so alone.
    assert (trained(queue, 3), trained(queue, 4)) == (["in a pack of 2"], ["trained"])


def trained(queue, index):
    return (queue.folders[index].path / "trained.txt").read_text().split("\n")[:-1]
