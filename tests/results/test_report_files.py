from __future__ import annotations

import re

import nbformat
import numpy as np
import pytest

from lfads_nb.errors import DataError, RunFolderError
from lfads_nb.results import report
from lfads_nb.results.inputs_figure import inputs_figure
from lfads_nb.results.posterior_means import PosteriorMeans
from lfads_nb.results.report_files import save_figure, save_figures, write_html
from lfads_nb.sweep.params import RunParams


def _write_notebook(run):
    figure = report.loss_figure(run.folder)
    png, size = figure._repr_png_()
    import base64

    outputs = [
        nbformat.v4.new_output(
            "execute_result", {"image/png": base64.b64encode(png).decode()},
            metadata={"image/png": size}, execution_count=1,
        ),
        nbformat.v4.new_output(
            "display_data", {"text/html": report.settings_table(run.folder)._repr_html_()}
        ),
    ]  # fmt: skip
    cell = nbformat.v4.new_code_cell("report.loss_figure(run_dir)", outputs=outputs)
    text = nbformat.v4.new_markdown_cell("# The run")
    nbformat.write(nbformat.v4.new_notebook(cells=[text, cell]), run.folder.notebook)


def test_a_report_is_one_file_that_fetches_nothing(make_run):
    run = make_run()
    _write_notebook(run)
    path = write_html(run.folder)
    assert path == run.folder.path / f"single_dataset001__{run.params.param_name}.html"
    text = path.read_text()
    assert "The run" in text
    assert "data:image/png;base64" in text
    assert "factors_dim" in text
    assert "report.loss_figure" not in text
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", text)
    assert not re.findall(r"""import\s*\(?["']http""", text)
    assert "<title>" in text
    with_code = write_html(run.folder, path.with_name("code.html"), with_code=True)
    assert "loss_figure" in with_code.read_text()


def test_a_report_that_is_not_there_or_half_written_says_so(make_run):
    run = make_run()
    with pytest.raises(RunFolderError, match="written when the run starts"):
        write_html(run.folder)
    run.folder.notebook.write_text('{"cells": [')
    with pytest.raises(RunFolderError, match="rewritten all the time"):
        write_html(run.folder)


def test_figures_are_saved_under_telling_names(make_run, tmp_path):
    run = make_run(conditions=None, n_bins=8, n_neurons=4)
    paths = save_figures(run.folder, tmp_path / "pictures", ["svg"])
    base = f"single_dataset001__{run.params.param_name}"
    figures = ("losses", "example_trials", "condition_averages", "factors")
    assert [p.name for p in paths] == [f"{base}_{figure}.svg" for figure in figures]
    assert "<svg" in paths[1].read_text()
    figure = report.loss_figure(run.folder)
    assert save_figure(figure, tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_saved_is_refused(make_run, tmp_path):
    figure = report.loss_figure(make_run().folder)
    with pytest.raises(DataError, match="png, svg, pdf"):
        save_figure(figure, tmp_path / "a.bmp")
    empty = make_run(kinds=(), spec="empty")
    empty.folder.fit_log.unlink()
    with pytest.raises(RunFolderError, match="first epoch"):
        save_figures(empty.folder, tmp_path)


def test_inferred_inputs_are_drawn_by_condition(make_run):
    params = RunParams(spike_bin_ms=10, co_dim=2, factors_dim=3, gen_dim=8, ic_dim=4)
    run = make_run(params)
    figure = report.inputs_figure(run.folder)
    pm = PosteriorMeans.open(run.folder, run.params, run.datasets)
    averages = pm.condition_averages("controller_outputs").mean
    lines = [line.get_ydata() for line in figure.subfigs[0].axes[1].get_lines()]
    for condition in range(4):
        assert any(np.array_equal(line, averages[condition, :, 1]) for line in lines)
    none = make_run(spec="none").folder
    with pytest.raises(RunFolderError, match="co_dim=0"):
        inputs_figure(none)
    assert "co_dim=0" in str(report.inputs_figure(none))


def test_a_figure_that_cannot_be_drawn_leaves_its_reason(make_run):
    shown = report.figure_or_reason(report.inputs_figure, make_run(spec="none").folder)
    assert "no inferred inputs" in shown._repr_html_()
    assert str(shown) in shown._repr_html_()
