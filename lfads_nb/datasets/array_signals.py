"""Behaviour among a file's named arrays: `behavior_<name>`, its unit `behavior_<name>_unit`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from lfads_nb.datasets.labels import as_text

_PREFIX = "behavior_"


def find_signals(
    names: Iterable[str], read: Callable[[str], Any]
) -> dict[str, tuple[Callable[[], Any], str]]:
    """For each behavioural signal: what reads it, and its unit.

    Parameters
    ----------
    names : of a file's arrays.
    read : gives one of them.
    """
    keys = [key for key in names if key == "behavior" or key.startswith(_PREFIX)]
    units = {
        key: text
        for key in keys
        if key.endswith("_unit")
        and key.removesuffix("_unit") in keys
        and (text := _text(read(key))) is not None
    }
    return {
        key.removeprefix(_PREFIX): (partial(read, key), units.get(f"{key}_unit", ""))
        for key in keys
        if key not in units
    }


def _text(value: Any) -> str | None:
    value = value.reshape(-1)[0] if isinstance(value, np.ndarray) and value.size == 1 else value
    if isinstance(value, bytes):
        return as_text(value)
    return str(value) if isinstance(value, str) else None
