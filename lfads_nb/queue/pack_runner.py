"""The process of a pack: trains some runs as one program, each with its own lock and status.

    python -m lfads_nb.queue.pack_runner PACK_FOLDER --device ...

A member that has trained is queued again, and its own notebook goes on with sampling, export and
report. One that fails or is asked to stop ends as a run alone does, at the end of an epoch, and the
others go on. If the pack as a whole cannot be trained (too little memory, say), its members are
queued again and train one by one.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from lfads_nb.errors import LfadsError
from lfads_nb.queue.ends import write_end
from lfads_nb.queue.live import LiveDisplay
from lfads_nb.queue.output_limits import MAX_SERVICE_LOG, shorten_log
from lfads_nb.queue.packing import RUNNER, keep_pack_memory, read_pack_folder
from lfads_nb.queue.processes import own_attempt
from lfads_nb.queue.run_lock import RunIsTakenError, RunLock
from lfads_nb.queue.runner import begin_run
from lfads_nb.queue.runner_process import (
    EXIT_CODES,
    RunnerOptions,
    parse_arguments,
    prepare_process,
    start_marked,
)
from lfads_nb.queue.stage import StageReporter
from lfads_nb.queue.status import (
    RunState,
    RunStatus,
    keep_room,
    local_now,
    read_status,
    reserve_path,
)
from lfads_nb.queue.stopping import asked_to_stop, forget_stop
from lfads_nb.queue.watching import own_peak_memory_mb
from lfads_nb.regular_files import open_regular
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.progress import TrainSummary
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.stored_params import check_own_code

log = logging.getLogger(__name__)

EXIT_ALONE = 76
"""The members that have not ended are to be trained one by one."""

STOPPED = "stopped on request"
"""The model's own reason for an end that was asked for."""

_TICK_S = 0.5
_BEAT_S = 10.0
_GIVE_UP_S = 7.0
_REASONS = {RunState.CANCELLED: "it was cancelled", RunState.INTERRUPTED: "the queue stopped it"}

TrainMembers = Callable[[Sequence[Any]], None]
"""Trains members; calls each one's `end` when it has ended. A toy in tests."""

MakeMember = Callable[[RunFolder, RunnerOptions, int], "PackMember"]
"""Takes up a run of a pack, of so many, or a member's turn."""


class _Unseen(LiveDisplay):
    """Shows nothing: a member's notebook is not executed yet."""

    def _show(self, as_html: str, as_text: str) -> None:
        """Leave it out."""


