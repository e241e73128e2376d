"""What a `status.json` may hold: each value of its type and within reason, whoever wrote the file.

Every view and the queue itself rely on it: a process id that is text, a time left that is infinite
or a table where a number should be is refused here, for that run alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from lfads_nb.plain_text import plain_text

_LARGEST_PID = 2**31 - 1
_LONGEST_TEXT = 100_000
_TRAINING_FIGURES = ("epoch", "total_train", "total_valid", "learning_rate", "best_epoch")
_MAX_FIGURES = 1000


def checked_values(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return those values of a status that are known, each checked; `state` is not among them.

    Raises
    ------
    ValueError
        One cannot be what it should; the message names it.
    """
    values = {}
    for name, check in _CHECKS.items():
        if name in content:
            try:
                values[name] = check(content[name])
            except (TypeError, ValueError, OverflowError):
                shown = plain_text(repr(content[name]))[:60]
                raise ValueError(f"its {name!r} cannot be {shown}") from None
    return values


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return plain_text(value)[:_LONGEST_TEXT]


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError
    return value


def _pid(value: Any) -> int | None:
    if value is None:
        return None
    if not 0 < _count(value) <= _LARGEST_PID:
        raise ValueError
    return value


def _finite(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _size(value: Any) -> float | None:
    found = _finite(value)
    if found is not None and found < 0:
        raise ValueError
    return found


def _stages(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError
    return tuple(_text(stage) for stage in value)


def _times(value: Any) -> dict[str, str]:
    """Times of states; one that cannot be read as a time is left out."""
    times = {}
    for name, text in dict(value).items():
        try:
            datetime.fromisoformat(text).astimezone()
            times[_text(name)] = text
        except (TypeError, ValueError, OverflowError):
            continue
    return times


def _progress(value: Any) -> dict[str, Any]:
    """Figures of a training; one that is none is left out, and cannot be shown then."""
    if not isinstance(value, dict):
        raise TypeError
    figures = {
        _text(name): kept
        for name, item in list(value.items())[:_MAX_FIGURES]
        if (kept := _figure(item)) is not None
    }
    for name, highest in (("fraction", 1.0), ("eta_s", math.inf)):
        found = figures.get(name)
        if found is not None and not (_is_number(found) and 0 <= found <= highest):
            del figures[name]
    if isinstance(figures.get("eta_s"), float) and not math.isfinite(figures["eta_s"]):
        del figures["eta_s"]
    return {
        name: figure
        for name, figure in figures.items()
        if name not in _TRAINING_FIGURES or _is_number(figure)
    }


def _is_number(figure: Any) -> bool:
    return isinstance(figure, int | float) and not isinstance(figure, bool)


def _figure(item: Any) -> Any:
    if isinstance(item, str):
        return plain_text(item)[:_LONGEST_TEXT]
    if isinstance(item, bool | float):
        return item  # a cost may be NaN or infinite: that is what the training has come to
    if isinstance(item, int):
        return item if abs(item) < 2**53 else None
    if isinstance(item, dict):
        plain = {_text(k): v for k, v in item.items() if isinstance(v, int | float | str)}
        return {k: kept for k, v in plain.items() if (kept := _figure(v)) is not None}
    return None


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "stage": _text,
    "progress": _progress,
    "pid": _pid,
    "pid_started": _finite,
    "kernel_pid": _pid,
    "host": _text,
    "device": _text,
    "times": _times,
    "finished_stages": _stages,
    "reason": _text,
    "detail": _text,
    "training_end": _text,
    "attempt": _count,
    "attempt_id": _text,
    "mode": _text,
    "peak_memory_mb": _size,
    "heartbeat": _finite,
    "submission": _text,
    "job": _text,
    "cluster": _text,
    "pack": _count,
}
