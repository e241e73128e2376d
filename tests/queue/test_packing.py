"""Which runs share a program, and how many."""

import subprocess
import sys
from dataclasses import replace

import pytest

from lfads_nb.errors import QueueError
from lfads_nb.queue import packing
from lfads_nb.queue.batches import Batch, LaunchOptions
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.memory import BASE_MB
from lfads_nb.queue.packing import (
    checked_pack,
    make_pack_folder,
    n_members,
    pack_key,
    read_pack_folder,
    turn_pack_key,
    usable_pack,
)
from lfads_nb.queue.status import RunState, RunStatus, read_status, write_status
from lfads_nb.sweep.turns import TurnRequest, TurnResult
from tests.queue.tiny_runs import make_run_folder


@pytest.fixture
def make_run(tmp_path):
    data = tmp_path / "data.h5"
    data.touch()

    def make(name, source=data, **params):
        folder = make_run_folder(tmp_path / name, **params)
        folder.input_file("ds").symlink_to(source)
        return folder

    return make


def test_runs_that_differ_in_numbers_share_a_program(make_run, tmp_path):
    first = pack_key(make_run("a", keep_prob=0.9, seed=1))
    assert first is not None
    assert first == pack_key(make_run("b", keep_prob=0.5, seed=2, learning_rate_init=0.1))
    assert first == pack_key(make_run("c", keep_prob=0.9, seed=1, max_epochs=3, kl_ic_weight=0.1))
    # Without dropout there is nothing to draw, and the program is another one.
    assert first != pack_key(make_run("d", keep_prob=1.0))
    assert first != pack_key(make_run("e", keep_prob=0.9, gen_dim=7))
    assert first != pack_key(make_run("f", keep_prob=0.9, batch_size=7))
    other = tmp_path / "other.h5"
    other.touch()
    assert first != pack_key(make_run("g", other, keep_prob=0.9, seed=1))


def test_what_is_trained_or_cannot_be_read_joins_no_pack(make_run, tmp_path):
    trained = make_run("trained")
    status = replace(read_status(trained), finished_stages=(RunState.TRAINING.value,))
    write_status(trained, status)
    assert pack_key(trained) is None
    assert pack_key(make_run("no data", tmp_path / "gone.h5")) is None


def size(pack, n_alike=24, *, n_devices=1, each=100.0, free=1e6, kind="gpu"):
    needed = BASE_MB[kind] + each
    return n_members(pack, n_alike, n_devices=n_devices, needed_mb=needed, free_mb=free, kind=kind)


def test_a_pack_is_as_large_as_asked_and_as_memory_allows():
    assert size("auto") == 24
    assert size("auto", 100) == packing.MOST_IN_AUTO
    assert size("auto", n_devices=4) == 6
    assert size("auto", free=BASE_MB["gpu"] + 350) == 3
    assert size("auto", free=10) == 1
    assert size("auto", kind="cpu") == 1
    assert size(8) == 8
    assert size(8, 3) == 3
    assert size(8, kind="cpu") == 8
    assert size(0) == size(1) == 1


def test_what_may_be_asked_for():
    assert (checked_pack(True), checked_pack(False), checked_pack(None)) == ("auto", 0, 0)
    for wrong in ("many", -1, 2.5):
        with pytest.raises(QueueError, match="pack must be"):
            LaunchOptions(pack=wrong)


def test_auto_packs_only_where_jax_can_use_a_gpu(monkeypatch):
    there = {"jax", "jax_cuda12_plugin"}
    monkeypatch.setattr(packing, "find_spec", lambda name: name if name in there else None)
    assert usable_pack("auto", {}) == "auto"
    assert usable_pack("auto", {"KERAS_BACKEND": "tensorflow"}) == 0
    there.remove("jax_cuda12_plugin")
    assert usable_pack("auto", {}) == 0
    assert usable_pack(4, {}) == 4
    there.clear()
    assert usable_pack("auto", {}) == 0
    with pytest.raises(QueueError, match="not installed"):
        usable_pack(4, {})


def test_a_pack_is_kept_in_a_launch_and_in_its_folder(tmp_path):
    home = QueueHome.find({"LFADS_NB_HOME": str(tmp_path)})
    for pack in (12, "auto", 0):
        batch = Batch.new([tmp_path], LaunchOptions(pack=pack))
        batch.save(home)
        assert Batch.load(home.batches / f"{batch.key}.json") == batch
    make_pack_folder(home.packs / "one", [str(tmp_path)])
    assert [run.path for run in read_pack_folder(home.packs / "one")] == [tmp_path]
    with pytest.raises(QueueError, match="names no runs"):
        read_pack_folder(home.packs)


def test_the_table_says_how_many_train_together():
    status = RunStatus(RunState.TRAINING, device="GPU 0", pack=12)
    assert status.place == "12 in one program on GPU 0"
    assert replace(status, state=RunState.SAMPLING, pack=0).place == "GPU 0"
    assert RunStatus.from_json(status.to_json()) == status


def test_deciding_about_packs_imports_neither_tensorflow_nor_jax():
    code = (
        "import sys, lfads_nb.queue.packing as p; p.usable_pack('auto', {})\n"
        "assert not {'tensorflow', 'keras', 'jax'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def turn(folder, generation=0, **settings):
    chosen = {"learning_rate_init": 0.01, "keep_prob": 0.9, **settings}
    request = TurnRequest(folder.path, generation, chosen, 2 * generation, 2, None, 1)
    request.save()
    return request


def test_turns_of_one_generation_share_a_program(make_run, tmp_path):
    folders = [make_run(name, keep_prob=0.9) for name in "abcd"]
    assert turn_pack_key(folders[0]) is None  # nothing is asked for
    turn(folders[0])
    first = turn_pack_key(folders[0])
    assert first is not None
    # What is searched is part of the program, even at a value that would leave it out.
    turn(folders[1], learning_rate_init=0.1, keep_prob=1.0)
    assert turn_pack_key(folders[1]) == first
    turn(folders[2], 1)
    assert turn_pack_key(folders[2]) != first
    request = turn(folders[3])
    assert turn_pack_key(folders[3]) == first
    TurnResult(0, 2, 1.0, (1.0, 1.0), False, 1.0, 0.0).save(request)
    assert turn_pack_key(folders[3]) is None
