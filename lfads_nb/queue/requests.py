"""What views ask of the server, besides launches: one function for each verb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from lfads_nb.queue.ends import cancel_without_server
from lfads_nb.queue.ledger import Entry, Ledger
from lfads_nb.queue.processes import ProcessId
from lfads_nb.queue.status import RunState
from lfads_nb.queue.stopping import ask_to_stop
from lfads_nb.sweep.folders import RunFolder

Request = dict[str, Any]


class Asked(Protocol):
    """What of the server the verbs act on."""

    ledger: Ledger
    paused: bool

    def end(self, entry: Entry) -> None:
        """Forget a run that ended."""

    def drop_later_launch(self, entry: Entry) -> None:
        """Forget a launch that came while a run was running."""

    def keep_held(self) -> None:
        """Write down what is paused."""

    def stop(self) -> None:
        """End the server."""


def cancel(server: Asked, request: Request) -> None:
    """End runs for good; those that this server does not know too."""
    runs = request.get("runs")
    entries = server.ledger.chosen(runs)
    known = {entry.run for entry in entries}
    waiting = [entry for entry in entries if not entry.running]
    for entry in waiting:
        server.end(entry)
    for entry in entries:
        if entry.running:
            server.drop_later_launch(entry)
            entry.stop = RunState.CANCELLED
            ask_to_stop(entry.folder, RunState.CANCELLED, attempt=entry.attempt)
    for entry in waiting:
        cancel_without_server(entry.folder)
    for run in runs or ():
        if run not in known:
            cancel_without_server(RunFolder(Path(run)))


def pause(server: Asked, request: Request) -> None:
    """Hold runs back, or without any named, start none."""
    runs = request.get("runs")
    if runs is None:
        server.paused = True
    for entry in server.ledger.chosen(runs or ()):
        entry.held = True
        if entry.running:
            entry.stop = RunState.INTERRUPTED
            ask_to_stop(entry.folder, RunState.INTERRUPTED, attempt=entry.attempt)
    server.keep_held()


def resume(server: Asked, request: Request) -> None:
    """Let runs go on, or without any named, everything."""
    runs = request.get("runs")
    if runs is None:
        server.paused = False
    for entry in server.ledger.chosen(runs):
        entry.held = False
    server.keep_held()


def set_priority(server: Asked, request: Request) -> None:
    """Move waiting runs forward or back."""
    for entry in server.ledger.chosen(request.get("runs")):
        server.ledger.set_priority(entry, int(request.get("priority", 0)))


def stop(server: Asked, request: Request) -> None:
    """End the server, if it is the one that was meant."""
    if request.get("server") == asdict(ProcessId.own()):
        server.stop()


VERBS: dict[str, Callable[[Asked, Request], None]] = {
    "cancel": cancel,
    "pause": pause,
    "resume": resume,
    "priority": set_priority,
    "stop": stop,
}