class PackMember:
    """What a pack's process works on, one of some: its lock, and how it is asked to stop.

    Parameters
    ----------
    folder : the run, or the member whose turn it is.
    options : of the pack's process.
    n_members : how many train together.

    Raises
    ------
    RunIsTakenError
        Another process works on it.
    """

    def __init__(self, folder: RunFolder, options: RunnerOptions, n_members: int) -> None:
        self.folder = folder
        self.record = RunRecord.load(folder)
        check_own_code(self.record.params)
        self.stop_state: RunState | None = None
        self.stop_reason = ""
        self.has_ended = False
        self._ending = threading.Lock()
        self._lock = RunLock(folder)
        self._lock.__enter__()
        try:
            with self._log() as file, redirect_stdout(file):
                self._begin(options, n_members)
        except BaseException:
            self._lock.__exit__()
            raise

    def _begin(self, options: RunnerOptions, n_members: int) -> None:
        """Write down that it starts; what is printed goes to its log."""
        raise NotImplementedError

    def _ended(self, outcome: Any) -> RunStatus:
        """Return the status to end with."""
        raise NotImplementedError

    @property
    def is_trained(self) -> bool:
        """Whether there is nothing left to train."""
        return False

    def _log(self) -> TextIO:
        file = open_regular(self.folder.log, follow_links=False, append=True)
        return io.TextIOWrapper(file, encoding="utf-8")

    def should_stop(self) -> bool:
        """Whether it is to stop at the end of the epoch."""
        return self.stop_state is not None

    def stop(self, state: RunState, reason: str) -> None:
        """Have it stopped at the end of the epoch; the first word counts."""
        if self.stop_state is None:
            self.stop_state, self.stop_reason = state, reason

    def look(self) -> None:
        """See whether it is asked to stop, or its folder is another's."""
        lost = self._lock.lost()
        if lost:
            self.stop(RunState.INTERRUPTED, lost)
        note = asked_to_stop(self.folder, attempt=own_attempt())
        if note is not None:
            self.stop(note, _REASONS.get(note, "it was asked to end"))

    def beat(self) -> None:
        """Show that it is being worked on."""
        self._lock.beat()

    def end(self, outcome: Any) -> None:
        """Write down how it ended, and let go of it; the first word counts.

        Parameters
        ----------
        outcome : None for one that is to be trained alone.
        """
        with self._ending:
            if self.has_ended:
                return
            try:
                ended = self._ended(outcome)
                if not self._lock.lost():
                    with self._log() as file:
                        when = local_now().isoformat(timespec="seconds")
                        file.write(f"{when}  {_said(ended)}\n")
                    forget_stop(self.folder)
                    write_end(self.folder, ended)
                    reserve_path(self.folder).unlink(missing_ok=True)
            except (LfadsError, OSError) as error:
                log.warning("the end of %s cannot be written: %s", self.folder.path, error)
            finally:
                self.has_ended = True
                self._lock.__exit__()

    def moved(self, status: RunStatus, outcome: Any) -> RunStatus | None:
        """Return the status of one that was stopped or failed; None for one that was not."""
        if self.stop_state is not None:
            state, reason = self.stop_state, self.stop_reason
        elif isinstance(outcome, LfadsError | OSError):
            state, reason = RunState.FAILED, f"training failed: {outcome}"
        else:
            return None
        return status.moved(state, now=local_now(), reason=reason, pack=0)


class Member(PackMember):
    """One run of a pack: what is left to do after its training is done by its own process."""

    def _begin(self, options: RunnerOptions, n_members: int) -> None:
        keep_room(self.folder)
        begin_run(self.folder, self.record, options, pack=n_members)
        sys.stdout.write(f"training as one program of {n_members} runs\n")
        self._is_sampled = False
        self._was_trained = RunState.TRAINING.value in read_status(self.folder).finished_stages
        status = replace(read_status(self.folder), stage="training")
        self._reporter = StageReporter(self.folder, status, _Unseen())
        self.report = self._reporter.report
        self._reporter.__enter__()

    @property
    def is_trained(self) -> bool:
        return self._was_trained

    def note_sampled(self) -> None:
        """Take note that its posterior means are written."""
        self._is_sampled = True

    def _ended(self, outcome: TrainSummary | Exception | None) -> RunStatus:
        self._reporter.__exit__(None)
        status, training = self._reporter.status, RunState.TRAINING.value
        stopped = self.stop_state is not None
        if isinstance(outcome, TrainSummary) and not (stopped and outcome.stop_reason == STOPPED):
            done = (training, RunState.SAMPLING.value) if self._is_sampled else (training,)
            stages = tuple(dict.fromkeys((*status.finished_stages, *done)))
            status = replace(status, finished_stages=stages, training_end=outcome.in_words)
        return self.moved(status, outcome) or queued(status)


def queued(status: RunStatus) -> RunStatus:
    """Return the status of what is to be gone on with by a process of its own."""
    return replace(
        status, state=RunState.QUEUED, stage="", pid=None, pid_started=None, pack=0, host="",
        device="", heartbeat=time.time(),
    )  # fmt: skip


def _said(status: RunStatus) -> str:
    if status.state is not RunState.QUEUED:
        return f"{status.state.value}: {status.reason}" if status.reason else status.state.value
    if RunState.TRAINING.value in status.finished_stages:
        return f"the training ended: {status.training_end}"
    return "goes on alone"


