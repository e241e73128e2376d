"""Keras as LFADS needs it, whatever a user has set for other work.

Keras takes its dtype and backend from `~/.keras/keras.json` and KERAS_BACKEND when it is first
imported; this module imports it first, with neither. The model computes in float32 on TensorFlow,
or on JAX where KERAS_BACKEND asks for that.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from lfads_nb.errors import ParamsError

log = logging.getLogger(__name__)

BACKENDS = ("tensorflow", "jax")


def choose_backend(
    environment: Mapping[str, str], is_installed: Callable[[str], object] = importlib.util.find_spec
) -> str:
    """Return the backend to compute on; one that LFADS does not run on is passed over.

    Raises
    ------
    ParamsError
        KERAS_BACKEND asks for JAX, which is not installed.
    """
    asked = environment.get("KERAS_BACKEND", "").strip().lower()
    if asked not in BACKENDS:
        if asked:
            log.warning("KERAS_BACKEND=%s is passed over: LFADS runs on TensorFlow here.", asked)
        return BACKENDS[0]
    if not is_installed(asked):
        raise ParamsError(
            f"the environment variable KERAS_BACKEND asks for {asked}, which is not installed: "
            f"unset it, or pip install {asked}"
        )
    return asked


def import_keras() -> None:
    """Import Keras without the user's settings, or refuse those it was imported with already.

    Raises
    ------
    ParamsError
        The backend is not installed, or this process uses Keras with other settings already.
    """
    if "keras" in sys.modules:
        import keras

        found = {"backend": keras.config.backend(), "floatx": keras.config.floatx()}
        if found["backend"] not in BACKENDS or found["floatx"] != "float32":
            raise ParamsError(
                f"Keras was imported in this process with backend {found['backend']} and "
                f"{found['floatx']} (by ~/.keras/keras.json, KERAS_BACKEND or keras.config); LFADS "
                "needs tensorflow or jax and float32: start a new kernel and import lfads_nb.model "
                "first, or change those settings"
            )
        return
    with tempfile.TemporaryDirectory(prefix="no-keras-settings-") as nothing:
        # Keras writes its defaults into a folder that has none.
        chosen = {"KERAS_HOME": nothing, "KERAS_BACKEND": choose_backend(os.environ)}
        with _environment(chosen):
            import keras


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set variables of this process for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
