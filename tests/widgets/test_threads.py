"""Threads of the widgets and the end of Python."""

import subprocess
import sys

import h5py
import numpy as np

READS = """
import sys, threading, h5py
from lfads_nb.widgets.threads import start_thread
stopped, began = threading.Event(), threading.Event()
def read():
    while not stopped.is_set():
        with h5py.File(sys.argv[1]) as file:
            file["counts"][()]
        began.set()
start_thread(read, name="reader", stop=stopped.set)
began.wait()
kept = h5py.File(sys.argv[1])  # closed by Python's own end, which takes h5py's lock
"""


def test_a_process_ends_while_a_thread_reads(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["counts"] = np.zeros((50, 100, 20), int)
    for _ in range(5):  # without an ordered end, about every second one hangs
        done = subprocess.run(
            [sys.executable, "-c", READS, str(tmp_path / "data.h5")],
            timeout=120, capture_output=True, text=True,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
