import threading

from lfads_nb.errors import DataError
from lfads_nb.widgets.background import TaskBar


def test_work_reports_its_progress_and_its_result():
    bar, results, seen = TaskBar(), [], []

    def work(progress):
        progress(1, 4, "one of four")
        seen.append(bar._text.value)
        return 42

    assert bar.start("Counting", work, on_done=results.append)
    bar.join(10)
    assert results == [42]
    assert 'value="0.250"' in seen[0]
    assert "one of four" in seen[0]
    assert not bar.is_busy


def test_a_work_of_thousands_of_parts_does_not_keep_the_browser_busy():
    bar, shown = TaskBar(), []
    bar._text.observe(lambda change: shown.append(change.new), "value")

    def work(progress):
        for i in range(10_001):
            progress(i, 10_000)

    bar.start("Counting", work)
    bar.join(60)
    assert "10000 of 10000" in shown[-1]
    assert len(shown) < 5000


def test_a_second_work_waits_for_the_first():
    bar, go = TaskBar(), threading.Event()
    assert bar.start("First", lambda progress: go.wait(10))
    assert not bar.start("Second", lambda progress: None)
    go.set()
    bar.join(10)
    assert bar.start("Third", lambda progress: None)
    bar.join(10)


def test_cancel_stops_at_the_next_report():
    bar, begun, done = TaskBar(), threading.Event(), []

    def work(progress):
        begun.set()
        for i in range(10**9):
            progress(i, 10**9)

    bar.start("Endless", work, on_done=done.append)
    begun.wait(10)
    bar._cancel.click()
    bar.join(10)
    assert not done
    assert "stopped as you asked" in bar.notice.value


def test_an_error_is_shown_and_the_end_is_told():
    bar, ended = TaskBar(), []

    def work(progress):
        raise DataError("is missing", dataset="day1")

    bar.start("Reading", work, on_end=lambda: ended.append(True))
    bar.join(10)
    assert "day1" in bar.notice.value
    assert ended == [True]


def test_the_end_may_start_the_next_work():
    bar, order = TaskBar(), []
    bar.start(
        "One",
        lambda progress: order.append(1),
        on_end=lambda: bar.start("Two", lambda progress: order.append(2)),
    )
    bar.join(10)
    assert order == [1, 2]
