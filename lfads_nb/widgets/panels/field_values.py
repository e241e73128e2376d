"""A hyperparameter as text and back: what is typed into the form, and what is wrong with it."""

from __future__ import annotations

import ast
import math
from typing import Any

from lfads_nb.errors import ParamsError
from lfads_nb.sweep import ParamInfo

_YES, _NO = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def value_text(value: Any) -> str:
    """Write a value so that `parse_value` gives the same again."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = repr(value)
        return text.removesuffix(".0")
    if isinstance(value, tuple | list):
        return ", ".join(repr(item) for item in value)
    return str(value)


def parse_value(info: ParamInfo, text: str) -> Any:
    """Read a value that was typed in.

    Raises
    ------
    ParamsError
        If it is not a value of that field; the message says what would be.
    """
    text = text.strip()
    value = None if info.optional and text.lower() in ("", "none") else _of_kind(info, text)
    if value is not None:
        _check_bounds(info, value)
    return value


def _of_kind(info: ParamInfo, text: str) -> Any:
    try:
        if info.kind == "bool":
            return _bool(text)
        if info.kind == "int":
            return _whole(text)
        if info.kind == "float":
            return float(text)
        if info.kind == "other":
            return _tuple(text)
    except (ValueError, SyntaxError, OverflowError):
        raise _wrong(info, text) from None
    if info.kind == "choice" and text not in info.choices:
        raise _wrong(info, text)
    return text


def _bool(text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise ValueError
    return text.lower() in _YES


def _whole(text: str) -> int:
    number = float(text)  # 1e3 is a whole number too
    if not number.is_integer():
        raise ValueError
    return int(text) if text.lstrip("+-").isdigit() else int(number)


def _tuple(text: str) -> tuple[Any, ...]:
    value = ast.literal_eval(f"({text},)") if text else ()
    return tuple(value)


def _check_bounds(info: ParamInfo, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return
    low, high = info.minimum, info.maximum
    too_low = low is not None and (value < low or (value == low and not info.minimum_allowed))
    too_high = high is not None and (value > high or (value == high and not info.maximum_allowed))
    if too_low or too_high or not math.isfinite(value):
        raise _wrong(info, value_text(value))


def _wrong(info: ParamInfo, text: str) -> ParamsError:
    return ParamsError(f"must be {info.legal_range}, not {text!r}" if text else
                       f"is empty; it must be {info.legal_range}")  # fmt: skip


def parse_list(info: ParamInfo, text: str) -> list[Any]:
    """Read values to sweep over, separated by commas (or semicolons, or blanks between numbers).

    Raises
    ------
    ParamsError
        If there is none, or one of them is not a value of the field.
    """
    parts = text.split(";") if ";" in text else text.split(",")
    if len(parts) == 1 and info.kind in ("int", "float"):
        parts = text.split()
    values = [parse_value(info, part) for part in parts if part.strip()]
    if not values:
        raise ParamsError("give the values to sweep over, such as 2, 4, 8")
    repeated = [value for place, value in enumerate(values) if value in values[:place]]
    if repeated:
        raise ParamsError(f"{value_text(repeated[0])} is listed twice")
    return values
