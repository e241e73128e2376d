import h5py
import numpy as np

from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.memory import BASE_MB, MemoryBook, estimate_mb, read_shape, shape_of
from lfads_nb.sweep.params import RunParams


def write_input(folder, trials=8, bins=5, channels=3):
    with h5py.File(folder.input_file("ds"), "w") as file:
        file["train_data"] = np.zeros((trials, bins, channels))
        file["valid_data"] = np.zeros((2, bins, channels))


def home_in(tmp_path):
    home = QueueHome(tmp_path / "home")
    home.make()
    return home


def test_the_shape_is_that_of_the_prepared_inputs(folder):
    write_input(folder)
    shape = read_shape(folder)
    assert (shape.n_trials, shape.n_bins, shape.n_channels) == (10, 5, 3)


def test_inputs_that_cannot_be_read_give_the_least(folder):
    assert read_shape(folder) is None
    folder.input_file("ds").write_bytes(b"no")
    assert read_shape(folder) is None
    assert estimate_mb(None, "gpu") == BASE_MB["gpu"]


def test_larger_models_batches_and_data_need_more():
    sizes = [(100, 100, 30)]
    small = estimate_mb(shape_of(RunParams(co_dim=0), sizes), "gpu")
    for params, data in (
        (RunParams(co_dim=0, gen_dim=400), sizes),
        (RunParams(co_dim=0, batch_size=1024), sizes),
        (RunParams(co_dim=0), [(100, 1000, 30)]),
        (RunParams(co_dim=0), [(100, 100, 300)]),
        (RunParams(co_dim=4), sizes),
    ):
        assert estimate_mb(shape_of(params, data), "gpu") > small


def test_what_a_run_took_is_remembered_for_its_shape_and_kind_of_device(folder, tmp_path):
    write_input(folder)
    book = MemoryBook(home_in(tmp_path))
    run = str(folder.path)
    before = book.needed_mb(run, "gpu")
    book.learn(run, "gpu", 4000.0)
    again = MemoryBook(home_in(tmp_path))
    assert 4000.0 < again.needed_mb(run, "gpu") < 5000.0
    assert again.needed_mb(run, "cpu") < before


def test_what_a_program_of_several_runs_took_tells_what_the_next_takes(folder, tmp_path):
    write_input(folder)
    home, run = home_in(tmp_path), str(folder.path)
    book = MemoryBook(home)
    assert book.needed_in_pack_mb(run, "gpu") == book.needed_mb(run, "gpu")
    book.learn_pack(run, "gpu", BASE_MB["gpu"] + 4 * 100.0, 4)
    again = MemoryBook(home)
    assert (
        BASE_MB["gpu"] + 100.0 < again.needed_in_pack_mb(run, "gpu") < BASE_MB["gpu"] * 1.15 + 120
    )
    assert again.needed_mb(run, "gpu") == estimate_mb(read_shape(folder), "gpu")
