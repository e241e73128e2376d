"""Runs of a user's own class that may not run here: their results open, preparing says why not."""

from __future__ import annotations

from typing import Any

from lfads_nb.errors import UntrustedCodeError
from lfads_nb.sweep.run import Run


class StoredRun(Run):
    """A run of a class that may not run here; `stored_run_class` makes one for each reference."""

    why: UntrustedCodeError

    def prepare(self, **_: Any) -> bool:
        """Raise what would have to be done first."""
        raise self.why


def stored_run_class(why: UntrustedCodeError) -> type[Run]:
    """Return a stand-in for a run class, which files know by the reference of the real one."""
    name = why.reference.rpartition(":")[2].rpartition(".")[2]
    return type(name, (StoredRun,), {"why": why, "stored_reference": why.reference})
