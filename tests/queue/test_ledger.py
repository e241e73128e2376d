import pytest

from lfads_nb.queue.batches import Batch, LaunchOptions
from lfads_nb.queue.ledger import Ledger


def batch(key, *runs, **options):
    return Batch(key, runs, LaunchOptions(**options))


@pytest.fixture
def ledger():
    ledger = Ledger()
    first, second = batch("1", "a", "b", "c"), batch("2", "d", priority=5)
    ledger.add(first, first.runs)
    ledger.add(second, second.runs)
    return ledger


def order(ledger):
    return [entry.run for entry in ledger.waiting()]


def test_higher_priority_goes_first_then_the_order_of_launching(ledger):
    assert order(ledger) == ["d", "a", "b", "c"]
    ledger.set_priority(ledger.get("c"), 9)
    ledger.set_priority(ledger.get("d"), -1)
    assert order(ledger) == ["c", "a", "b", "d"]


def test_a_run_that_is_there_already_is_not_added_twice(ledger):
    again = batch("3", "a", "e")
    assert [entry.run for entry in ledger.add(again, again.runs)] == ["e"]
    assert len(ledger) == 5


def test_held_runs_are_passed_over_and_keep_their_place(ledger):
    ledger.get("a").held = True
    assert order(ledger) == ["d", "b", "c"]
    ledger.get("a").held = False
    assert order(ledger) == ["d", "a", "b", "c"]


def test_a_run_put_back_gets_its_old_place(ledger):
    entry = ledger.get("a")
    ledger.start(entry)
    assert order(ledger) == ["d", "b", "c"]
    assert [e.run for e in ledger.running()] == ["a"]
    ledger.put_back(entry, not_before=3.0, why="because")
    assert order(ledger) == ["d", "a", "b", "c"]
    assert ledger.running() == []
    assert [e.waits_for for e in ledger.delayed(2.0)] == ["because"]


def test_the_last_run_of_a_launch_ends_it(ledger):
    ledger.start(ledger.get("a"))
    assert [ledger.end(ledger.get(run)) for run in "abc"] == [[], [], ["1"]]
    assert order(ledger) == ["d"]
    assert "a" not in ledger


def test_a_launch_that_comes_while_a_run_ends_runs_it_again(ledger):
    entry = ledger.get("d")
    ledger.start(entry)
    later = batch("3", "d", retries=2)
    assert ledger.add(later, later.runs) == [entry]
    assert ledger.start_over(entry) == "2"
    assert order(ledger)[-1] == "d"
    assert entry.options.retries == 2
    assert ledger.end(entry) == ["3"]


def test_a_later_launch_that_was_not_needed_ends_with_the_run(ledger):
    entry = ledger.get("d")
    ledger.start(entry)
    later = batch("3", "d")
    ledger.add(later, later.runs)
    assert ledger.end(entry) == ["2", "3"]


def test_cancelling_a_run_forgets_the_launch_that_came_after(ledger):
    entry = ledger.get("d")
    ledger.start(entry)
    later = batch("3", "d")
    ledger.add(later, later.runs)
    assert ledger.drop_later_launch(entry) == "3"
    assert ledger.drop_later_launch(entry) is None
    assert ledger.end(entry) == ["2"]


def test_a_population_s_turns_have_its_priority_and_its_place(ledger):
    population = batch("3", "pbt", priority=7)
    ledger.add(population, population.runs)
    ledger.start(ledger.get("pbt"))
    turns = batch("4", "m0", "m1", driver="pbt")
    ledger.add(turns, turns.runs)
    assert order(ledger) == ["m0", "m1", "d", "a", "b", "c"]
    for entry in ledger.chosen(["pbt"]):
        ledger.set_priority(entry, 1)
    assert order(ledger) == ["d", "m0", "m1", "a", "b", "c"]
    later = batch("5", "m2", driver="pbt")  # the next generation's
    ledger.add(later, later.runs)
    assert order(ledger) == ["d", "m0", "m1", "m2", "a", "b", "c"]
