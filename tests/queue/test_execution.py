"""How the end of a notebook is told."""

import pytest

from lfads_nb.queue.execution import short_cause


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
