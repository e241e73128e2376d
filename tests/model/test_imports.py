from __future__ import annotations

import os
import subprocess
import sys

import pytest

CHECK = """
import sys
import lfads_nb.model.stages
print(sorted({"sklearn", "jax"} & set(sys.modules)))
from sklearn.linear_model import Ridge
import jax
print(Ridge.__name__, jax.__name__)
"""


@pytest.mark.slow
def test_the_model_imports_no_wrappers_and_leaves_them_to_others():
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    said = subprocess.run(
        [sys.executable, "-c", CHECK], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == ["[]", "Ridge jax"]
