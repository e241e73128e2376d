"""Packs on tiny folders; run by `test_jax.py` in a process whose backend is JAX."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from lfads_nb.errors import ParamsError, TrainingError
from lfads_nb.model import pack_models, pack_sampling
from lfads_nb.model.backend import backend_name
from lfads_nb.model.checkpoints import LOWEST_VALID, ROLLING, Checkpoints
from lfads_nb.model.packs import PackRun, train_together
from lfads_nb.model.stages import sample_posterior, train
from lfads_nb.sweep.folders import RunFolder
from tests.model.small_runs import small_params, write_inputs

pytestmark = pytest.mark.training

on_jax = pytest.mark.skipif(backend_name() != "jax", reason="run by test_jax.py, under JAX")


def folder_of(path: Path, *data: RunFolder) -> RunFolder:
    """A run's folder with links to the inputs that others read too."""
    run = RunFolder(path)
    run.input.mkdir(parents=True)
    for number, source in enumerate(data):
        name = ("one", "two")[number]
        os.symlink(source.input_file(name), run.input_file(name))
    return run


def figures(run: RunFolder) -> np.ndarray:
    """All numbers of the fit log, (epochs, figures)."""
    with run.fit_log.open() as file:
        rows = list(csv.reader(file))
    return np.array([[float(x) for x in row if _is_number(x)] for row in rows])


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def steps(run: RunFolder, series: str) -> list[int]:
    return [
        int(p.name.split("-")[1].split(".")[0]) for p in Checkpoints(run.output, series).paths()
    ]


@on_jax
def test_two_stitched_controllers_train_as_they_do_alone(tmp_path):
    data = [
        write_inputs(tmp_path / "a", "one", n_channels=6),
        write_inputs(tmp_path / "b", "two", n_channels=4, n_train=13),
    ]
    params = [
        small_params(
            co_dim=1, keep_prob=keep, coordinated_dropout_rate=0.2, sample_validation_rate=0.1,
            temporal_spike_jitter_width=width, learning_rate_init=rate, kl_co_weight=weight,
            seed=seed, max_epochs=4,
        )
        for keep, width, rate, weight, seed in ((0.9, 0, 0.01, 1.0, 1), (0.7, 1, 0.003, 0.2, 2))
    ]  # fmt: skip
    names = ("one", "two")
    together = [folder_of(tmp_path / f"together{i}", *data) for i in range(2)]
    ended = train_together(
        [PackRun(run, p, names) for run, p in zip(together, params, strict=True)]
    )
    for index, run in enumerate(together):
        alone = folder_of(tmp_path / f"alone{index}", *data)
        same = train(alone, params[index], names)
        np.testing.assert_allclose(figures(run), figures(alone), rtol=1e-4, atol=1e-2)
        assert ended[index].best_epoch == same.best_epoch
        assert ended[index].best_total_valid == pytest.approx(same.best_total_valid, rel=1e-4)
        assert steps(run, LOWEST_VALID)[0] == steps(alone, LOWEST_VALID)[0]
        assert steps(run, ROLLING)[0] == steps(alone, ROLLING)[0]


