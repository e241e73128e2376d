"""One number or text per trial: the rule by which any source's values become an array.

None means none, numbers stay numbers, text stays text. It holds for every way in: lists, arrays,
masked arrays, pandas columns of any dtype, cell arrays of MATLAB, bytes, condition tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from numbers import Real
from typing import Any

import numpy as np

from lfads_nb.errors import DataError

# Text width that numpy gives to whole numbers and to floats when it turns a mix into text.
_WIDTH_OF_MIXES = (21, 32)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|nan|None|inf")


def as_labels(values: Any, *, field: str, dataset: str | None, column: bool = False) -> np.ndarray:
    """Turn one value per trial, in any usual form, into an array of numbers or of text.

    Parameters
    ----------
    values : list, array, masked array, pandas Series, Index or Categorical, with columns as MATLAB
        writes them (trials x 1) too. None, NaN, NA, NaT, a masked value, an empty text and an
        empty array mean none. Bytes are read as UTF-8, else as Latin-1; dates become ISO text. A
        single value stands for a single trial.
    field, dataset : for messages.
    column : a column that is only kept along: numbers among text become text, too.

    Returns
    -------
    labels : (trials,) of bool, integers or floats, where NaN means none, or unicode text, where ''
        does.

    Raises
    ------
    DataError
        When values are neither numbers nor text, are both, or are not in one dimension.
    """

    def fail(message: str, trial: int | None = None) -> DataError:
        return DataError(message, dataset=dataset, field=field, trial=trial)

    if isinstance(values, str | bytes | Real):
        values = [values]
    if isinstance(values, Mapping | set | frozenset) or not isinstance(values, Iterable):
        raise fail(f"is a {type(values).__name__}. Give a list or array with one value per trial.")
    shape = getattr(values, "shape", ())
    if len(shape) != 1 and len(shape) - shape.count(1) > 1:
        raise fail(
            f"needs one number or text per trial, in one dimension; its shape is {tuple(shape)}."
        )
    if isinstance(values, np.ndarray) and not isinstance(values, np.ma.MaskedArray):
        if values.dtype.kind in "biuf":
            return values.reshape(-1)
        if values.dtype.kind == "U":
            values = values.reshape(-1)
            if not column:
                _refuse_text_of_a_mix(values, fail)
            return values
    raw = _items(values)
    empty_text = any(isinstance(item, str | bytes) for item in raw)
    return _joined([_plain(item) for item in raw], column, empty_text, fail)


def _items(values: Any) -> list[Any]:
    if isinstance(values, np.ma.MaskedArray):
        return values.reshape(-1).tolist()
    if isinstance(values, np.ndarray):
        items = values.reshape(-1)
        return items.tolist() if items.dtype.kind not in "Mm" else items.astype("O").tolist()
    if hasattr(values, "dtype") and not hasattr(values, "__array_interface__"):
        values = np.asarray(values, dtype=object)  # pandas: NA and categories as they are
    return list(values)


def _plain(item: Any) -> Any:
    """None, a Python number, a text or a date; anything else as it is."""
    while isinstance(item, np.ndarray | list | tuple) and np.size(item) <= 1:
        if isinstance(item, np.ma.MaskedArray) and np.ma.is_masked(item):
            return None
        flat = np.asarray(item, dtype=object).reshape(-1)
        if not len(flat):
            return None
        item = flat[0]
    if item is np.ma.masked:
        return None
    if isinstance(item, np.generic):
        item = item.item()
    if isinstance(item, bytes):
        item = as_text(item)
    if item is None or type(item).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(item, str):
        return item or None
    return None if isinstance(item, Real) and item != item else item


def as_text(raw: bytes) -> str:
    """Read bytes as UTF-8 or, where they are not, as Latin-1, which older programs wrote."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _joined(items: list[Any], column: bool, empty_text: bool, fail: Any) -> np.ndarray:
    kinds = [_kind(item) for item in items]
    for trial, (kind, item) in enumerate(zip(kinds, items, strict=True)):
        if kind == "other":
            raise fail(f"is a {type(item).__name__}. Use numbers or text.", trial)
    given = [kind for kind in kinds if kind != "none"]
    if len(set(given)) > 1 and not column:
        trial = next(i for i, kind in enumerate(kinds) if kind not in ("none", given[0]))
        first = items[kinds.index(given[0])]
        raise fail(
            f"mixes text with other types: {items[trial]!r} here, {first!r} before. Give every "
            "trial a number, or every trial a text.",
            trial,
        )
    if "text" in given or (empty_text and not given):
        return np.array(["" if v is None else _text_of(v) for v in items], dtype=np.str_)
    return _as_numbers(items, fail)


def _kind(item: Any) -> str:
    if item is None:
        return "none"
    if isinstance(item, str | date):
        return "text"
    return "number" if isinstance(item, Real) else "other"


def _text_of(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _as_numbers(items: list[Any], fail: Any) -> np.ndarray:
    if items and all(isinstance(item, bool) for item in items):
        return np.array(items, dtype=bool)
    if all(isinstance(item, int) and -(2**63) <= item < 2**63 for item in items):
        return np.array(items, dtype=np.int64)
    for trial, item in enumerate(items):
        if isinstance(item, int) and abs(item) > 2**53:
            raise fail(f"has {item}, too large to keep beside gaps or fractions.", trial)
    return np.array([np.nan if item is None else float(item) for item in items])


def _refuse_text_of_a_mix(texts: np.ndarray, fail: Any) -> None:
    """Refuse text that numpy made of a mix: `np.array(["left", nan])` holds the text "nan"."""
    if texts.dtype.itemsize // 4 not in _WIDTH_OF_MIXES:
        return
    numbers = np.array([bool(_NUMBER.fullmatch(text)) for text in texts], dtype=bool)
    if numbers.any() and not numbers[texts != ""].all():
        trial = int(np.argmax(numbers))
        raise fail(
            f"holds the text {str(texts[trial])!r} among others: NumPy turns a mix of numbers and "
            "text into text. Pass the list itself, with None for a trial that has none.",
            trial,
        )
