from __future__ import annotations

import h5py
import numpy as np
import pytest

from lfads_nb.errors import DataError
from lfads_nb.results.alignment_report import alignment_figure, alignment_of, alignment_table
from lfads_nb.sweep.params import RunParams

PARAMS = RunParams(
    spike_bin_ms=10, co_dim=0, factors_dim=3, gen_dim=8, ic_dim=4, use_alignment_matrix=True
)


@pytest.fixture
def stitched(make_run):
    return make_run(
        PARAMS,
        datasets={
            "a": {"n_neurons": 20, "seed": 1, "n_trials": 200},
            "b": {"n_neurons": 25, "seed": 2, "n_trials": 200},
        },
        n_conditions=5,
        spec="all",
    )


def test_numbers_by_session_and_component(stitched):
    what = alignment_of(stitched.folder)
    table = alignment_table(what.alignments)
    assert list(table.index) == ["a", "b"]
    assert list(table.columns) == ["PC 1", "PC 2", "PC 3", "all"]
    for name, each in what.alignments.items():
        np.testing.assert_array_equal(table.loc[name][:3], each.r2)
        pcs, own = each.global_pcs, each.reconstruction
        spread = ((pcs - pcs.mean(axis=(0, 1))) ** 2).sum()
        assert table.loc[name, "all"] == pytest.approx(1 - ((pcs - own) ** 2).sum() / spread)
    assert table["all"].min() > 0.5
    assert what.is_the_runs is None
    assert what.time_ms[0] == -100


def test_it_says_whether_these_are_the_read_ins_of_the_run(stitched):
    what = alignment_of(stitched.folder)
    for name, each in what.alignments.items():
        with h5py.File(stitched.folder.input_file(name), "a") as file:
            file["alignment_matrix_cxf"] = each.matrix
    assert alignment_of(stitched.folder).is_the_runs is True
    with h5py.File(stitched.folder.input_file("b"), "a") as file:
        file["alignment_matrix_cxf"][0, 0] += 1
    assert alignment_of(stitched.folder).is_the_runs is False


def test_the_picture_shows_shared_components_and_every_session(stitched):
    what = alignment_of(stitched.folder)
    figure = alignment_figure(stitched.folder, n_components=2, n_conditions=3)
    figure.draw_without_rendering()
    axes = figure.subfigs[0].axes
    assert len(axes) == 6
    lines = [line.get_ydata() for line in axes[0].get_lines()]
    first = what.alignments["a"]
    assert len(lines) == 3
    assert any(np.allclose(line, first.global_pcs[0, :, 0]) for line in lines)
    assert any(np.allclose(line, first.reconstruction[0, :, 0]) for line in lines)


def test_a_single_session_and_sessions_without_conditions(make_run):
    single = make_run(PARAMS)
    assert np.nanmin(alignment_table(alignment_of(single.folder).alignments)["all"]) == 1
    with pytest.raises(DataError, match="no conditions"):
        alignment_of(make_run(PARAMS, conditions=None, spec="other").folder)