@on_jax
def test_members_end_each_in_its_own_way(tmp_path):
    data = write_inputs(tmp_path / "data")
    told: list[int] = []

    def run(name: str, **changes) -> PackRun:
        more = {name: changes.pop(name) for name in ("should_stop",) if name in changes}
        params = small_params(**{"max_epochs": 6, "keep_prob": 0.9, **changes})
        return PackRun(folder_of(tmp_path / name, data), params, ("one",), **more)

    healthy = run("healthy", seed=5)
    members = [
        run("short", seed=1, max_epochs=2),
        run("diverges", seed=2, learning_rate_init=1e38),
        healthy,
        run("told to stop", seed=3, should_stop=lambda: bool(told.append(1)) or len(told) >= 3),
    ]
    short, diverged, well, stopped = train_together(members)
    assert (short.epochs, short.stop_reason) == (2, "max_epochs=2 reached")
    assert isinstance(diverged, TrainingError)
    assert "lower learning_rate_init" in str(diverged)
    assert (stopped.epochs, stopped.stop_reason) == (3, "stopped on request")
    assert well.epochs == 6

    # The one that went on alone is what it would have been alone.
    alone = folder_of(tmp_path / "alone", data)
    train(alone, healthy.params, ("one",))
    np.testing.assert_allclose(figures(healthy.folder), figures(alone), rtol=1e-4, atol=1e-2)

    # Begun in a pack, gone on with alone, and the other way round.
    half = folder_of(tmp_path / "half", data)
    count: list[int] = []

    def after_nine_steps() -> bool:
        count.append(1)
        return len(count) >= 9

    train(half, members[3].params, ("one",), should_stop=after_nine_steps)
    back = train(members[3].folder, members[3].params, ("one",))
    assert (back.epochs, back.resumed_from_step) == (6, 9)
    (again, ended_before) = train_together(
        [PackRun(half, members[3].params, ("one",)), PackRun(alone, healthy.params, ("one",))]
    )
    assert again.epochs == 6
    assert ended_before.stop_reason == "max_epochs=6 reached"
    np.testing.assert_allclose(figures(half), figures(members[3].folder), rtol=1e-4, atol=1e-2)


@on_jax
def test_members_are_sampled_by_the_pack_as_they_are_alone(tmp_path, monkeypatch):
    data = write_inputs(tmp_path / "data")
    settings = [
        small_params(seed=1, kl_ic_weight=1.0, max_epochs=2, store_posterior_sd=True),
        small_params(seed=2, kl_ic_weight=0.1, max_epochs=3, store_posterior_sd=True),
        small_params(seed=3, max_epochs=3, posterior_mean_kind="posterior_push_mean"),
    ]
    told: list[str] = []
    runs = [
        PackRun(
            folder_of(tmp_path / str(i), data),
            params,
            ("one",),
            on_end=lambda _, i=i: told.append(f"{i} ended"),
            on_sampled=lambda i=i: told.append(f"{i} sampled"),
        )
        for i, params in enumerate(settings)
    ]
    train_together(runs, sample=True)
    assert told == [f"{i} {what}" for i in range(3) for what in ("sampled", "ended")]
    for run in runs:
        for split in ("train", "valid"):
            path = run.folder.posterior_means("one", split, run.params.posterior_mean_kind)
            by_pack = arrays_of(path)
            path.unlink()
            sample_posterior(run.folder, run.params, run.datasets)
            alone = arrays_of(path)
            assert by_pack.keys() == alone.keys()
            for name, array in alone.items():
                np.testing.assert_allclose(by_pack[name], array, rtol=1e-5, atol=1e-6, err_msg=name)

    # A sampling that fails is left to the run's own process, and no others mind.
    def out_of_memory(*_) -> None:
        raise RuntimeError("RESOURCE_EXHAUSTED")

    monkeypatch.setattr(pack_sampling, "write_posterior", out_of_memory)
    folder = folder_of(tmp_path / "again", data)
    again = PackRun(folder, settings[0], ("one",), on_sampled=lambda: told.append("again"))
    (ended,) = train_together([again], sample=True)
    assert ended.epochs == 2
    assert "again" not in told


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: item[()] for name, item in file.items()}


@on_jax
def test_what_is_no_pack_is_refused(tmp_path):
    data, other = write_inputs(tmp_path / "data"), write_inputs(tmp_path / "other")
    one = PackRun(folder_of(tmp_path / "1", data), small_params(), ("one",))
    wide = PackRun(folder_of(tmp_path / "2", data), small_params(gen_dim=9), ("one",))
    with pytest.raises(ParamsError, match="more than numbers"):
        train_together([one, wide])
    elsewhere = PackRun(folder_of(tmp_path / "3", other), small_params(), ("one",))
    with pytest.raises(ParamsError, match="other data"):
        train_together([one, elsewhere])


def test_a_pack_without_jax_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(pack_models, "backend_name", lambda: "tensorflow")
    run = PackRun(RunFolder(tmp_path), small_params(), ("one",))
    with pytest.raises(ParamsError, match="KERAS_BACKEND=jax"):
        train_together([run])
