from __future__ import annotations

from pathlib import Path

import pytest

from lfads_nb.errors import DiskFullError
from lfads_nb.model.fit_log import EpochFigures, append_line, cut_after

TF1_LOG = Path(__file__).parent / "parity" / "single_controller" / "lfadsOutput" / "fitlog.csv"


def figures(epoch=0, step=5, **changes) -> EpochFigures:
    values = {
        "total": (287.4, 261.2), "recon": (274.57, 237.59), "kl": (409.71, 261.18),
        "l2": 22.04605, "kl_weight": 4 / 60, "l2_weight": 4 / 60, "learning_rate": 0.01,
    }  # fmt: skip
    return EpochFigures(epoch=epoch, step=step, **{**values, **changes})


def test_line_is_byte_for_byte_that_of_tf1():
    assert figures().csv_line() == TF1_LOG.read_text().splitlines()[0]


def test_further_figures_follow_as_label_and_value():
    line = figures(extra={"co_bps": 0.25}).csv_line()
    assert line.startswith(figures().csv_line())
    assert line.endswith(", co_bps,0.25000")


def test_console_line_names_every_figure():
    line = figures().console_line()
    for part in ("Epoch:0, step:5 (TRAIN, VALID)", "total: 287.40, 261.20", "kl weight: 0.07"):
        assert part in line


def test_epochs_whose_weights_were_lost_are_cut(tmp_path):
    path = tmp_path / "fitlog.csv"
    for epoch in range(4):
        append_line(path, figures(epoch, 5 * (epoch + 1)))
    cut_after(path, 10)
    kept = path.read_text().splitlines()
    assert [line.split(",")[1] for line in kept] == ["0", "1"]
    cut_after(tmp_path / "absent.csv", 10)
    assert not (tmp_path / "absent.csv").exists()


def test_a_full_disk_leaves_no_half_line(small_disk, leave_free):
    path = small_disk / "fitlog.csv"
    append_line(path, figures(0, 5))
    leave_free(small_disk, 0)
    with pytest.raises(DiskFullError, match="no room for"):
        _append_many(path)
    lines = path.read_text().splitlines()
    assert {line.count(",") for line in lines} == {lines[0].count(",")}


def _append_many(path):
    for epoch in range(1, 100):
        append_line(path, figures(epoch, 5 * (epoch + 1)))
