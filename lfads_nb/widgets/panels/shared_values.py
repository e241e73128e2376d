"""What settings have in common, and what sets each apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lfads_nb.sweep import RunParams
from lfads_nb.sweep.params import format_value


def shared_values(settings: Sequence[RunParams]) -> dict[str, Any]:
    """Return what all settings have in common beyond the defaults; of a single one nothing."""
    if len(settings) < 2:
        return {}
    first, *others = (params.non_defaults() for params in settings)
    return {
        name: value
        for name, value in first.items()
        if all(name in other and other[name] == value for other in others)
    }


def own_values_text(params: RunParams, shared: Mapping[str, Any]) -> str:
    """Return what a setting does not share, as `name=value`; its label has a place of its own."""
    own = {name: v for name, v in params.non_defaults().items() if name not in shared}
    own.pop("name", None)
    return assignments(own)


def assignments(values: Mapping[str, Any]) -> str:
    """Return `name=value name=value`."""
    return " ".join(f"{name}={format_value(value)}" for name, value in values.items())
