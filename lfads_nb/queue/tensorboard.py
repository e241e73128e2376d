"""TensorBoard for all runs of a collection, on a free port of this machine's loopback."""

from __future__ import annotations

import os
import shlex
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lfads_nb.atomic_files import write_text
from lfads_nb.errors import QueueError
from lfads_nb.python_commands import module_command
from lfads_nb.queue.batches import passed_on
from lfads_nb.queue.home import QueueHome, put_json, read_json_file
from lfads_nb.queue.processes import ProcessId, start_detached, stop_process
from lfads_nb.sweep.folders import CollectionFolder, RunFolder

if TYPE_CHECKING:
    from lfads_nb.sweep.run import Run

_START_S = 60.0


@dataclass(frozen=True)
class TensorBoard:
    """A TensorBoard that runs in the background."""

    port: int
    process: ProcessId

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def is_alive(self) -> bool:
        return self.process.is_alive

    def stop(self) -> None:
        """End it."""
        stop_process(self.process, grace_s=3.0)

    def _repr_html_(self) -> str:
        return f'<a href="{self.url}" target="_blank" rel="noopener">TensorBoard</a> at {self.url}'

    def __repr__(self) -> str:
        return f"<TensorBoard at {self.url}>"


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
    known = home.path / "tensorboard.json"
    name = f"{collection.path.absolute()} {logdir_spec(collection, folders)}"
    found = read_json_file(known)
    running = _from_json(found.get(name))
    if running is not None and port in (None, running.port):
        return running
    board = _start(collection, folders, port or free_port(), home)
    alive = {key: value for key, value in found.items() if _from_json(value) is not None}
    put_json(known, {**alive, name: {"port": board.port, **vars(board.process)}})
    return board


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
    """Write the collection's `launch_tensorboard.sh`; its arguments go on to TensorBoard."""
    spec = shlex.quote(logdir_spec(collection, folders))
    write_text(
        collection.tensorboard_script,
        '#!/bin/bash\ncd "$(dirname "$0")" || exit 1\n'
        f'exec python -m tensorboard.main --host=127.0.0.1 --logdir_spec={spec} "$@"\n',
    )
    collection.tensorboard_script.chmod(0o755)
    return collection.tensorboard_script


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _start(
    collection: CollectionFolder, folders: Sequence[RunFolder], port: int, home: QueueHome
) -> TensorBoard:
    log_path = home.path / "tensorboard.log"
    command = [*module_command("tensorboard.main"), "--host=127.0.0.1", f"--port={port}"]
    command += [f"--logdir_spec={logdir_spec(collection, folders)}"]
    log_path.unlink(missing_ok=True)
    process = start_detached(
        command,
        log=log_path,
        cwd=collection.path,
        environment={
            **os.environ,
            **passed_on(),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "CUDA_VISIBLE_DEVICES": "-1",
        },
    )
    deadline = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(port):
            return TensorBoard(port, ProcessId.of(process.pid))
        time.sleep(0.1)
    process.kill()
    process.wait()
    raise QueueError(f"TensorBoard did not start: {log_path.read_text()[-500:]}")


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


def _from_json(content: Any) -> TensorBoard | None:
    process = ProcessId.from_json(content)
    if process is None or type(content.get("port")) is not int:
        return None
    board = TensorBoard(content["port"], process)
    return board if board.is_alive else None
