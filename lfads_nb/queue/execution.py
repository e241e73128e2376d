"""Executing a rendered notebook with papermill, saved whole or not at all after every cell."""

from __future__ import annotations

import errno
import logging
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from lfads_nb.atomic_files import write_text
from lfads_nb.queue.kernel import RunKernel
from lfads_nb.queue.open_files import TOO_FEW, may_open_few
from lfads_nb.queue.output_limits import shorten_text

if TYPE_CHECKING:
    import nbformat

log = logging.getLogger(__name__)

_SCHEME = "lfads-whole://"
_STARTS_WITHIN_S = 300
# A kernel and its runner that lack files for their sockets wait for each other for ever.
_PATIENCE_FOR_FILES_S = 60


@dataclass(frozen=True)
class Failure:
    """Why the execution of a notebook ended early.

    `error` is the short cause, one line that is never empty, `place` the cell, `traceback` the end
    of the traceback.
    """

    error: str
    kind: str = ""
    place: str = ""
    traceback: str = ""


class _WholeFiles:
    """Papermill's way to a file, with a temporary name and a move instead of writing in place.

    `last` is what was written last: papermill works on a copy of the notebook that it is given,
    and this is the only way to that copy when the execution ends early.

    Parameters
    ----------
    may_write : asked before each write; a folder that is gone must not be made anew.
    """

    def __init__(self, may_write: Callable[[], bool]) -> None:
        self.last: str | None = None
        self._may_write = may_write

    def write(self, text: str, path: str) -> None:
        self.last = text
        if not self._may_write():
            return
        try:
            write_text(Path(path.removeprefix(_SCHEME)), text)
        except OSError as error:
            # The run is worth more than its picture of this moment; the last save must succeed.
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            log.warning("the notebook cannot be saved now: %s", error.strerror)

    @staticmethod
    def pretty_path(path: str) -> str:
        return path.removeprefix(_SCHEME)


class NotebookExecution:
    """One execution of a notebook in a kernel of its own.

    Parameters
    ----------
    notebook : rendered; replaced by the executed one, as far as it came, when `run` ends.
    path : where it is saved after every cell, and every few seconds within one.
    output : gets everything that the notebook prints.
    may_write : asked before each save.
    kernel : one that was started ahead; by default one is started.
    """

    def __init__(
        self,
        notebook: nbformat.NotebookNode,
        path: Path,
        output: TextIO,
        *,
        may_write: Callable[[], bool] = lambda: True,
        kernel: RunKernel | None = None,
    ) -> None:
        self.notebook, self._path, self._output = notebook, path, output
        self._may_write = may_write
        self._kernel = kernel or RunKernel()

    @property
    def kernel_pid(self) -> int | None:
        """The kernel's process, once it is started."""
        return self._kernel.pid

    @property
    def kernel_exit_code(self) -> int | None:
        return self._kernel.exit_code

    def run(self) -> Failure | None:
        """Execute every cell; return why it ended early, or None."""
        import nbformat

        files = _WholeFiles(self._may_write)
        try:
            return self._execute(files)
        finally:
            if files.last is not None:
                self.notebook = nbformat.reads(files.last, as_version=4)

    def _execute(self, files: _WholeFiles) -> Failure | None:
        import nbformat
        import papermill
        from nbclient.exceptions import CellTimeoutError, DeadKernelError
        from papermill.engines import papermill_engines
        from papermill.exceptions import PapermillExecutionError
        from papermill.iorw import papermill_io

        from lfads_nb.queue.notebook_client import ENGINE, LimitedEngine

        papermill_io.register(_SCHEME, files)
        papermill_engines.register(ENGINE, LimitedEngine)
        try:
            papermill.execute_notebook(
                self.notebook,
                # Papermill fills parameters into the `{}` of a path; a folder's own stay.
                _SCHEME + str(self._path).replace("{", "{{").replace("}", "}}"),
                engine_name=ENGINE,
                cwd=str(self._path.parent),
                progress_bar=False,
                stdout_file=self._output,
                stderr_file=self._output,
                start_timeout=_PATIENCE_FOR_FILES_S if may_open_few() else _STARTS_WITHIN_S,
                autosave_cell_every=10,
                kernel_name="python3",
                language="python",
                km=self._kernel.manager,
                iopub_timeout=600,
                raise_on_iopub_timeout=False,
            )
        except PapermillExecutionError as error:
            return _describe(error)
        except DeadKernelError:
            return Failure(_death_in_words(self.kernel_exit_code), "DeadKernelError")
        except (CellTimeoutError, RuntimeError, OSError) as error:
            kind = type(error).__name__
            return Failure(short_cause(kind, str(error)), kind)
        finally:
            if files.last:
                self.notebook = nbformat.reads(files.last, as_version=4)
        return None

    def close(self) -> None:
        """End the kernel and remove its sockets."""
        self._kernel.close()


