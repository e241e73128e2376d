"""TensorBoard for all runs of a collection, on a port of this machine's loopback.

Its pages lie below a secret path, see `tensorboard_server`; which port it has it says itself, in a
private file: whatever else answers somewhere is never taken for ours.
"""

from __future__ import annotations

import os
import secrets
import shlex
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lfads_nb.atomic_files import write_text
from lfads_nb.errors import QueueError
from lfads_nb.python_commands import module_command
from lfads_nb.queue.batches import passed_on
from lfads_nb.queue.home import QueueHome, new_id, put_json, read_json_file
from lfads_nb.queue.processes import ProcessId, start_detached, stop_process
from lfads_nb.sweep.folders import CollectionFolder, RunFolder

if TYPE_CHECKING:
    from lfads_nb.sweep.run import Run

_START_S = 180.0


@dataclass(frozen=True)
class TensorBoard:
    """A TensorBoard that runs in the background."""

    port: int
    process: ProcessId
    token: str

    @property
    def url(self) -> str:
        """The address on this machine; who knows it may look."""
        return f"http://127.0.0.1:{self.port}/{self.token}/"

    @property
    def is_alive(self) -> bool:
        return self.process.is_alive

    def stop(self) -> None:
        """End it."""
        stop_process(self.process, grace_s=3.0)

    def _repr_html_(self) -> str:
        return f'<a href="{self.url}" target="_blank" rel="noopener">TensorBoard</a> at {self.url}'

    def __repr__(self) -> str:
        return f"<TensorBoard at http://127.0.0.1:{self.port}/, below a secret path: see its url>"


def launch_tensorboard(
    collection: CollectionFolder,
    runs: Iterable[Run],
    *,
    port: int | None = None,
    home: QueueHome | None = None,
) -> TensorBoard:
    """Start TensorBoard for runs, or find the one that already shows them.

    The collection also gets its `launch_tensorboard.sh`, to start one by hand.

    Parameters
    ----------
    collection : the collection's folder.
    runs : what to show.
    port : on which port of 127.0.0.1; by default a free one.

    Raises
    ------
    QueueError
        If it does not start; its last words are given.
    """
    home = home or QueueHome.find()
    folders = [run.folder for run in runs]
    write_script(collection, folders)
    wanted = {
        "folder": str(collection.path.absolute()),
        "logdir_spec": logdir_spec(collection, folders),
    }
    for path in home.boards.glob("*.json"):
        content = read_json_file(path)
        running = _from_json(content)
        if running is None:
            path.unlink(missing_ok=True)
            path.with_suffix(".log").unlink(missing_ok=True)
        elif wanted.items() <= content.items() and port in (None, running.port):
            return running
    return _start(wanted, port or 0, home)


def logdir_spec(collection: CollectionFolder, folders: Sequence[RunFolder]) -> str:
    """Return TensorBoard's list of run names and folders, relative to the collection."""
    parts = []
    for folder in folders:
        relative = folder.path.absolute().relative_to(collection.path.absolute())
        logs = relative / folder.tensorboard.relative_to(folder.path)
        # A colon ends a name and a comma a run: names have neither, or get another sign.
        label = relative.as_posix().replace(":", "_").replace(",", "_")
        parts.append(f"{label}:{logs.as_posix()}")
    return ",".join(parts)


def write_script(collection: CollectionFolder, folders: Sequence[RunFolder]) -> Path:
    """Write the collection's `launch_tensorboard.sh`, which takes `--port`."""
    command = module_command("lfads_nb.queue.tensorboard_server")[1:]
    python = f"${{LFADS_NB_PYTHON:-{shlex.quote(sys.executable)}}}"
    write_text(
        collection.tensorboard_script,
        '#!/bin/bash\ncd "$(dirname "$0")" || exit 1\n'
        f"exec {python} {shlex.join(command)} \"$@\" <<'RUNS'\n"
        f"{logdir_spec(collection, folders)}\nRUNS\n",
    )
    collection.tensorboard_script.chmod(0o755)
    return collection.tensorboard_script


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _start(wanted: dict[str, str], port: int, home: QueueHome) -> TensorBoard:
    request = home.boards / f"{new_id()}.json"
    log_path = request.with_suffix(".log")
    put_json(request, {**wanted, "port": port, "token": secrets.token_urlsafe(24)})
    process = start_detached(
        [*module_command("lfads_nb.queue.tensorboard_server"), f"--request={request}"],
        log=log_path,
        cwd=Path(wanted["folder"]),
        environment={
            **os.environ,
            **passed_on(),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "CUDA_VISIBLE_DEVICES": "-1",
        },
    )
    deadline = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < deadline:
        board = _from_json(read_json_file(request))
        if board is not None:
            # Its log stays as long as it runs: a deleted one grows where nobody can shorten it.
            return board
        time.sleep(0.1)
    process.kill()
    process.wait()
    request.unlink(missing_ok=True)
    said = log_path.read_text(errors="replace").strip().splitlines()
    log_path.unlink(missing_ok=True)
    raise QueueError(f"TensorBoard did not start: {said[-1] if said else 'it said nothing'}")


def _from_json(content: dict[str, Any]) -> TensorBoard | None:
    """Return the TensorBoard that a request became, None if it did not or ended."""
    process, port, token = ProcessId.from_json(content), content.get("port"), content.get("token")
    if process is None or type(port) is not int or not isinstance(token, str):
        return None
    board = TensorBoard(port, process, token)
    return board if process.is_here and board.is_alive else None
