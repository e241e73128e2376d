import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

from lfads_nb.datasets import join_conditions
from lfads_nb.errors import DataError


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "trial": np.arange(20),
            "target": np.arange(20) % 4,
            "side": ["left", "right"] * 10,
            "angle": np.arange(20) * 18.0,
            "correct": np.arange(20) % 3 > 0,
        }
    )
    return frame.iloc[rng.permutation(20)]


def test_rows_are_joined_by_trial_whatever_their_order(make_counts, table):
    counts = join_conditions(make_counts(), table, condition="target")
    assert counts.condition_ids.tolist() == [0, 1, 2, 3] * 3
    assert counts.trial_columns["angle"].tolist() == [18.0 * i for i in range(12)]
    assert counts.trial_columns["side"].tolist() == ["left", "right"] * 6
    assert counts.trial_columns["correct"].dtype == bool
    assert "reaction_ms" in counts.trial_columns
    assert "trial" not in counts.trial_columns


def test_trials_numbered_from_1(make_counts, table):
    counts = join_conditions(make_counts(), table, condition="target", first_trial=1)
    assert counts.condition_ids.tolist() == [1, 2, 3, 0] * 3


def test_several_columns_make_one_condition(make_counts, table):
    counts = join_conditions(make_counts(), table, condition=["side", "target"])
    assert counts.condition_ids[:2].tolist() == ["left | 0", "right | 1"]


def test_conditions_stay_when_none_is_asked_for(make_counts, table):
    counts = join_conditions(make_counts(), table, columns=["angle"])
    assert counts.condition_ids.tolist() == make_counts().condition_ids.tolist()
    assert list(counts.trial_columns) == ["reaction_ms", "angle"]


def test_joining_by_a_trial_column(make_counts, table):
    ids = np.array([f"t{i}" for i in range(12)])
    counts = make_counts(trial_columns={"uid": ids})
    table = pd.DataFrame({"uid": ids[::-1], "condition": np.arange(12)})
    joined = join_conditions(counts, table, on="uid", condition="condition")
    assert joined.condition_ids.tolist() == list(range(12))[::-1]


def test_rows_in_order(make_counts, table):
    counts = join_conditions(make_counts(), table.head(12), on=None, condition="side")
    assert counts.condition_ids.tolist() == table["side"].tolist()[:12]
    with pytest.raises(DataError, match="20 rows for 12 trials"):
        join_conditions(make_counts(), table, on=None)


@pytest.mark.parametrize(("name", "separator"), [("t.csv", ","), ("t.tsv", "\t")])
def test_files(tmp_path, make_counts, table, name, separator):
    table.to_csv(tmp_path / name, sep=separator, index=False)
    counts = join_conditions(make_counts(), tmp_path / name, condition="side")
    assert counts.condition_ids.tolist() == ["left", "right"] * 6


def test_gaps_in_a_table(make_counts, table):
    table = table.sort_values("trial").astype({"target": float, "side": object})
    table.loc[0, "target"] = np.nan
    table.loc[1, "side"] = None
    counts = join_conditions(make_counts(), table, condition="target")
    assert np.isnan(counts.condition_ids[0])
    assert counts.trial_columns["side"][1] == ""
    assert join_conditions(make_counts(), table, condition="side").condition_ids[1] == ""


def test_gaps_in_nullable_columns(make_counts, table):
    table = table.sort_values("trial").astype(
        {"target": "Int64", "side": "string", "correct": "boolean"}
    )
    table.loc[0, ["target", "side", "correct"]] = pd.NA
    table["when"] = pd.date_range("2024-01-01", periods=20).where(table.trial != 0)
    counts = join_conditions(make_counts(), table, condition="target")
    assert np.isnan(counts.condition_ids[0])
    assert counts.condition_ids[1] == 1
    columns = counts.trial_columns
    assert columns["side"][:2].tolist() == ["", "right"]
    assert columns["when"][:2].tolist() == ["", "2024-01-02T00:00:00"]
    assert np.isnan(columns["correct"][0])


