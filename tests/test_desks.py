"""What runs where: everything imports without what only Unix has, and our files know all paths."""

from __future__ import annotations

import json
import ntpath
import os
import posixpath
import subprocess
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.desks import stored_path

WITHOUT_UNIX = """
import importlib, importlib.abc, os, pkgutil, signal, sys, warnings
warnings.simplefilter("ignore")
# Libraries look at sys.platform and have their own ways; they are loaded as they are.
import bqplot, dask.distributed, h5py, jupyter_client, jupyter_server.serverapp, nbclient
import nbconvert, papermill, pandas, platformdirs, psutil, pynvml, scipy.io, sklearn, typer
import filelock, tempfile, asyncio, multiprocessing, pathlib, shutil, subprocess

absent = {"fcntl", "resource", "pwd", "grp", "termios", "pty", "tty"}
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
for name in absent:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Absent())
for name in ("fork", "getuid", "geteuid", "getgid", "killpg", "setsid", "getpgid", "getpgrp",
             "statvfs", "mkfifo", "pread", "pwrite", "sched_getaffinity", "O_NOFOLLOW",
             "O_DIRECTORY", "O_NONBLOCK", "O_CLOEXEC"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGSTOP", "SIGBUS"):
    if hasattr(signal, name):
        delattr(signal, name)
"""

IMPORT_ALL = """
import lfads_nb
for module in pkgutil.walk_packages(lfads_nb.__path__, "lfads_nb."):
    if not module.name.startswith("lfads_nb.model") and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print("all of them")
"""

WALK = """
os.symlink = lambda *a, **k: (_ for _ in ()).throw(OSError(1314, "a privilege is not held"))
import numpy as np
from lfads_nb import Counts, DatasetCollection, RunCollection, RunParams, RunSpec
from lfads_nb.datasets import write_counts
counts = np.random.default_rng(0).poisson(1.0, (20, 10, 4))
write_counts(pathlib.Path("data/day1.h5"), Counts.from_bins(counts, bin_ms=5))
dc = DatasetCollection("data")
dc.add("day1.h5")
rc = RunCollection("runs", "first", dc)
rc.add_params(RunParams(spike_bin_ms=10, batch_size=4, co_dim=0))
rc.add_run_spec(RunSpec("one", dc, [0]))
rc.prepare()
again = RunCollection.load(pathlib.Path("runs/first"))
assert again.runs[0].is_prepared
inputs = again.runs[0].folder.input_file("day1")
assert inputs.is_file() and not inputs.is_symlink()
rc.prepare()
print("all of it")
"""


def run(code: str, folder: Path) -> str:
    environment = {**os.environ, "LFADS_NB_HOME": str(folder / "home")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )
    return said.stdout + said.stderr


@pytest.mark.slow
def test_every_module_imports_without_what_only_unix_has(tmp_path):
    assert "all of them" in run(WITHOUT_UNIX + IMPORT_ALL, tmp_path)


@pytest.mark.slow
def test_runs_are_prepared_where_links_are_refused(tmp_path):
    assert "all of it" in run(WITHOUT_UNIX + WALK, tmp_path)


NAMES = st.text("abcXYZ012 äß_-.", min_size=1, max_size=8).filter(
    lambda name: name.strip(". ") == name and name.upper() not in ("CON", "NUL")
)
FOLDERS = st.lists(NAMES, max_size=4)


@given(drives=st.tuples(*[st.sampled_from("CDE")] * 2), path=FOLDERS, start=FOLDERS)
def test_paths_of_windows_are_stored_so_that_they_lead_back(drives, path, start):
    target = PureWindowsPath(f"{drives[0]}:\\", *path)
    origin = PureWindowsPath(f"{drives[1]}:\\", *start)
    stored = stored_path(target, origin)
    assert "\\" not in json.loads(json.dumps(stored))
    assert PureWindowsPath(stored).is_absolute() == (drives[0] != drives[1])
    assert PureWindowsPath(ntpath.normpath(origin / stored)) == target


@given(path=FOLDERS, start=FOLDERS)
def test_paths_are_stored_alike_on_all_systems(path, start):
    target, origin = PurePosixPath("/", *path), PurePosixPath("/", *start)
    stored = stored_path(target, origin)
    on_windows = stored_path(PureWindowsPath("C:\\", *path), PureWindowsPath("C:\\", *start))
    assert posixpath.normpath(origin / stored) == str(target)
    if not any(a != b and a.lower() == b.lower() for a in path for b in start):
        assert stored == on_windows


def test_data_on_another_drive_are_found_by_their_whole_path():
    stored = stored_path(PureWindowsPath("D:/data/day 1"), PureWindowsPath("C:/runs/first"))
    assert stored == "D:/data/day 1"
