"""A runner for tests of warm processes: it appends what it is told to a file."""

from __future__ import annotations

import os
import time


def make_warm():
    n_calls = 0

    def run(arguments: list[str]) -> int:
        nonlocal n_calls
        n_calls += 1
        path, what = arguments
        if what.startswith("die"):
            os._exit(7)
        with open(path, "a") as file:
            file.write(f"{os.getpid()} {n_calls} {os.environ['LFADS_NB_ATTEMPT']}\n")
        if what.startswith("sleep"):
            time.sleep(600)
        return 1 if what == "fail" else 0

    return run
