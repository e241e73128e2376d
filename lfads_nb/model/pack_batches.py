"""The data of a pack, on the device once, and each member's batches as indices to its trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lfads_nb.model.batches import SessionBatches, make_batch
from lfads_nb.model.stacked_models import Plan, on_device

_OF_TRIALS = ("counts", "external", "present", "hidden")


def data_of(batches: Sequence[SessionBatches]) -> dict[str, Any]:
    """Put one split of all sessions on the device, for all members.

    Sessions lie one after the other, padded to the same number of channels.

    Parameters
    ----------
    batches : of each member
        Of the same sessions and split. What is hidden for sample validation is drawn by each
        member's own seed.
    """
    whole = [_trials_of(each) for each in batches]
    shared = {name: x for name, x in whole[0].items() if name != "hidden"}
    own = [{name: x for name, x in each.items() if name == "hidden"} for each in whole]
    return on_device(shared, own)


def _trials_of(batches: SessionBatches) -> dict[str, np.ndarray]:
    parts = []
    for index, trials in enumerate(batches.trials):
        part = make_batch(
            batches.architecture,
            trials,
            index,
            hidden=None if batches.hidden is None else batches.hidden[index],
            mask_missing=batches.has_missing,
        )
        parts.append({name: part[name] for name in _OF_TRIALS if name in part})
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {name: _compact(array) for name, array in joined.items()}


def _compact(array: np.ndarray) -> np.ndarray:
    """Hold small whole numbers in bytes, a quarter of the memory."""
    small = array.astype(np.uint8) if array.size and 0 <= array.min() <= array.max() < 256 else None
    return small if small is not None and np.array_equal(small, array) else array


def plans_of(batches: Sequence[SessionBatches]) -> Plan:
    """Return the batches of each member's epoch as indices into `data_of`'s trials."""
    jittered = any(each.jitters for each in batches)
    plans = [_plan_of(each, with_counts=jittered) for each in batches]
    return Plan(*(None if x[0] is None else np.stack(x) for x in zip(*plans, strict=True)))


def _plan_of(batches: SessionBatches, *, with_counts: bool) -> Plan:
    lengths = [len(trials) for trials in batches.trials]
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    rows = batches.rows
    counts = None
    if with_counts:
        counts = np.stack([batches[i][0]["counts"][0] for i in range(len(batches))])
    return Plan(
        rows=np.stack([first[r.session] + r.trials for r in rows]).astype(np.int32),
        weights=np.stack([r.weights for r in rows]),
        session=np.array([r.session for r in rows], np.int32),
        counts=counts,
    )
