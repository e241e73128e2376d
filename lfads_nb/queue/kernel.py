"""The kernel of a run: this very Python, reachable by its runner alone, gone when its runner is.

`python -m lfads_nb.queue.kernel` is the process, `RunKernelManager` starts it. No installed
kernelspec takes part: whatever is registered as "python3" may belong to another environment. No
channel of it is a TCP port, which any user of the machine could knock at.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from lfads_nb.private_folders import PrivateFolder
from lfads_nb.python_commands import module_command
from lfads_nb.queue.slurm.scheduler import own_job

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

_PR_SET_PDEATHSIG = 1
_ANSWERS_WITHIN_S = 120.0


class RunKernel:
    """The kernel of one run, with the private folder of its sockets.

    It is started by whoever executes its notebook, or ahead of that by `start`.
    """

    def __init__(self) -> None:
        self.manager, self._place = make_kernel_manager()

    def start(self, cwd: Path) -> None:
        """Start it now, as nbclient would.

        Raises
        ------
        RuntimeError, OSError
            It cannot be started.
        """
        from jupyter_core.utils import run_sync

        run_sync(self.manager.start_kernel)(
            cwd=str(cwd), extra_arguments=["--HistoryManager.hist_file=:memory:"]
        )

    def ask(self, code: str) -> None:
        """Have it run some code before its notebook, of which no cell will know.

        Raises
        ------
        RuntimeError
            It does not answer.
        """
        from jupyter_core.utils import run_sync

        client = self.manager.client()
        client.start_channels()
        try:
            run_sync(client.wait_for_ready)(timeout=_ANSWERS_WITHIN_S)
            client.execute(code, silent=True, store_history=False)
        finally:
            client.stop_channels()

    @property
    def pid(self) -> int | None:
        """Its process, once it is started."""
        return getattr(self.manager.provisioner, "pid", None)

    @property
    def exit_code(self) -> int | None:
        """How its process ended, if it has."""
        process = getattr(self.manager.provisioner, "process", None)
        return process.poll() if process is not None else None

    def close(self) -> None:
        """End it and remove its sockets."""
        from jupyter_core.utils import run_sync

        if self.manager.has_kernel:
            with suppress(RuntimeError, OSError):
                run_sync(self.manager.shutdown_kernel)(now=self.exit_code is not None)
        self._place.close()


def make_kernel_manager() -> tuple[AsyncKernelManager, PrivateFolder]:
    """Return the manager of one run's kernel, which is not yet started.

    The second is the private folder of its sockets, to be closed at the end.
    """
    from jupyter_client.manager import AsyncKernelManager

    class RunKernelManager(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            # What C code says goes to the log alone: it is no part of the report.
            return own_kernel_spec("--IPKernelApp.capture_fd_output=False")

    manager = RunKernelManager(kernel_name="python3", shutdown_wait_time=3.0)
    place = PrivateFolder()
    manager.connection_file = str(place.path / "kernel.json")
    if sys.platform == "win32":  # no such sockets: ports of the loopback address
        return manager, place
    manager.transport = "ipc"
    manager.ip = str(place.path / "kernel")
    return manager, place


def own_kernel_spec(*options: str) -> KernelSpec:
    """Return how to start a kernel of this very Python, without any port of its own."""
    from jupyter_client.kernelspec import KernelSpec

    return KernelSpec(
        argv=[
            *module_command("lfads_nb.queue.kernel"), "-f", "{connection_file}", *options,
        ],
        display_name="Python 3 (lfads_nb)",
        language="python",
        interrupt_mode="signal",
    )  # fmt: skip


def die_with_parent() -> None:
    """Have the system kill this process when its parent is gone, even while C code runs."""
    if not sys.platform.startswith("linux"):
        return  # ipykernel's own poller notices within a second
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def keep_pipe_private() -> None:
    """Have ipykernel take what forked children print by a socket beside its others.

    By itself it opens a TCP port for that, and writes into the log whatever anybody sends there.
    """
    import zmq
    from ipykernel import iostream, kernelapp
    from zmq.eventloop.zmqstream import ZMQStream

    class PrivateIOPubThread(iostream.IOPubThread):
        def _setup_pipe_in(self) -> None:
            endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)
            if not endpoint.startswith("ipc://"):
                super()._setup_pipe_in()
                return
            self._pipe_endpoint = f"{endpoint}-pipe"
            self._pipe_uuid = os.urandom(16)
            pipe = self.socket.context.socket(zmq.PULL)
            pipe.linger = 0
            pipe.bind(self._pipe_endpoint)
            self._pipe_in = ZMQStream(pipe, self.io_loop)
            self._pipe_in.on_recv(self._handle_pipe_msg)

        def _setup_pipe_out(self) -> tuple[Any, Any]:
            if not hasattr(self, "_pipe_endpoint"):
                return super()._setup_pipe_out()
            context = zmq.Context()  # a forked child must not use its parent's
            pipe = context.socket(zmq.PUSH)
            pipe.linger = 3000
            pipe.connect(self._pipe_endpoint)
            return context, pipe

    kernelapp.IOPubThread = PrivateIOPubThread  # type: ignore[misc]


def interrupt_when_terminated() -> None:
    """Take SIGTERM as a Ctrl-C, in a job of SLURM's: it sends that to every process of a job.

    The one who started this process knows then that it is to end, and sees to it.
    """

    def interrupt(signum: int, frame: FrameType | None) -> None:
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):  # not while no cell runs, or a checkpoint is being written
            handler(signum, frame)

    if own_job():
        signal.signal(signal.SIGTERM, interrupt)


def main() -> None:
    die_with_parent()
    interrupt_when_terminated()
    keep_pipe_private()
    from ipykernel.kernelapp import IPKernelApp
    from traitlets import default

    class RunKernelApp(IPKernelApp):
        """Reads no settings and imports no modules from the run's folder."""

        @default("config_file_paths")
        def _no_working_folder(self) -> list[str]:
            return []

        @default("ignore_cwd")
        def _ignore_working_folder(self) -> bool:
            return True

    RunKernelApp.launch_instance()


if __name__ == "__main__":
    main()
