"""How the end of a notebook is told."""

import pytest

from lfads_nb.queue import execution
from lfads_nb.queue.execution import _death_in_words, short_cause, with_advice


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("ValueError", "\n\n  bad trials\nmore", "ValueError: bad trials"),
        ("AssertionError", "", "AssertionError: a check inside the code failed"),
        ("KeyError", " \n ", "KeyError: it came without a message"),
        ("", "", "an error without a name: it came without a message"),
    ],
)
def test_the_reason_of_a_failure_is_never_empty(kind, text, expected):
    assert short_cause(kind, text) == expected


@pytest.mark.parametrize(
    ("kind", "text", "advice"),
    [
        ("MemoryError", "Unable to allocate 3 GiB", "run fewer at once"),
        ("ResourceExhaustedError", "OOM when allocating tensor", "the device's memory ran out"),
        ("OSError", "[Errno 24] Too many open files: 'x'", "ulimit -n"),
        ("OSError", "[Errno 12] Cannot allocate memory", "run fewer at once"),
    ],
)
def test_a_resource_that_ran_out_comes_with_what_to_do(kind, text, advice):
    assert short_cause(kind, text).startswith(f"{kind}: {text}; ")
    assert advice in short_cause(kind, text)


def test_what_could_not_start_says_what_to_do_about_it():
    error = OSError(24, "Too many open files")
    assert with_advice(error).startswith("[Errno 24] Too many open files; this account may open")
    assert with_advice(ValueError("no such thing")) == "no such thing"


@pytest.mark.parametrize("text", ["Kernel died before replying", "Kernel didn't respond in 60 s"])
@pytest.mark.parametrize("is_few", [True, False])
def test_a_kernel_that_cannot_say_so_itself_lacks_files_where_there_are_few(
    text, is_few, monkeypatch
):
    monkeypatch.setattr(execution, "may_open_few", lambda: is_few)
    assert ("ulimit -n" in short_cause("RuntimeError", text)) == is_few


def test_a_cause_of_a_million_characters_fits_a_status():
    assert len(short_cause("ValueError", "x" * 10**6)) < 1100


@pytest.mark.parametrize(
    ("code", "words"), [(-9, "out of memory"), (-6, "signal 6"), (-11, "signal 11"), (3, "code 3")]
)
def test_the_death_of_a_kernel_is_told_with_what_to_change(code, words):
    assert words in _death_in_words(code)
