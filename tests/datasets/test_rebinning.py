"""How many narrow bins make a wide one, and their sums."""

import numpy as np
import pytest

from lfads_nb.datasets.rebinning import rebin_ratio, sum_bins
from lfads_nb.errors import DataError


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "ratio"),
    [(1, 10, 10), (0.5, 0.5, 1), (0.1, 0.3, 3), (1, 10.0005, 10), (20, 20, 1)],
)
def test_whole_multiples_are_joined(from_ms, to_ms, ratio):
    assert rebin_ratio(from_ms, to_ms) == ratio


@pytest.mark.parametrize(
    ("from_ms", "to_ms"), [(2, 1), (2, 3), (1, 0), (1, -1), (1, 10.002), (3, 10), (1, 0.4)]
)
def test_other_widths_are_refused_by_name(from_ms, to_ms):
    with pytest.raises(DataError) as refused:
        rebin_ratio(from_ms, to_ms, dataset="day1")
    assert [refused.value.dataset, refused.value.field] == ["day1", "bin_ms"]
    assert f"bins of {from_ms:g} ms cannot be joined to bins of {to_ms:g} ms" in str(refused.value)
    assert f"choose a whole multiple of {from_ms:g} ms." in str(refused.value)


def test_a_trial_must_last_one_wide_bin():
    assert rebin_ratio(1, 10, 10) == 10
    with pytest.raises(DataError) as refused:
        rebin_ratio(2, 20, 9, dataset="day1")
    assert [refused.value.dataset, refused.value.field] == ["day1", "bin_ms"]
    assert "a trial lasts 18 ms, less than one bin of 20 ms." in str(refused.value)


def test_a_rest_is_dropped_and_sums_have_room():
    counts = np.full((1, 7, 2), 200, dtype=np.uint8)
    wide = sum_bins(counts, 3)
    assert wide.tolist() == [[[600, 600], [600, 600]]]
    assert wide.dtype == np.uint16
    floats = sum_bins(np.full((1, 4, 1), 0.5, dtype=np.float32), 2)
    assert floats.tolist() == [[[1.0], [1.0]]]
    assert floats.dtype == np.float32
    assert np.isnan(sum_bins(np.array([[[np.nan], [1.0]]]), 2)).all()
    assert sum_bins(np.full((1, 2, 1), 127, dtype=np.uint8), 2).dtype == np.uint8