def _describe(error: Any) -> Failure:
    import re

    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in error.traceback]
    return Failure(
        error=short_cause(error.ename, error.evalue),
        kind=error.ename,
        place=f"cell {error.cell_index} of run.ipynb (In [{error.exec_count}])",
        traceback=shorten_text("\n".join("\n".join(lines).splitlines()[-25:]), most=20_000),
    )


_KINDS_IN_WORDS = {
    "AssertionError": "a check inside the code failed",
    "KeyboardInterrupt": "it was interrupted",
    "MemoryError": "there was not enough memory",
    "NotImplementedError": "something that is not there was asked for",
    "RecursionError": "a function called itself without end",
    "StopIteration": "a sequence ended too early",
    "SystemExit": "the code ended its own process",
    "TimeoutError": "something took too long",
}


def short_cause(kind: str, text: str) -> str:
    """Return an exception as one line: its kind, and its first line that says anything.

    Parameters
    ----------
    kind : the exception's class; it stands alone, in words where it is a usual one, if the
        exception itself says nothing.
    text : what it says.
    """
    said = next((line.strip() for line in text.splitlines() if line.strip()), "")
    kind = kind.strip() or "an error without a name"
    said = said if len(said) <= 1000 else f"{said[:1000]}..."
    cause = f"{kind}: {said or _KINDS_IN_WORDS.get(kind, 'it came without a message')}"
    advice = _advice(kind, text)
    return f"{cause}; {advice}" if advice else cause


def with_advice(error: BaseException) -> str:
    """Return what an exception of our own or of the system says, and what to do about it."""
    advice = _advice(type(error).__name__, str(error))
    return f"{error}; {advice}" if advice else str(error)


_LESS_MEMORY = "run fewer at once, or make the model or the batches smaller"


def _advice(kind: str, text: str) -> str:
    """Say what to do about a resource that ran out; "" for other errors."""
    if kind == "MemoryError" or "Cannot allocate memory" in text or "std::bad_alloc" in text:
        return f"the memory of this machine, or of this account, ran out: {_LESS_MEMORY}"
    if kind == "ResourceExhaustedError" or "RESOURCE_EXHAUSTED" in text:
        return f"the device's memory ran out: {_LESS_MEMORY}"
    # A kernel that may not even open its own libraries or sockets cannot say so.
    is_dumb = "Kernel died" in text or "Kernel didn't respond" in text
    return TOO_FEW if (is_dumb and may_open_few()) or "Too many open files" in text else ""


def _death_in_words(exit_code: int | None) -> str:
    if exit_code is None:
        return "the kernel stopped answering"
    if exit_code == -signal.SIGKILL:
        return (
            "the kernel was killed (signal 9); if nobody did that on purpose, the machine ran out "
            f"of memory: {_LESS_MEMORY}"
        )
    if exit_code == -signal.SIGABRT:
        return (
            "the kernel gave up (signal 6), as libraries do that get no memory or no thread: the "
            f"end of lfads.out says more; if that was it, {_LESS_MEMORY}"
        )
    if exit_code in (-signal.SIGSEGV, -signal.SIGBUS):
        return (
            f"the kernel crashed inside a library (signal {-exit_code}); a disk or memory that is "
            "full can do that. If it happens again, reinstall or update tensorflow and h5py"
        )
    if exit_code < 0:
        return f"the kernel died of signal {-exit_code}"
    return f"the kernel ended by itself with code {exit_code}"


def skip_slow_imports() -> None:
    """Leave out what checking notebooks never needs and what takes up to 2 s to import.

    jsonschema tries to import these for optional formats of addresses and durations, and does
    without them.
    """
    for name in ("rfc3987_syntax", "rfc3986_validator", "isoduration", "fqdn"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
