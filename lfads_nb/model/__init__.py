"""LFADS itself. Importing any part of it imports Keras and its backend, so that is done well here.

Where scikit-learn, and JAX beside TensorFlow, are installed, Keras and TensorFlow import them for
wrappers that nobody here uses: a quarter or more of the time before a run's first step.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lfads_nb.model.keras_settings import choose_backend, import_keras


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Let imports within the block find none of these packages, unless they are loaded already."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


_HIDDEN = ("sklearn", *(("jax",) if choose_backend(os.environ) == "tensorflow" else ()))

with _without(*_HIDDEN):
    import_keras()
