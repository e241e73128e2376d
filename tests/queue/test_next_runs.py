"""Which run begins on a device where one is ready."""

import pytest

from lfads_nb.queue.batches import LaunchOptions
from lfads_nb.queue.devices import Device
from lfads_nb.queue.ledger import Entry
from lfads_nb.queue.next_runs import NextRuns
from lfads_nb.queue.plan import Wish
from lfads_nb.queue.task import RunTask

GPU = Device("gpu:0", "a GPU", "gpu", 20_000.0, 20_000.0, "gpu:0", index=0)


def entry(run, **changes):
    return Entry(run, "launch", LaunchOptions(), number=0, priority=0, **changes)


def ready(run, device=GPU.key):
    task = RunTask(
        folder=run, device=device, threads=0, mode="all", template=None, python="", runner="",
        environment={}, attempt=f"attempt of {run}",
    )  # fmt: skip
    return entry(run, ahead=task)


@pytest.fixture
def next_runs():
    needs = {"small": 1000.0, "large": 9000.0}
    return NextRuns(
        None, None, task=None, may_pack=None,
        wish=lambda e: Wish(e.run, e.batch, lambda _kind: needs[e.run]),
    )  # fmt: skip


def test_one_that_is_ready_there_goes_before_the_one_whose_turn_it_is(next_runs):
    first, large = entry("small"), ready("large")
    found = next_runs.ready_one(first, [first, large], GPU, free_mb=10_000.0)
    assert found is large
    elsewhere = ready("large", "gpu:1")
    assert next_runs.ready_one(first, [first, elsewhere], GPU, free_mb=10_000.0) is first


def test_one_that_is_ready_but_does_not_fit_waits_for_its_turn(next_runs):
    first, large = entry("small"), ready("large")
    assert next_runs.ready_one(first, [first, large], GPU, free_mb=8000.0) is first


def test_what_is_not_as_it_was_told_begins_in_a_process_of_its_own(next_runs):
    waiting = ready("small")
    told = waiting.ahead
    own = RunTask(**{**vars(told), "attempt": "new", "threads": 3})
    assert next_runs.begun(waiting, own) == told
    assert waiting.ahead is None
    waiting.ahead = told
    other = RunTask(**{**vars(own), "device": "gpu:1"})
    assert next_runs.begun(waiting, other) is other
