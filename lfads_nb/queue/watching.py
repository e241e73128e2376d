"""What watches over a run from inside its runner: signals, the parent's life, memory, the lock."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import psutil

from lfads_nb.desks import HANGUP
from lfads_nb.errors import LfadsError
from lfads_nb.queue.devices import MIB
from lfads_nb.queue.ends import write_end
from lfads_nb.queue.output_limits import shorten_log
from lfads_nb.queue.processes import RUN_MARK, end_processes_of, own_attempt
from lfads_nb.queue.slurm.scheduler import own_job
from lfads_nb.queue.status import RunState, local_now, read_status
from lfads_nb.queue.stopping import asked_to_stop
from lfads_nb.sweep.folders import RunFolder

if TYPE_CHECKING:
    from lfads_nb.queue.execution import NotebookExecution
    from lfads_nb.queue.run_lock import RunLock

_TICK_S = 0.5
_ASK_AGAIN_S = 1.5
_KILL_KERNEL_S = 4.0
_GIVE_UP_S = 7.0
# SLURM leaves a job half a minute from its SIGTERM, unless it is set up otherwise.
_MORE_IN_A_JOB_S = 15.0
_BEAT_S = 10.0

_CANCELS = (signal.SIGINT,)
_INTERRUPTS = (signal.SIGTERM, *HANGUP)
_REASONS = {RunState.CANCELLED: "it was cancelled", RunState.INTERRUPTED: "the queue stopped it"}


class RunWatch:
    """Stops the run when it is asked to, ever more firmly, and keeps an eye on its memory.

    Parameters
    ----------
    folder, lock : the run, and the lock to keep fresh.
    parent : the process that must stay this one's parent; None for none.

    Attributes
    ----------
    execution : what runs now, to be stopped.
    stop_state, stop_reason : how the run ends if it was asked to stop, else None and "".
    lost : why this process may not write to the folder any more, else "".
    peak_memory_mb : the most that the kernel and its children took, in MiB.
    """

    def __init__(self, folder: RunFolder, lock: RunLock, *, parent: int | None) -> None:
        self._folder, self._lock, self._parent = folder, lock, parent
        self.execution: NotebookExecution | None = None
        self.stop_state: RunState | None = None
        self.stop_reason = ""
        self.lost = ""
        self.peak_memory_mb: float | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> RunWatch:
        for signum in (*_CANCELS, *_INTERRUPTS):
            signal.signal(signum, self._on_signal)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()
        if not self._lock.lost():
            shorten_log(self._folder.log)

    def _on_signal(self, signum: int, _frame: FrameType | None) -> None:
        if signum in _CANCELS:
            self.stop(RunState.CANCELLED, _REASONS[RunState.CANCELLED])
        else:
            name = signal.Signals(signum).name
            self.stop(RunState.INTERRUPTED, f"its process was asked to end ({name})")

    def stop(self, state: RunState, reason: str) -> None:
        """Have the run stopped; the first word counts."""
        if self.stop_state is None:
            self.stop_state, self.stop_reason = state, reason

    # -------------------------------------------------------------------------------- the thread

    def _watch(self) -> None:
        beat = memory = 0.0
        while not self._closed.wait(_TICK_S / 5 if self.stop_state else _TICK_S):
            now = time.monotonic()
            if self._parent is not None and os.getppid() != self._parent:
                self.stop(RunState.INTERRUPTED, "the queue that ran it ended")
            self.lost = self.lost or self._lock.lost()
            if self.lost:
                self.stop(RunState.INTERRUPTED, self.lost)
            note = asked_to_stop(self._folder, attempt=own_attempt())
            if note is not None:
                self.stop(note, _REASONS.get(note, "it was asked to end"))
            if self.stop_state is not None:
                self._stop_kernel()
                return
            if now - beat > _BEAT_S:
                beat = now
                self._lock.beat()
            if now - memory > 2.0:
                memory = now
                self._look_at_memory()
                shorten_log(self._folder.log)

    def _stop_kernel(self) -> None:
        """Interrupt, interrupt again, kill, and at last end this process with the truth written."""
        began, asked = time.monotonic(), float("-inf")
        if own_job() and self.stop_state is RunState.INTERRUPTED:
            began += _MORE_IN_A_JOB_S  # to save a large checkpoint on a slow file system
        while not self._closed.wait(0.1):
            passed = time.monotonic() - began
            pid = self.execution.kernel_pid if self.execution else None
            if passed > _GIVE_UP_S:
                self._give_up()
            elif passed > _KILL_KERNEL_S or self.lost:
                # A kernel asked in kindness would save what it has to a folder of somebody else.
                end_own_processes(wait_s=0.5)
            elif pid is not None and passed - asked > _ASK_AGAIN_S:
                asked = passed
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)

    def _give_up(self) -> None:
        end_own_processes()
        with contextlib.suppress(LfadsError, OSError):
            if self._lock.lost():
                os._exit(4)
            ended = read_status(self._folder).moved(
                self.stop_state or RunState.INTERRUPTED,
                now=local_now(),
                reason=f"{self.stop_reason}; it had to be killed",
            )
            write_end(self._folder, ended)
        os._exit(4)

    def _look_at_memory(self) -> None:
        pid = self.execution.kernel_pid if self.execution else None
        if pid is None:
            return
        with contextlib.suppress(psutil.Error):
            kernel = psutil.Process(pid)
            family = [kernel, *kernel.children(recursive=True)]
            used = gpu_memory_mb({p.pid for p in family}) or sum(
                p.memory_info().rss / MIB for p in family
            )
            self.peak_memory_mb = max(self.peak_memory_mb or 0.0, round(used, 1))


def end_own_processes(*, wait_s: float = 2.0) -> None:
    """Kill whatever else works for the attempt that this process belongs to."""
    end_processes_of(Path(os.environ[RUN_MARK]), own_attempt(), wait_s=wait_s)


def gpu_memory_mb(pids: set[int]) -> float:
    """Return the memory that processes hold on this machine's GPUs, in MiB; 0 if not known."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return 0.0
    try:
        total = 0
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle):
                if process.pid in pids and process.usedGpuMemory:
                    total += process.usedGpuMemory
        return total / MIB
    except pynvml.NVMLError:
        return 0.0
    finally:
        pynvml.nvmlShutdown()


def own_peak_memory_mb() -> float:
    """Return what this process holds on GPUs, or else the most that it has taken, in MiB."""
    if sys.platform == "win32":
        resident = psutil.Process().memory_info().peak_wset / MIB
    else:
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        resident = used / (1024 * 1024 if sys.platform == "darwin" else 1024)
    return round(gpu_memory_mb({os.getpid()}) or resident, 1)