class _Watch:
    """Looks after members while they train, and after the process that started this one.

    Parameters
    ----------
    log : the pack's own, which is kept short.
    """

    def __init__(self, members: Sequence[PackMember], parent: int | None, log: Path | None) -> None:
        self._members, self._parent, self._pack_log = members, parent, log
        self._before: dict[int, Any] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Watch:
        for signum in (signal.SIGINT, signal.SIGTERM):
            self._before[signum] = signal.signal(
                signum, lambda *_: self._stop_all("its process was asked to end")
            )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()
        self._keep_logs_short()
        # The process may stay, for the next pack.
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def _keep_logs_short(self) -> None:
        for member in self._members:
            if not member.has_ended:
                shorten_log(member.folder.log)
        if self._pack_log is not None:
            shorten_log(self._pack_log, most=MAX_SERVICE_LOG)

    def _stop_all(self, reason: str) -> None:
        for member in self._members:
            member.stop(RunState.INTERRUPTED, reason)

    def _watch(self) -> None:
        beat, all_stop_at = time.monotonic(), None
        while not self._closed.wait(_TICK_S):
            now = time.monotonic()
            if self._parent is not None and os.getppid() != self._parent:
                self._stop_all("the queue that ran it ended")
            active = [member for member in self._members if not member.has_ended]
            for member in active:
                member.look()
            if now - beat > _BEAT_S:
                beat = now
                self._keep_logs_short()
                for member in active:
                    member.beat()
            if not active or not all(member.should_stop() for member in active):
                all_stop_at = None
            elif all_stop_at is None:
                all_stop_at = now
            elif now - all_stop_at > _GIVE_UP_S:
                # Whatever keeps the epoch from ending: all has been trained that is to be.
                for member in active:
                    member.end(None)
                os._exit(EXIT_CODES[RunState.INTERRUPTED])


def execute_pack(
    runs: Sequence[RunFolder],
    options: RunnerOptions,
    *,
    train: TrainMembers,
    make: MakeMember = Member,
    pack_log: Path | None = None,
) -> int:
    """Train runs as one program; return the process' exit code."""
    members: list[PackMember] = []
    try:
        for folder in runs:
            try:
                members.append(make(folder, options, len(runs)))
            except RunIsTakenError as error:
                log.warning("%s is left out: %s", folder.path, error)
            except (LfadsError, OSError) as error:
                # Its own runner says so in its folder.
                log.warning("%s is left out: %s", folder.path, error)
        with _Watch(members, options.parent, pack_log):
            for member in members:
                if member.is_trained:
                    member.end(None)
            left = [member for member in members if not member.has_ended]
            if left:
                train(left)
        return 0
    except Exception:  # noqa: BLE001  whatever it is, the members can still be trained alone
        log.warning("the pack ended:\n%s", traceback.format_exc())
        return EXIT_ALONE
    finally:
        for member in members:
            member.end(None)


def train_members(members: Sequence[Member]) -> None:
    """Train members with `lfads_nb.model.packs`."""
    from lfads_nb.model.packs import PackRun, train_together

    train_together(
        [
            PackRun(
                m.folder,
                m.record.params,
                tuple(m.record.datasets),
                m.report,
                m.should_stop,
                m.end,
                m.note_sampled,
            )
            for m in members
        ]
    )


def main(
    arguments: list[str] | None = None,
    *,
    train: TrainMembers = train_members,
    make: MakeMember = Member,
    module: str = RUNNER,
) -> int:
    """Train the pack of a folder; see the module's description."""
    arguments = sys.argv[1:] if arguments is None else arguments
    folder, options = parse_arguments(arguments)
    try:
        start_marked(folder, module, arguments)
        runs = read_pack_folder(folder.path)
        options = replace(options, device=prepare_process(folder, options))
        use_jax()
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
        code = execute_pack(runs, options, train=train, make=make, pack_log=folder.log)
        if code == 0:
            keep_pack_memory(folder.path, own_peak_memory_mb(), len(runs))
        return code
    except (LfadsError, OSError):
        with suppress(OSError):
            sys.stderr.write(traceback.format_exc())
        return EXIT_ALONE


def use_jax() -> None:
    """Have this process train on JAX; to be called before the model is imported."""
    os.environ["KERAS_BACKEND"] = "jax"
    # Others may use the card too; by default JAX takes three quarters of it at once.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


if __name__ == "__main__":
    sys.exit(main())
