"""How many files the process of a run may have open at once: as many as it may allow itself.

A kernel and its sockets take some dozens, TensorFlow a hundred. Where there are too few,
libraries die without a word, or wait for each other.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from lfads_nb.errors import QueueError

ENOUGH = 1024
FEW = 256
FEWEST = 64
"""With fewer no run comes to its first cell."""

MORE_FILES = (
    "end the queue, and start it from a shell after `ulimit -n 4096`, or have the limit raised"
)
TOO_FEW = f"this account may open too few files at once: {MORE_FILES}"


def allow_more() -> None:
    """Raise this process' own limit as far as it may, up to what is enough.

    Raises
    ------
    QueueError
        If it may open so few that no run can begin.
    """
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < ENOUGH:
        most = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if (n := _limit()) < FEWEST:
        raise QueueError(f"this account may open only {n} files at once: {MORE_FILES}")


def may_open_few() -> bool:
    """Whether this process may open so few files that what fails, fails for that."""
    return _limit() < FEW


def _limit() -> float:
    if sys.platform == "win32":
        return float("inf")
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return float("inf") if soft == resource.RLIM_INFINITY else soft
