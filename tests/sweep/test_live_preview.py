from __future__ import annotations

import h5py
import numpy as np
import pytest

from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.live_preview import LivePreview, read_preview, write_preview


@pytest.fixture
def run(tmp_path):
    rng = np.random.default_rng(0)
    counts, rates, truth = rng.poisson(1, (3, 2, 9, 5)).astype(float)
    shown = LivePreview(7, 5.0, "one", np.array([0, 4]), counts, rates, truth, rates[..., :3])
    folder = RunFolder(tmp_path)
    write_preview(folder, shown)
    return folder


def test_a_preview_is_read_as_it_was_written(run):
    shown = read_preview(run)
    assert (shown.epoch, shown.bin_ms, shown.session) == (7, 5.0, "one")
    assert shown.counts.shape == shown.truth.shape == (2, 9, 5)
    assert shown.factors.shape == (2, 9, 3)


def test_what_is_no_preview_is_none(run, tmp_path):
    assert read_preview(RunFolder(tmp_path / "nowhere")) is None
    with h5py.File(run.preview, "r+") as file:
        del file["rates"]
        file["rates"] = np.zeros((2, 8, 5))
    assert read_preview(run) is None
    run.preview.write_bytes(b"half")
    assert read_preview(run) is None
