"""A run as a row of the queue's table."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lfads_nb.queue.live import duration_text
from lfads_nb.queue.reading import is_told
from lfads_nb.queue.status import STOPPED, RunState, RunStatus
from lfads_nb.queue.steps import overall_fraction, step_in_words
from lfads_nb.queue.table import elapsed_s
from lfads_nb.sweep import Run, RunFolder
from lfads_nb.sweep.run_notes import RunNotes
from lfads_nb.sweep.verdict import Verdict
from lfads_nb.vocabulary import FIGURES, Figure, best_runs, curve
from lfads_nb.widgets.live_table import Row, Tone, cell, column
from lfads_nb.widgets.panels.loss_history import Course
from lfads_nb.widgets.panels.notes_box import notes_cell
from lfads_nb.widgets.panels.shared_values import own_values_text, shared_values
from lfads_nb.widgets.run_states import state_cell
from lfads_nb.widgets.run_verdicts import best_cell, verdict_cell

SILENT_S = 120.0

COLUMNS = [
    column("run", "Run spec", kind="code", width="150px"),
    column("setting", "Setting", kind="code"),
    column("differs", "Differs in", width="150px"),
    column("state", "State", width="210px"),
    column("verdict", "Verdict", hint="what its figures say of a run that is done"),
    column(
        "bits", FIGURES["bits_per_spike"].short, kind="number", hint=FIGURES["bits_per_spike"].hint
    ),
    column("progress", "Progress"),
    column("epoch", "Epoch", kind="number", hint="the last that ended, counted from 0"),
    column(
        "valid",
        "Validation cost",
        hint=f"Last epoch's, and its course. {curve('total_valid').hint}",
    ),
    column("elapsed", "Elapsed", kind="number"),
    column("eta", "Left", kind="number", hint="about; by the stopping rule and the recent pace"),
    column(
        "train", "Training cost", kind="number", hint=f"Last epoch's {curve('total_train').hint}"
    ),
    column("device", "Device"),
]


NOTES_COLUMN = column("notes", "Notes", width="160px", hint="Your stars, tags and notes")


def columns_shown(notes: Iterable[RunNotes]) -> list[dict[str, Any]]:
    """Return the columns of the table; that of notes only where there are any."""
    if all(each.is_empty for each in notes):
        return COLUMNS
    return [*COLUMNS[:3], NOTES_COLUMN, *COLUMNS[3:]]


@dataclass(frozen=True)
class RunLine:
    """What does not change about a run: kept, as hundreds of them are shown every second."""

    name: str
    folder: RunFolder
    spec: str
    setting: dict[str, Any]
    differs: str

    @property
    def label(self) -> str:
        """What a legend says."""
        return f"{self.spec} {self.setting['text']}"


def describe_runs(runs: Sequence[Run]) -> dict[str, RunLine]:
    """Describe runs by name, each by what sets its setting apart from the others."""
    settings = {run.params.param_hash: run.params for run in runs}
    shared = shared_values(list(settings.values()))
    differs = {name: own_values_text(params, shared) for name, params in settings.items()}
    titles = {name: params.differences_text() for name, params in settings.items()}
    return {
        run.name: RunLine(
            run.name,
            run.folder,
            run.spec.name,
            cell(run.params.param_hash, title=titles[run.params.param_hash]),
            differs[run.params.param_hash],
        )
        for run in runs
    }


def best_of_queue(
    lines: Collection[RunLine],
    verdicts: Mapping[str, Verdict],
    courses: Mapping[str, Course | None],
    statuses: Mapping[str, RunStatus],
) -> dict[str, Figure]:
    """Return the best run of each run spec, by the same rule as the view of the sweep."""
    figures = {}
    for line in lines:
        verdict, course = verdicts.get(line.name), courses.get(line.name)
        status = statuses.get(line.name)
        figures[line.name] = {
            "state": "" if status is None else status.state.value,
            "best_recon_valid": None if course is None else course.log.recon_valid_lve,
            **({} if verdict is None else verdict.figures),
        }
    return best_runs(figures, {line.name: line.spec for line in lines})


def queue_row(
    line: RunLine,
    status: RunStatus,
    *,
    spark: Sequence[float | None],
    note: str,
    now: datetime,
    verdict: Verdict | None = None,
    best_by: Figure | None = None,
    notes: RunNotes | None = None,
) -> Row:
    """Describe a run and where it is.

    Parameters
    ----------
    spark : the course of its validation cost.
    note : why it waits, how it failed.
    now : the time, with its offset from UTC.
    verdict : what its figures say of it, once it is done.
    best_by : the figure by which it is the best run of its data, if it is.
    notes : its user's.
    """
    progress = status.progress
    seconds = elapsed_s(status, now=now)
    eta = progress.get("eta_s") if status.state.is_running else None
    return {
        "id": line.name,
        "label": line.name,
        "cells": {
            "run": best_cell(line.spec, best_by),
            "setting": line.setting,
            "differs": line.differs,
            "notes": None if notes is None else notes_cell(notes),
            "state": _state(status, note),
            "verdict": _verdict(verdict),
            "device": status.place or "",
            "progress": _bar(status),
            "epoch": progress.get("epoch"),
            "train": _number(progress.get("total_train")),
            "valid": _valid(progress.get("total_valid"), spark),
            "bits": _bits(verdict),
            "elapsed": cell(duration_text(seconds), sort=round(seconds)) if seconds else None,
            "eta": cell(duration_text(eta), sort=eta) if eta else None,
        },
    }


def _state(status: RunStatus, note: str) -> dict[str, Any]:
    ended = f"Training ended: {status.training_end}." if status.training_end else ""
    return state_cell(status.state, title=note or ended or None, sub=note)


_TONES: dict[RunState, Tone] = {
    RunState.DONE: "good", RunState.FAILED: "bad", RunState.INTERRUPTED: "warn",
    RunState.CANCELLED: "warn", RunState.STOPPED_EARLY: "dim",
}  # fmt: skip


def _bar(status: RunStatus) -> Any:
    if status.state in (RunState.NEW, RunState.PREPARED, RunState.QUEUED):
        return None
    fraction = round(overall_fraction(status), 3)
    return cell(
        f"{fraction:.0%}", fraction=fraction, sort=fraction, tone=_TONES.get(status.state, "run")
    )


def _verdict(verdict: Verdict | None) -> Any:
    if verdict is None:
        return None
    return verdict_cell(verdict.title, verdict.level_name, verdict.text)


def _bits(verdict: Verdict | None) -> Any:
    value = None if verdict is None else verdict.figures.get("bits_per_spike")
    return None if value is None else cell(FIGURES["bits_per_spike"].text(value), sort=value)


def _valid(value: Any, spark: Sequence[float | None]) -> Any:
    number = _finite(value)
    if number is None:
        return None
    return cell(f"{number:.5g}", sort=number, spark=spark if len(spark) > 1 else None)


def _number(value: Any, digits: int = 5) -> Any:
    number = _finite(value)
    return None if number is None else cell(f"{number:.{digits}g}", sort=number)


def _finite(value: Any) -> float | None:
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None


def note_of(status: RunStatus, wait: str) -> str:
    """Say why a run waits, what it does at this moment, or how it ended."""
    if status.state is RunState.QUEUED or is_told(status, wait):
        return wait
    if status.state in STOPPED or status.state is RunState.NEW:
        return status.reason
    if status.state is RunState.STOPPED_EARLY:
        return status.reason.removeprefix(f"{status.state.value} ")
    silent = time.time() - status.heartbeat if status.heartbeat else 0.0
    if status.state.is_running and silent > SILENT_S:
        return f"no sign of life for {duration_text(silent)}"
    return step_in_words(status)
