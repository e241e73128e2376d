"""LFADS itself. Importing any part of it imports Keras and its backend, so that is done well here.

Where scikit-learn, and JAX beside TensorFlow, are installed, Keras and TensorFlow import them for
wrappers that nobody here uses: a quarter or more of the time before a run's first step.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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


def _trains_with_jax() -> bool:
    """Look where Keras looks for its backend."""
    chosen = os.environ.get("KERAS_BACKEND")
    if chosen:
        return chosen == "jax"
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        return "jax" in (home / "keras.json").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


with _without("sklearn", *(() if _trains_with_jax() else ("jax",))):
    import keras  # noqa: F401
