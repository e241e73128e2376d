from types import SimpleNamespace

import pytest

from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.tensorboard import launch_tensorboard, logdir_spec
from lfads_nb.sweep.folders import CollectionFolder
from tests.queue.tiny_runs import make_run_folder


def test_every_run_is_named_and_relative(tmp_path):
    folders = [make_run_folder(tmp_path, name) for name in ("single", "a,b:c")]
    spec = logdir_spec(CollectionFolder(tmp_path), folders)
    first, second, third = spec.split(",")[0], spec.split(",")[1], spec
    assert first.split(":")[0].endswith("/single")
    assert first.split(":")[1].endswith("/single/lfadsOutput/lfads_log")
    assert second.split(":")[0].endswith("/a_b_c")
    assert str(tmp_path) not in third


@pytest.mark.processes
def test_it_answers_on_loopback_is_found_again_and_stops(tmp_path):
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path / "home")})
    run = SimpleNamespace(folder=make_run_folder(tmp_path / "runs"))
    collection = CollectionFolder(tmp_path / "runs")
    board = launch_tensorboard(collection, [run], home=home)
    try:
        assert collection.tensorboard_script.stat().st_mode & 0o100
        assert f'"{collection.path}"' not in collection.tensorboard_script.read_text()
        assert board.url.startswith("http://127.0.0.1:")
        assert launch_tensorboard(collection, [run], home=home) == board
    finally:
        board.stop()
    assert not board.is_alive
