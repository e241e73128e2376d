"""`python -m lfads_nb.queue.tensorboard_server`: a TensorBoard for its owner alone.

TensorBoard asks nobody who they are. Here every page lies below a path that only the owner knows:
it stands in a private file or on the owner's terminal, and on no command line. The same goes for
the names of the runs.
"""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlparse

from lfads_nb.queue.home import put_json, read_json_file
from lfads_nb.queue.output_limits import MAX_SERVICE_LOG, shorten_log
from lfads_nb.queue.processes import ProcessId

LOG_EVERY_S = 10.0


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(prog="launch_tensorboard.sh", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1; by default a free one")
    parser.add_argument("--request", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if options.request is None:
        url = start(sys.stdin.read().strip(), options.port, secrets.token_urlsafe(24))
        sys.stdout.write(f"TensorBoard, for you alone, at {url}\nCtrl-C ends it.\n")
        sys.stdout.flush()
    else:
        asked = read_json_file(options.request)
        url = start(asked["logdir_spec"], asked["port"], asked["token"])
        answer = {**asked, "port": urlparse(url).port, **asdict(ProcessId.own())}
        put_json(options.request, answer)
    try:
        while True:
            time.sleep(LOG_EVERY_S)
            if options.request is not None:
                # TensorBoard says every event that it cannot read, again and again.
                shorten_log(options.request.with_suffix(".log"), most=MAX_SERVICE_LOG)
    except KeyboardInterrupt:
        pass


def start(logdir_spec: str, port: int, token: str) -> str:
    """Start serving in the background, and return the address; exits if it cannot be had."""
    from tensorboard import program
    from tensorboard.program import TensorBoardServerException

    board = program.TensorBoard()
    board.configure(
        argv=[
            "tensorboard",
            f"--logdir_spec={logdir_spec}",
            "--host=127.0.0.1",
            f"--port={port}",
            f"--path_prefix=/{token}",
            # The fast loader is a process with a port of its own, open to everybody.
            "--load_fast=false",
        ]
    )
    try:
        return board.launch()
    except TensorBoardServerException as error:
        sys.exit(str(error.msg))


if __name__ == "__main__":
    main()
