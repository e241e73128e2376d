"""Which axis of an array of counts is which, as far as the rest of the data tells."""

from __future__ import annotations

from itertools import permutations

from lfads_nb.errors import DataError

NAMES = ("trials", "time", "channels")


def fitting_orders(
    shape: tuple[int, ...], n_bins: int | None, n_trials: int | None
) -> list[tuple[int, int, int]]:
    """List the orders of axes in which a shape fits what is known.

    Parameters
    ----------
    shape : of an array with three axes.
    n_bins : length of the time vector, None without one.
    n_trials : number of condition ids, None without any.

    Returns
    -------
    orders : arguments of `transpose` that give trials x time x channels.
    """
    return [
        (trials, time, channels)
        for trials, time, channels in permutations(range(3))
        if n_bins in (None, shape[time]) and n_trials in (None, shape[trials])
    ]


def in_words(order: tuple[int, int, int]) -> str:
    """Name the axes as they are before `transpose(order)`, such as "trials x channels x time"."""
    return " x ".join(NAMES[order.index(axis)] for axis in range(3))


def check_axes(
    shape: tuple[int, ...], n_bins: int, n_trials: int | None, dataset: str | None
) -> None:
    """Refuse an array whose axes are in another order, where that is plain to see.

    Raises
    ------
    DataError
        When the time vector or the condition ids contradict trials x time x channels, and another
        order fits them.
    """
    orders = fitting_orders(shape, n_bins, n_trials)
    if not orders or (0, 1, 2) in orders:
        return
    known = [f"the time vector has {n_bins} entries"]
    if n_trials is not None:
        known.append(f"there are {n_trials} condition ids")
    fits = " or ".join(f"{in_words(order)}: counts.transpose{order}" for order in orders)
    raise DataError(
        f"needs trials x time x channels, but its shape is {shape} while {' and '.join(known)}. "
        f"That looks like {fits}.",
        dataset=dataset,
        field="counts",
    )


def oriented(
    shape: tuple[int, ...],
    usual: tuple[int, int, int],
    n_bins: int | None,
    n_trials: int | None,
    *,
    dataset: str,
) -> tuple[tuple[int, int, int], str]:
    """Choose the order of a file's axes: the usual one unless the file contradicts it.

    Parameters
    ----------
    shape : of the counts in the file.
    usual : the order that files of this kind have, as arguments of `transpose`.
    n_bins, n_trials : as for `fitting_orders`.
    dataset : name for messages.

    Returns
    -------
    order : arguments of `transpose` that give trials x time x channels.
    note : what was assumed, in words; empty where the file is unambiguous and as usual.

    Raises
    ------
    DataError
        When no order fits, or several but not the usual one.
    """
    orders = fitting_orders(shape, n_bins, n_trials)
    if usual in orders:
        rivals = [order for order in orders if order != usual]
        if not rivals:
            return usual, ""
        why = "nothing in the file tells" if n_bins is None and n_trials is None else (
            "the sizes would fit another order, too"
        )  # fmt: skip
        return usual, f"counts of {_sizes(shape)} taken as {in_words(usual)} ({why})"
    if len(orders) == 1:
        return orders[0], (
            f"counts of {_sizes(shape)} taken as {in_words(orders[0])}, which is what "
            f"{_evidence(n_bins, n_trials)} fits; usual is {in_words(usual)}"
        )
    fits = " or ".join(f"{in_words(order)}, counts.transpose{order}" for order in orders)
    raise DataError(
        f"has shape {shape}, where {in_words(usual)} is usual; {_evidence(n_bins, n_trials)} fits "
        f"{fits or 'no order of the axes'}. Save the array with its axes in the usual order, or "
        "pass a loader.",
        dataset=dataset,
        field="counts",
    )


def _evidence(n_bins: int | None, n_trials: int | None) -> str:
    known = [
        f"the time vector of {n_bins} entries" if n_bins is not None else "",
        f"the list of {n_trials} conditions" if n_trials is not None else "",
    ]
    return " with ".join(filter(None, known))


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
