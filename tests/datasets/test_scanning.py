import os

import numpy as np
import pytest

from lfads_nb.datasets import DatasetCollection, scan_folder, write_counts
from lfads_nb.datasets.info_table import info_table
from lfads_nb.errors import CollectionError


@pytest.fixture
def folder(tmp_path, make_counts):
    write_counts(tmp_path / "day10.h5", make_counts())
    np.savez(tmp_path / "day2.npz", counts=np.ones((3, 4, 2)), bin_ms=1)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".hidden.h5").write_text("hello")
    (tmp_path / "sub").mkdir()
    write_counts(tmp_path / "sub" / "day3.h5", make_counts())
    return tmp_path


def test_files_with_their_format_or_problem(folder):
    found = scan_folder(folder)
    assert [(file.path.name, file.format) for file in found] == [
        ("day2.npz", "npz"),
        ("day10.h5", "lfads_nb"),
        ("notes.txt", None),
    ]
    assert "known formats" in found[2].problem
    assert not found[0].problem


def test_patterns_and_subfolders(folder):
    assert [file.path.name for file in scan_folder(folder, "*.h5")] == ["day10.h5"]
    assert [file.path.name for file in scan_folder(folder, "**/*.h5")] == ["day10.h5", "day3.h5"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(CollectionError, match="cannot be listed"):
        scan_folder(tmp_path / "none")


@pytest.mark.parametrize("pattern", ["", "/etc/*"])
def test_bad_patterns_are_refused(tmp_path, pattern):
    with pytest.raises(CollectionError, match="cannot be listed"):
        scan_folder(tmp_path, pattern)


def test_a_folder_of_thousands_of_files_is_shown_by_its_first_rows(tmp_path, make_counts):
    first = write_counts(tmp_path / "d0000.h5", make_counts())
    for number in range(1, 1000):
        os.link(first, tmp_path / f"d{number:04}.h5")
    datasets = DatasetCollection(tmp_path)
    datasets.add_all()
    assert datasets.names == [f"d{number:04}" for number in range(1000)]
    page = datasets._repr_html_()
    assert "... and 800 more" in page
    assert "d0199" in page
    assert "d0200" not in page
    assert sum(dataset.known_info is not None for dataset in datasets) == 200


def test_what_was_not_read_in_time_is_an_empty_row(tmp_path, make_counts):
    for name in ("a", "b", "c"):
        write_counts(tmp_path / f"{name}.h5", make_counts())
    datasets = DatasetCollection(tmp_path)
    datasets.add_all()
    datasets["c"].load_info()
    times = iter([0.0, 1.0, 3.0, 3.0])
    table = info_table(datasets.datasets, patience_s=2.0, clock=lambda: next(times))
    assert list(table["trials"].isna()) == [False, True, False]
    assert list(table["problem"]) == ["", "", ""]
