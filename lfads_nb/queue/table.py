"""The queue as a table: one row for each run, the same columns for every view."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.reading import StatusReader
from lfads_nb.queue.status import RunState, RunStatus, local_now
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.verdict import read_verdict

if TYPE_CHECKING:
    import pandas as pd

    from lfads_nb.sweep.run import Run

COLUMNS = (
    "state", "stage", "fraction", "epoch", "total_train", "total_valid", "learning_rate", "eta_s",
    "elapsed_s", "device", "attempt", "reason", "training_end",
    "verdict", "job", "host", "folder",
)  # fmt: skip


def status_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return where runs are, one row for each by its name.

    Costs are nats per trial, times seconds; `reason` says why a run failed, or why it waits;
    `training_end` why its training stopped; `verdict` what is to be said of a run that is done, in
    one to three sentences; `job` what a cluster's scheduler calls its job, `host` the node.
    """
    runs = list(runs)
    reader = StatusReader([run.folder for run in runs], QueueHome.find())
    return make_table([run.name for run in runs], reader)


def make_table(names: Sequence[str], reader: StatusReader) -> pd.DataFrame:
    """Read and tabulate; see `status_table`."""
    import pandas as pd

    now = local_now()
    statuses = reader.read()
    rows = [
        {
            **table_row(status, wait, now=now),
            "verdict": _verdict(folder, status),
            "folder": str(folder.path),
        }
        for folder, status, wait in zip(reader.folders, statuses, reader.waits(), strict=True)
    ]
    return pd.DataFrame(rows, index=pd.Index(names, name="run"), columns=list(COLUMNS))


def table_row(status: RunStatus, wait: str, *, now: datetime) -> dict[str, Any]:
    """Return the values of a run's row, None where there is nothing to say."""
    progress = status.progress
    row = {name: progress.get(name) for name in COLUMNS[2:8]}
    if status.state.is_ended:
        row["eta_s"] = None
    return {
        **row,
        "state": status.state.value,
        "stage": status.stage,
        "elapsed_s": elapsed_s(status, now=now),
        "device": status.place,
        "attempt": status.attempt,
        "reason": wait or status.reason,
        "training_end": status.training_end,
        "job": status.job,
        "host": status.host,
    }


def _verdict(folder: RunFolder, status: RunStatus) -> str:
    verdict = read_verdict(folder) if status.state is RunState.DONE else None
    return "" if verdict is None else verdict.text


def elapsed_s(status: RunStatus, *, now: datetime) -> float | None:
    """Return how long a run has been or was executed, in seconds."""
    try:
        began = datetime.fromisoformat(status.times["started"])
        queued = status.times.get("queued") if status.state is RunState.QUEUED else None
        if queued is not None and began <= datetime.fromisoformat(queued):
            return None  # what it did before it was queued again is over
        ended = now
        if status.state.is_ended and "ended" in status.times:
            ended = datetime.fromisoformat(status.times["ended"])
        return max(0.0, (ended - began).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None
