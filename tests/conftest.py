"""What holds for all tests."""

import os
import signal
import subprocess
from collections import Counter

import pytest
from hypothesis import settings

from lfads_nb import own_code

# No test judges by time: a busy machine may take a second over anything. CI tries the same examples
# every time; new ones are found by people, who can look at them.
settings.register_profile(
    "lfads_nb", deadline=None, derandomize=os.environ.get("LFADS_NB_REQUIRE_BROWSER") == "1"
)
settings.load_profile("lfads_nb")


# A shell starts what it puts into the background with Ctrl-C ignored, and so would be all children.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# About how many seconds a test with such a mark takes; one whose own time limit is high says so.
_TAKES_LONG = {"training": 12, "processes": 8, "browser": 5, "slow": 3}


def pytest_configure(config):
    """Keep the order of `longest_first` where files are given to processes one by one."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False  # it would be by their number of tests


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Put what trains, starts processes or drives a browser into the slow tier.

    Where tests run side by side, those of a file stay together: they share what was expensive to
    make. Each process has a browser of its own.
    """
    side_by_side = bool(os.environ.get("PYTEST_XDIST_WORKER"))
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)
        if any(item.get_closest_marker(name) for name in _TAKES_LONG):
            item.add_marker(pytest.mark.slow)
        if side_by_side and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(_group_of(item)))
    if side_by_side:
        longest_first(items)


def longest_first(items):
    """Put the files that take longest first: what is left for the end is quick on every process."""
    seconds = Counter()
    for item in items:
        marks = [long for name, long in _TAKES_LONG.items() if item.get_closest_marker(name)]
        own = item.get_closest_marker("timeout")
        seconds[_group_of(item)] += sum(marks) + (own.args[0] / 5 if own else 0)
    items.sort(key=lambda item: -seconds[_group_of(item)])


def _group_of(item):
    """Its file, unless files share something."""
    own = item.get_closest_marker("xdist_group")
    return own.args[0] if own else item.nodeid.split("::")[0]


@pytest.fixture(autouse=True, scope="session")
def own_home(tmp_path_factory):
    """Keep what is remembered for a user out of the home of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        if "LFADS_NB_HOME" not in os.environ:
            patch.setenv("LFADS_NB_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def nothing_handed_over():
    """Begin each test like a new process: no code of the user's own is known."""
    own_code._handed_over.clear()


@pytest.fixture
def small_disk(request, tmp_path):
    """A disk of its own, of 1 MB, or of so many as the test gives as a parameter."""
    disk = tmp_path / "disk"
    disk.mkdir()
    size = f"size={getattr(request, 'param', 1)}m"
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(disk)], capture_output=True
    )
    if made.returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture
def leave_free():
    """Fill a disk up to some kilobytes; again to change how many."""

    def fill(disk, n_kilobytes):
        filler = disk / "filler"
        filler.unlink(missing_ok=True)
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
        filler.write_bytes(bytes(max(0, free - 1024 * n_kilobytes)))

    return fill