def test_dates_and_categories(make_counts, table):
    table["when"] = pd.date_range("2024-01-01", periods=20)
    table["kind"] = pd.Categorical(["x", "y"] * 10)
    columns = join_conditions(make_counts(), table.sort_values("trial")).trial_columns
    assert columns["when"][0].startswith("2024-01-")
    assert set(columns["kind"]) == {"x", "y"}


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (lambda t: t[t.trial != 3], {}, r"no rows with trial = 3 \(1 of 12"),
        (lambda t: pd.concat([t, t[t.trial == 5]]), {}, r"2 rows with trial = 5"),
        (lambda t: t, {"condition": "speed"}, "no column 'speed'; it has 'trial'"),
        (lambda t: t, {"on": "number"}, "no column 'number'"),
        (lambda t: t, {"columns": ["angle", "x"]}, "no column 'x'"),
    ],
)
def test_tables_that_do_not_fit_are_refused(make_counts, table, change, arguments, message):
    with pytest.raises(DataError, match=message):
        join_conditions(make_counts(), change(table), **arguments)


def test_a_table_file_that_is_not_there(tmp_path, make_counts):
    with pytest.raises(DataError, match="cannot be read"):
        join_conditions(make_counts(), tmp_path / "none.csv")


SHEET = "trial;Ziel;wo;angle\n0;1;m\xfcde;0,5\n1;2;wach;1,5\n2;;;2,5\n"


@pytest.mark.parametrize(
    "raw",
    [
        SHEET.encode("latin-1"),
        SHEET.encode(),
        SHEET.encode("utf-16"),
        SHEET.encode("utf-8-sig").replace(b"\n", b"\r\n"),
        SHEET.replace(",", ".").replace(";", "\t").encode("utf-16"),
        SHEET.replace(",", ".").replace(";", ", ").encode(),
    ],
)
def test_tables_of_any_separator_and_encoding(tmp_path, make_counts, raw):
    (tmp_path / "table.csv").write_bytes(raw)
    counts = make_counts(n_trials=3)
    joined = join_conditions(counts, tmp_path / "table.csv", condition="Ziel")
    np.testing.assert_array_equal(joined.condition_ids, [1, 2, np.nan])
    assert joined.trial_columns["wo"].tolist() == ["m\xfcde", "wach", ""]
    assert joined.trial_columns["angle"].tolist() == [0.5, 1.5, 2.5]
    both = join_conditions(counts, tmp_path / "table.csv", condition=["Ziel", "wo"])
    assert both.condition_ids.tolist() == ["1 | m\xfcde", "2 | wach", ""]


def test_keys_as_text(tmp_path, make_counts):
    (tmp_path / "table.csv").write_text("uid,side\n002,b\n001,a\n010,c\n")
    counts = make_counts(n_trials=3, trial_columns={"uid": ["001", "002", "010"]})
    joined = join_conditions(counts, tmp_path / "table.csv", on="uid", condition="side")
    assert joined.condition_ids.tolist() == ["a", "b", "c"]
    frame = pd.DataFrame({"trial": ["2", "1", "0"], "side": ["c", "b", "a"]})
    assert join_conditions(counts, frame, condition="side").condition_ids.tolist() == list("abc")


def test_a_workbook_is_opened_or_named(tmp_path, make_counts, monkeypatch):
    (tmp_path / "table.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    with pytest.raises(DataError, match=r"table\.xlsx"):
        join_conditions(make_counts(), tmp_path / "table.xlsx")
    with zipfile.ZipFile(tmp_path / "table.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(DataError, match=r"table\.xlsx.*CSV"):
        join_conditions(make_counts(), tmp_path / "table.xlsx")
    monkeypatch.undo()
    pytest.importorskip("openpyxl")
    pd.DataFrame({"trial": range(3), "side": ["a", None, "b"]}).to_excel(
        tmp_path / "table.xlsx", index=False
    )
    counts = join_conditions(make_counts(n_trials=3), tmp_path / "table.xlsx", condition="side")
    assert counts.condition_ids.tolist() == ["a", "", "b"]


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"\x00\x01\x02", b'"a,b\n1', b"\xff\xfe\x00"])
def test_a_table_that_is_none_is_named(tmp_path, make_counts, raw):
    (tmp_path / "table.csv").write_bytes(raw)
    with pytest.raises(DataError, match=r"table"):
        join_conditions(make_counts(), tmp_path / "table.csv")
