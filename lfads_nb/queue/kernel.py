"""The kernel of a run: this very Python, reachable by its runner alone, gone when its runner is.

`python -m lfads_nb.queue.kernel` is the process, `RunKernelManager` starts it. No installed
kernelspec takes part: whatever is registered as "python3" may belong to another environment.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
from typing import TYPE_CHECKING

from lfads_nb.python_commands import module_command

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager

_PR_SET_PDEATHSIG = 1


def make_kernel_manager() -> AsyncKernelManager:
    """Return the manager of one run's kernel, which is not yet started."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    class RunKernelManager(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(
                argv=[
                    *module_command("lfads_nb.queue.kernel"), "-f", "{connection_file}",
                    # What C code says goes to the log alone: it is no part of the report.
                    "--IPKernelApp.capture_fd_output=False",
                ],
                display_name="Python 3 (lfads_nb)",
                language="python",
                interrupt_mode="signal",
            )  # fmt: skip

    manager = RunKernelManager(kernel_name="python3", shutdown_wait_time=3.0)
    if os.name == "posix":
        # Sockets in a folder of the owner's: no port for other users of the machine to knock at.
        folder = tempfile.mkdtemp(prefix="lfads-nb-")
        manager.transport = "ipc"
        manager.connection_file = os.path.join(folder, "kernel.json")
        manager.ip = os.path.join(folder, "kernel")
    return manager


def die_with_parent() -> None:
    """Have the system kill this process when its parent is gone, even while C code runs."""
    if not sys.platform.startswith("linux"):
        return  # ipykernel's own poller notices within a second
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def main() -> None:
    die_with_parent()
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
