import pytest

from lfads_nb.widgets.live_table import LiveTable, cell, column


@pytest.fixture
def table():
    made = LiveTable([column("a", "A"), column("b", "B")], "things", selectable="many")
    made.sent = []
    made.send = lambda content, buffers=None: made.sent.append(content)
    return made


def rows(*pairs, faint=False):
    return [
        {"id": name, "cells": {"a": a, "b": cell("b", sort=1)}, "faint": faint} for name, a in pairs
    ]


def test_only_the_cells_that_differ_are_sent(table):
    table.update_rows(rows(("x", 1), ("y", 2)))
    table.update_rows(rows(("x", 1), ("y", 3)))
    assert table.sent == [{"op": "patch", "rows": [{"id": "y", "cells": {"a": 3}}]}]
    # whoever opens the page later gets the whole truth
    assert table.rows[1]["cells"]["a"] == 3


def test_nothing_is_sent_when_nothing_changed(table):
    for _ in range(2):
        table.update_rows(rows(("x", 1)))
    assert table.sent == []


def test_a_greyed_row_is_a_change(table):
    table.update_rows(rows(("x", 1)))
    table.update_rows(rows(("x", 1), faint=True))
    assert table.sent == [{"op": "patch", "rows": [{"id": "x", "cells": {}, "faint": True}]}]


def test_rows_that_are_gone_are_selected_no_more(table):
    table.update_rows(rows(("x", 1), ("y", 2)))
    table.selected = ["x", "y"]
    table.update_rows(rows(("y", 2)))
    assert table.selected == ["y"]
    assert [row["id"] for row in table.rows] == ["y"]


def pick(table, n, *ids):
    table._on_message(table, {"op": "pick", "n": n, "ids": list(ids)}, [])


def test_what_the_kernel_selects_says_which_of_the_pages_choices_it_has_seen(table):
    table.update_rows(rows(("x", 1), ("y", 2)))
    pick(table, 3, "y", "gone")
    assert table.selected == ["y"]
    first = table._shown
    assert (first["n"], first["ids"]) == (3, ["y"])
    pick(table, 4, "y")
    assert (table._shown["n"], table._shown["ids"]) == (4, ["y"])
    table.selected = []
    assert (table._shown["n"], table._shown["ids"]) == (4, [])
    assert table._shown["rev"] > first["rev"]


def test_numbers_stand_at_the_right():
    assert column("n", "N", kind="number")["align"] == "right"
    assert column("n", "N")["align"] == "left"


def test_a_cell_holds_only_what_it_needs():
    assert cell("text") == {"text": "text"}
    assert cell("", sort=0, fraction=0.0) == {"text": "", "sort": 0, "fraction": 0.0}
