"""Drop-downs whose choices follow what is looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as w


def offer(
    box: w.Dropdown, options: Sequence[str], on_change: Callable[[Any], Any] | None = None
) -> str:
    """Offer these, keep the choice if it is still one, else take the first; returns the choice.

    Parameters
    ----------
    box : the drop-down.
    options : at least one.
    on_change : what follows its value; it is not called for this.
    """
    if tuple(options) == box.options:
        return box.value
    before = box.value
    if on_change is not None:
        box.unobserve(on_change, "value")
    box.options = tuple(options)
    box.value = before if before in options else options[0]
    if on_change is not None:
        box.observe(on_change, "value")
    return box.value


def choose(box: w.Dropdown, value: str, on_change: Callable[[Any], Any]) -> str:
    """Choose one of those that are offered, without calling what follows the choice."""
    box.unobserve(on_change, "value")
    box.value = value
    box.observe(on_change, "value")
    return value
