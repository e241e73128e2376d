"""Compile quickly rather than well, or not at all: the networks here are tiny."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")


@pytest.fixture
def op_by_op(monkeypatch):
    """Train and sample without graphs, whose making takes most of a tiny run's time.

    Training's loops over time are compiled all the same. Tests without this fixture use graphs, and
    JAX always does: it would compile every operation by itself.
    """
    from lfads_nb.model import sample_pass, sampling
    from lfads_nb.model.backend import backend_name
    from lfads_nb.model.lfads import Lfads

    if backend_name() == "jax":
        return
    compile_model = Lfads.compile
    monkeypatch.setattr(
        Lfads, "compile", lambda self, **more: compile_model(self, **{**more, "run_eagerly": True})
    )
    monkeypatch.setattr(sampling, "compiled", lambda model, function: function)
    monkeypatch.setattr(sample_pass, "compiled_loop", lambda function: function())
