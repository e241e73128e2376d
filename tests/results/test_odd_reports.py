"""Reports of runs that are odd in one way or another: every part of them is drawn."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from lfads_nb.results import PosteriorMeans, report
from lfads_nb.results.figure_or_reason import Reason, or_reason
from lfads_nb.results.figure_style import ReportFigure, new_figure, report_style
from lfads_nb.sweep.params import RunParams

PARAMS = RunParams(spike_bin_ms=10, co_dim=1, factors_dim=3, gen_dim=8, ic_dim=4)
PARTS = [
    name
    for name in report.__all__
    if name.endswith(("_figure", "_table", "_summary")) and name != "alignment_figure"
]
ODD_NAMES = (
    "$x_1$", "$", r"\frac{1}", "a_b^c", "_hidden", "<b>&amp;", "{}", "%d", "left\nright", "x" * 200,
)  # fmt: skip
ODD_RUNS = {
    "names with marks": {"condition_names": ODD_NAMES, "n_conditions": len(ODD_NAMES)},
    "one trial": {"n_trials": 1, "n_conditions": 1},
    "two trials": {"n_trials": 2},
    "one bin": {"n_bins": 1, "ratio": 1},
    "one neuron": {"n_neurons": 1},
    "one condition": {"n_conditions": 1},
    "a condition for each trial": {"n_trials": 20, "n_conditions": 20},
    "no conditions": {"conditions": None},
    "one of everything": {
        "n_trials": 1, "n_bins": 1, "n_neurons": 1, "n_conditions": 1, "ratio": 1,
    },
}  # fmt: skip


def _words(shown: object) -> str:
    return str(shown) if isinstance(shown, Reason) else ""


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize(
    "odd",
    [
        odd if odd == "one of everything" else pytest.param(odd, marks=pytest.mark.slow)
        for odd in ODD_RUNS
    ],
)
def test_every_part_of_the_report_of_an_odd_run_is_drawn(make_run, odd):
    run = make_run(PARAMS, **ODD_RUNS[odd])
    for name in PARTS:
        shown = getattr(report, name)(run.folder)
        assert not _words(shown), f"{name}: {shown}"
        if isinstance(shown, ReportFigure):
            assert shown._repr_png_()[0].startswith(b"\x89PNG")
        else:
            assert "<table" in shown._repr_html_()
    assert PosteriorMeans.open(run.folder, run.params, run.datasets).n_trials > 0


def test_what_cannot_be_drawn_is_a_sentence_in_its_place():
    def broken_figure(run):
        raise IndexError

    def undrawable_figure(run):
        with report_style():
            figure = new_figure(2)
            figure.text(0.5, 0.5, "$\\nonsense{$", parse_math=True)
        return figure

    said = str(or_reason(broken_figure)("run"))
    assert said.startswith("The broken figure could not be made (IndexError). Nothing else")
    assert "ValueError" in str(or_reason(undrawable_figure)("run"))


@pytest.mark.slow
def test_a_style_of_the_user_s_own_leaves_the_pictures_alone(make_run, tmp_path):
    (tmp_path / "matplotlibrc").write_text(
        "text.usetex: True\nfont.family: No Such Font\nbackend: TkAgg\nsavefig.format: ps\n"
        "savefig.bbox: tight\nfigure.dpi: 3\naxes.prop_cycle: cycler('linestyle', ['-'])\n"
    )
    run = make_run(PARAMS)
    code = (
        "import sys; from pathlib import Path; from lfads_nb.results import report\n"
        "from lfads_nb.sweep.folders import RunFolder\n"
        "run = RunFolder(Path(sys.argv[1]))\n"
        "data, size = report.example_trials_figure(run)._repr_png_()\n"
        "assert data.startswith(b'\\x89PNG'), data\n"
        "print(size['width'])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(run.folder.path)], capture_output=True, text=True,
        env={**os.environ, "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"), "MPLBACKEND": "TkAgg"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) == 960
    assert "Font" not in ran.stderr


def test_long_names_of_conditions_are_cut_in_the_middle(make_run):
    run = make_run(PARAMS, condition_names=("x" * 100 + "1", "x" * 100 + "2"), n_conditions=2)
    figure = report.condition_average_figure(run.folder)
    labels = [t.get_text() for t in figure.subfigs[0].legends[0].get_texts()]
    assert [label[-1] for label in labels] == ["1", "2"]
    assert np.max([len(label) for label in labels]) <= 40
