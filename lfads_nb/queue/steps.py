"""A run's whole way as one bar and a few words, from its first process to its report."""

from __future__ import annotations

from lfads_nb.queue.status import STAGES, RunState, RunStatus

_PARTS = {
    RunState.TRAINING: (0.02, 0.90), RunState.SAMPLING: (0.90, 0.96),
    RunState.EXPORTING: (0.96, 0.98),
}  # fmt: skip
"""From where to where a stage takes the bar; training takes by far the longest."""


def overall_fraction(status: RunStatus) -> float:
    """Return how much of a run is behind it, by where it is or ended; it never goes back."""
    if status.state is RunState.DONE:
        return 1.0
    if status.state in (RunState.NEW, RunState.PREPARED, RunState.QUEUED):
        return 0.0
    reached = max(
        (_PARTS[stage][1] for stage in STAGES if stage.value in status.finished_stages), default=0.0
    )
    now = status.stage or status.state.value
    under_way = [stage for stage in STAGES if stage.value == now]
    if not under_way or under_way[0].value in status.finished_stages:
        return reached
    begin, end = _PARTS[under_way[0]]
    fraction = status.progress.get("fraction")
    share = float(fraction) if isinstance(fraction, int | float) else 0.0
    return max(reached, begin + (end - begin) * min(max(share, 0.0), 1.0))


def step_in_words(status: RunStatus) -> str:
    """Say what a running run does at this moment; "" for one that does not run."""
    if not status.state.is_running:
        return ""
    if all(stage.value in status.finished_stages for stage in STAGES):
        return "writing the report"
    doing = status.progress.get("doing")
    if isinstance(doing, str) and doing:
        return doing
    if status.stage == "starting":
        return "starting"
    epoch = status.progress.get("epoch")
    if status.state is RunState.TRAINING and isinstance(epoch, int):
        return f"epoch {epoch}"
    return {
        RunState.TRAINING: "reading the data",
        RunState.SAMPLING: "sampling rates and factors", RunState.EXPORTING: "exporting weights",
    }.get(status.state, "")  # fmt: skip
