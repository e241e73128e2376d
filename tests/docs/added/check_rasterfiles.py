"""The test that goes with the reader."""

from __future__ import annotations

import pytest

from lfads_nb.datasets import DatasetCollection, peek_info, read_counts, scan_folder
from lfads_nb.errors import DataError

TEXT = "#raster 5 4 3\n0 1 2\n0 1 2\n2 3 0\n"


def test_a_raster_opens_by_itself_whatever_its_name(tmp_path):
    (tmp_path / "day1.txt").write_text(TEXT)
    dataset = DatasetCollection(tmp_path).add("day1.txt")
    counts = dataset.load_counts()
    assert counts.counts.shape == (3, 4, 3)
    assert counts.counts[0, 1, 2] == 2
    assert counts.counts.sum() == 3
    assert counts.bin_ms == 5
    assert "raster" in counts.notes[0]
    assert peek_info(tmp_path / "day1.txt").n_trials == 3
    (found,) = scan_folder(tmp_path, "*.txt")
    assert found.format == "raster"


def test_what_does_not_fit_is_refused_in_words(tmp_path):
    (tmp_path / "day1.txt").write_text(TEXT + "0 9 0\n")
    with pytest.raises(DataError, match=r"day1.*line 5 has a spike outside of 4 bins"):
        read_counts(tmp_path / "day1.txt")


def test_a_file_of_no_known_format_is_told_of_this_one_too(tmp_path):
    (tmp_path / "other.txt").write_text("0 1 2\n")
    with pytest.raises(DataError, match="Raster as text"):
        read_counts(tmp_path / "other.txt")
