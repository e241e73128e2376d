"""Choosing named things by name, pattern, index or mask."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any, Protocol, TypeVar

import numpy as np

from lfads_nb.errors import CollectionError


class _Named(Protocol):
    name: str


T = TypeVar("T", bound=_Named)


def choose(things: Sequence[T], which: Any, *, owner: str) -> list[T]:
    """Choose some of a sequence of named things.

    Parameters
    ----------
    things : all there are.
    which : names, patterns, indices, the things themselves, several of these, a slice, or a mask
        with one bool per thing; None chooses all.
    owner : whose they are, for messages.

    Returns
    -------
    chosen : without repeats, in the order asked for.

    Raises
    ------
    CollectionError
        When any is missing.
    """
    if which is None:
        return list(things)
    if isinstance(which, slice):
        return list(things[which])
    items = list(which) if isinstance(which, Iterable) and not isinstance(which, str) else [which]
    if items and all(isinstance(item, bool | np.bool_) for item in items):
        return _masked(things, items, owner)
    chosen: list[T] = []
    missing = []
    for item in items:
        found = _matching(things, item)
        chosen += [thing for thing in found if thing not in chosen]
        if not found:
            missing.append(item)
    if missing:
        raise CollectionError(
            f"{owner} has no {', '.join(map(repr, missing))}; it has "
            f"{', '.join(thing.name for thing in things) or 'none yet'}."
        )
    return chosen


def _masked(things: Sequence[T], mask: Sequence[bool], owner: str) -> list[T]:
    if len(mask) != len(things):
        raise CollectionError(
            f"{owner} has {len(things)} entries, but the mask has {len(mask)} values."
        )
    return [thing for thing, wanted in zip(things, mask, strict=True) if wanted]


def _matching(things: Sequence[T], item: Any) -> list[T]:
    if isinstance(item, int | np.integer):
        inside = -len(things) <= item < len(things)
        return [things[int(item)]] if inside else []
    if not isinstance(item, str):
        return [thing for thing in things if thing is item]
    exact = [thing for thing in things if thing.name == item]
    if exact or not re.search(r"[*?\[]", item):
        return exact
    return [thing for thing in things if fnmatchcase(thing.name, item)]
