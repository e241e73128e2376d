from __future__ import annotations

import json
from pathlib import Path

import pytest

from lfads_nb.errors import RunFolderError
from lfads_nb.model.hyperparameters import read_hyperparameters, write_hyperparameters
from lfads_nb.sweep.folders import RunFolder
from tests.model.small_runs import small_architecture

TF1 = Path(__file__).parent / "parity" / "single_controller"


def test_settings_of_tf1_are_read():
    stored = read_hyperparameters(RunFolder(TF1))
    assert (stored.datasets, stored.n_channels, stored.n_bins) == (("dataset001",), (9,), 20)
    p = stored.params
    assert (p.co_dim, p.gen_dim, p.do_causal_controller, p.device) == (2, 12, False, "/cpu:0")
    assert p.ramp_steps(1).kl_increase == 60
    assert p.num_steps_for_gen_ic is None


def test_settings_come_back_as_they_were_written(tmp_path):
    run = RunFolder(tmp_path)
    run.output.mkdir()
    changes = {"heldout_channels": 1, "alignment_extra_args": ("ridgeNormalizeEach", True)}
    architecture = small_architecture(
        sessions=("a", "b"), channels=(4, 6), num_steps_for_gen_ic=3, spike_bin_ms=10,
        kl_increase_steps=7, **changes,
    )  # fmt: skip
    write_hyperparameters(run, architecture, step=0, kind="train")
    stored = read_hyperparameters(run)
    assert (stored.datasets, stored.n_channels, stored.n_bins) == (("a", "b"), (4, 6), 7)
    # As TF1 keeps them, the ramps are multiplied by the number of sessions already.
    assert stored.params.ramp_steps(2) == architecture.params.ramp_steps(2)
    same = stored.params.copy(
        kl_increase_steps=7, l2_increase_steps=architecture.params.l2_increase_steps,
        scale_increase_steps_with_datasets=True, scale_start_step_with_datasets=True,
    )  # fmt: skip
    assert same.set_values() == architecture.params.set_values()


def test_every_key_of_tf1_is_written(tmp_path):
    run = RunFolder(tmp_path)
    run.output.mkdir()
    write_hyperparameters(run, small_architecture(), step=3, kind="train")
    ours = json.loads(run.hyperparameters(3).read_text())
    theirs = json.loads(RunFolder(TF1).hyperparameters(0).read_text())
    assert set(theirs) <= set(ours)
    assert {k: type(v) for k, v in theirs.items() if not isinstance(v, float)} == {
        k: type(ours[k]) for k, v in theirs.items() if not isinstance(v, float)
    }


def test_training_settings_come_before_those_of_later_stages(tmp_path):
    run = RunFolder(tmp_path)
    run.output.mkdir()
    write_hyperparameters(run, small_architecture(batch_size=99), step=3, kind="posterior")
    write_hyperparameters(run, small_architecture(batch_size=5), step=10, kind="train")
    write_hyperparameters(run, small_architecture(batch_size=7), step=20, kind="train")
    assert read_hyperparameters(run).params.batch_size == 5


def test_a_folder_without_settings_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="folder of a trained run"):
        read_hyperparameters(RunFolder(tmp_path))
