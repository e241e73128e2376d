"""What a `status.json` may hold, whoever wrote it: what is kept, left out or refused."""

import math
from dataclasses import fields

import pytest

from lfads_nb.queue.status import RunStatus
from lfads_nb.queue.status_values import checked_values

WHOLE = {
    "stage": "training", "progress": {"epoch": 3}, "pid": 7, "pid_started": 1.5, "kernel_pid": 8,
    "host": "node1", "device": "GPU 0", "times": {"queued": "2025-01-02T03:04:05+00:00"},
    "finished_stages": ("training",), "reason": "out of memory", "detail": "line 3",
    "training_end": "max_epochs", "attempt": 2, "attempt_id": "a1", "mode": "all",
    "peak_memory_mb": 512.5, "heartbeat": 99.25, "submission": "s1", "job": "123_4",
    "cluster": "here", "pack": 6,
}  # fmt: skip


def kept(name, value):
    return checked_values({name: value})[name]


def test_a_status_of_ours_is_kept_as_it_is_and_what_is_not_known_left_out():
    assert set(WHOLE) == {f.name for f in fields(RunStatus)} - {"state"}
    assert checked_values({**WHOLE, "state": "training", "of a later version": 1}) == WHOLE
    assert checked_values({}) == {}


@pytest.mark.parametrize("name", ["pid", "kernel_pid"])
def test_a_process_id_is_one_that_the_system_can_have(name):
    assert kept(name, None) is None
    assert [kept(name, pid) for pid in (1, 2**31 - 1)] == [1, 2**31 - 1]
    for value in (0, -1, 2**31, "7", 7.0, True):
        with pytest.raises(ValueError, match=f"its '{name}' cannot be"):
            kept(name, value)


@pytest.mark.parametrize("name", ["attempt", "pack"])
def test_a_count_is_a_whole_number_from_zero_on(name):
    assert [kept(name, n) for n in (0, 2**53 - 1)] == [0, 2**53 - 1]
    for value in (-1, 2**53, 1.0, True, None, "3"):
        with pytest.raises(ValueError, match=f"its '{name}' cannot be"):
            kept(name, value)


@pytest.mark.parametrize("name", ["pid_started", "heartbeat", "peak_memory_mb"])
def test_a_figure_is_a_finite_number_or_not_there(name):
    assert kept(name, None) is None
    assert kept(name, 3) == 3.0
    assert type(kept(name, 3)) is float
    assert kept(name, 0.0) == 0.0
    for value in (math.nan, math.inf, -math.inf, True, "3", [3]):
        with pytest.raises(ValueError, match=f"its '{name}' cannot be"):
            kept(name, value)


def test_only_memory_cannot_be_negative():
    assert kept("heartbeat", -1.0) == -1.0
    with pytest.raises(ValueError, match="its 'peak_memory_mb' cannot be -1"):
        kept("peak_memory_mb", -1)


@pytest.mark.parametrize("name", [n for n, value in WHOLE.items() if isinstance(value, str)])
def test_text_is_shown_without_what_a_terminal_obeys_and_not_endlessly(name):
    assert kept(name, "a\x1b[31mb") == "ab"
    assert len(kept(name, "x" * 100_001)) == 100_000
    for value in (None, 3, ["x"]):
        with pytest.raises(ValueError, match=f"its '{name}' cannot be"):
            kept(name, value)


def test_finished_stages_are_a_list_of_texts():
    assert kept("finished_stages", ["training", "sampl\x1b[0ming"]) == ("training", "sampling")
    for value in ("training", {"training": 1}, [3], None):
        with pytest.raises(ValueError, match="its 'finished_stages' cannot be"):
            kept("finished_stages", value)


def test_a_time_that_cannot_be_read_is_left_out_and_the_others_stay():
    good = "2025-01-02T03:04:05+00:00"
    times = {"a": "yesterday", "b": 5, 7: good, "c": "0001-01-01T00:00:00", "queu\x1b[0med": good}
    assert kept("times", {**times, "started": good}) == {"queued": good, "started": good}
    with pytest.raises(ValueError, match="its 'times' cannot be 3"):
        kept("times", 3)


def progress(**figures):
    return kept("progress", figures)


def test_costs_may_be_no_numbers_as_trainings_end_so_but_never_text():
    found = progress(epoch=3, total_train=math.nan, total_valid=math.inf, learning_rate=1e-3)
    assert math.isnan(found.pop("total_train"))
    assert found == {"epoch": 3, "total_valid": math.inf, "learning_rate": 1e-3}
    for name in ("epoch", "total_train", "total_valid", "learning_rate", "best_epoch"):
        assert progress(**{name: 3}) == {name: 3}
        for value in ("3", True, None, [3], {"a": 3}):
            assert progress(**{name: value}) == {}, (name, value)


def test_a_fraction_lies_between_nothing_and_all():
    assert [progress(fraction=f) for f in (0, 1, 0.5)] == [
        {"fraction": 0}, {"fraction": 1}, {"fraction": 0.5},
    ]  # fmt: skip
    for value in (-0.01, 1.01, math.nan, "half", True):
        assert progress(fraction=value, note="x") == {"note": "x"}


def test_a_time_left_is_a_finite_number_that_is_not_negative():
    assert [progress(eta_s=s) for s in (0, 1e6)] == [{"eta_s": 0}, {"eta_s": 1e6}]
    for value in (-1, math.nan, math.inf, "soon", True):
        assert progress(eta_s=value, note="x") == {"note": "x"}


def test_other_figures_are_kept_as_far_as_a_page_can_show_them():
    deep = {"a": 1, "b": "t\x1b[0mext", "c": [1], "d": None, "e": 2**53}
    assert progress(
        flag=False, text="te\x1b[0mxt", n=2**53 - 1, low=1 - 2**53, group=deep
    ) == {"flag": False, "text": "text", "n": 2**53 - 1, "low": 1 - 2**53,
          "group": {"a": 1, "b": "text"}}  # fmt: skip
    assert progress(n=2**53, low=-(2**53), things=[1], none=None) == {}
    assert len(progress(text="x" * 100_001)["text"]) == 100_000
    assert len(progress(**{f"figure{i}": i for i in range(1001)})) == 1000
    for value in (3, [1], None, "text"):
        with pytest.raises(ValueError, match="its 'progress' cannot be"):
            kept("progress", value)


def test_what_is_refused_is_quoted_shortly_and_harmlessly():
    with pytest.raises(ValueError, match="cannot be") as refused:
        kept("pid", "\x1b[31m" + "x" * 500)
    said = str(refused.value)
    assert said.startswith("its 'pid' cannot be '")
    assert "\x1b" not in said
    assert len(said) == len("its 'pid' cannot be ") + 60
