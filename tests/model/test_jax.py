"""The same tests in a process of their own whose backend is JAX.

They are those of old weights, and a training with its samples and its export.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARITY = "tests/model/test_parity.py::"
STAGES = "tests/model/test_stages.py::"
TESTS = (
    f"{PARITY}test_push_mean_of_old_weights_equals_that_of_tf1",
    f"{PARITY}test_push_mean_equals_the_equations_in_numpy[gaussian, stitched, controller]",
    f"{PARITY}test_push_mean_equals_the_equations_in_numpy[rates fed back, lag 2]",
    f"{PARITY}test_sample_averages_of_old_weights_equal_those_of_tf1_within_sampling_error",
    f"{STAGES}test_training_leaves_what_others_read",
    f"{STAGES}test_every_split_is_sampled",
    f"{STAGES}test_a_training_stopped_within_an_epoch_loses_nothing_but_that[True]",
    "tests/model/test_inference.py::test_the_training_files_own_trials_give_its_stored_outputs",
    "tests/model/test_settings.py::test_new_numbers_act_in_a_step_that_is_compiled_already",
    "tests/model/test_turns.py::test_turns_follow_each_other",
    "tests/model/test_turns.py::test_kept_models_give_what_new_ones_give",
    "tests/model/test_packs.py",
    "tests/model/test_turn_packs.py",
)


@pytest.mark.training
@pytest.mark.timeout(600)
@pytest.mark.skipif(find_spec("jax") is None, reason="needs JAX: pip install 'lfads-nb[jax]'")
def test_old_weights_and_a_training_under_jax(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS],
        cwd=ROOT,
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            # Most of the time goes by compiling the same tiny programs for one test after another.
            "JAX_COMPILATION_CACHE_DIR": str(tmp_path),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        },
        capture_output=True,
        text=True,
        timeout=580,
    )
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-2000:]
    assert "21 passed" in ran.stdout
    assert "skipped" not in ran.stdout
