"""Keras settings of the user's own, in a process of its own."""

import json
import os
import subprocess
import sys

import pytest

from lfads_nb.errors import ParamsError
from lfads_nb.model.keras_settings import choose_backend

CODE = """
from lfads_nb.model import stages
import keras
dtype = keras.backend.standardize_dtype(keras.ops.ones(1).dtype)
print(keras.config.backend(), keras.config.floatx(), dtype)
"""


def in_a_process(home, code, **environment):
    env = {**os.environ, "HOME": str(home), **environment}
    for name in ("KERAS_HOME", "KERAS_BACKEND"):
        if name not in environment:
            env.pop(name, None)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)


def write_settings(home, text):
    (home / ".keras").mkdir()
    (home / ".keras" / "keras.json").write_text(text)


@pytest.mark.processes
@pytest.mark.parametrize(
    ("settings", "environment"),
    [
        (json.dumps({"floatx": "float64", "backend": "torch"}), {}),
        (json.dumps({"floatx": "float17"}), {"KERAS_BACKEND": "torch"}),
    ],
    ids=["another dtype and backend", "no dtype, a backend that is not installed"],
)
def test_keras_settings_of_the_user_s_own_leave_a_run_alone(tmp_path, settings, environment):
    write_settings(tmp_path, settings)
    ran = in_a_process(tmp_path, CODE, **environment)
    assert ran.stdout.split() == ["tensorflow", "float32", "float32"], ran.stderr
    assert (tmp_path / ".keras" / "keras.json").read_text() == settings


@pytest.mark.processes
def test_keras_that_was_imported_with_other_settings_is_refused_in_words(tmp_path):
    write_settings(tmp_path, json.dumps({"floatx": "float64"}))
    ran = in_a_process(tmp_path, "import keras\n" + CODE, KERAS_BACKEND="tensorflow")
    assert "float64" in ran.stderr
    assert "keras.json" in ran.stderr


def test_a_backend_that_is_not_installed_is_named_with_its_variable():
    with pytest.raises(ParamsError, match="KERAS_BACKEND asks for jax"):
        choose_backend({"KERAS_BACKEND": "jax"}, lambda name: None)
    assert choose_backend({"KERAS_BACKEND": "torch"}) == "tensorflow"
    assert choose_backend({}) == "tensorflow"
