from __future__ import annotations

import contextlib
import re
from html.parser import HTMLParser

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


def test_a_received_report_that_is_a_link_shows_no_notebook_of_mine(make_run, tmp_path):
    run = make_run()
    _write_notebook(run)
    mine = tmp_path / "mine.ipynb"
    run.folder.notebook.rename(mine)
    run.folder.notebook.symlink_to(mine)
    with pytest.raises(RunFolderError, match="it is a link, which is not followed"):
        write_html(run.folder, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.slow
def test_figures_are_saved_under_telling_names(make_run, tmp_path):
    run = make_run(conditions=None, n_bins=8, n_neurons=4)
    paths = save_figures(run.folder, tmp_path / "pictures", ["svg"])
    base = f"single_dataset001__{run.params.param_name}"
    figures = ("losses", "example_trials", "condition_averages", "peristimulus", "factors")
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


HOSTILE = """
<script>alert(1)</script><img src=x onerror=alert(1)><a href="javascript:alert(1)">x</a>
<svg onload=alert(1)></svg><iframe src="https://example.org"></iframe><base href="//example.org">
<style>body{background:url(//example.org)}</style><form action="//example.org"><button>go</button>
<div style="background-image:url(//example.org);color:red" onclick="alert(1)">kept</div>
<math><mtext></mtext></math><a href="data:text/html,<script>alert(1)</script>">y</a>
<img src="https://example.org/pixel.png"><object data="x"></object><meta http-equiv="refresh">
"""


def _hostile_notebook(run):
    """A received run.ipynb with everything that could run, and two honest pictures."""
    new = nbformat.v4
    png = report.loss_figure(run.folder)._repr_png_()[0]
    import base64

    picture = base64.b64encode(png).decode()
    table = report.settings_table(run.folder)._repr_html_()
    outputs = [
        new.new_output("display_data", {"text/html": HOSTILE}),
        new.new_output("display_data", {"text/markdown": f"[a](javascript:alert(1)) {HOSTILE}"}),
        new.new_output("display_data", {"application/javascript": "alert(1)"}),
        new.new_output("display_data", {"text/vnd.mermaid": "</pre><script>alert(1)</script>"}),
        new.new_output("display_data", {"text/latex": "<script>alert(1)</script>"}),
        new.new_output(
            "display_data", {"image/png": picture},
            metadata={"image/png": {"width": "1 onload=alert(1)", "height": 20}},
        ),
        new.new_output("display_data", {"image/png": 'x" onload="alert(1)'}),
        new.new_output(
            "display_data",
            {"image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"},
        ),
        new.new_output(
            "display_data",
            {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "Figure"},
        ),
        new.new_output("stream", text="<script>alert(1)</script>"),
        new.new_output("error", ename="<script>", evalue="<b>", traceback=["<script>alert(1)"]),
        new.new_output("display_data", {"text/html": table}),
    ]  # fmt: skip
    cells = [
        new.new_markdown_cell(f"# Title\n[x](javascript:alert(1)) {HOSTILE}"),
        new.new_markdown_cell("![secret](/etc/hostname.png) ![](../../../secret.png)"),
        new.new_raw_cell(HOSTILE, metadata={"raw_mimetype": "text/html"}),
        new.new_code_cell("x", outputs=outputs, metadata={"tags": ['"><script>alert(1)</script>']}),
    ]
    metadata = {
        "title": "</title><script>alert(1)</script>",
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}},
    }
    nbformat.write(new.new_notebook(cells=cells, metadata=metadata), run.folder.notebook)
    return picture


class _Page(HTMLParser):
    """What a browser would find that runs, loads or leads elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.found, self.pictures, self.text = [], [], ""
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag in {"iframe", "object", "embed", "form", "base", "svg", "math", "button"}:
            self.found.append(tag)
        if tag == "meta" and "http-equiv" in values:
            self.found.append("meta refresh")
        self.found += [name for name in values if name.startswith("on")]
        for name in ("href", "src", "action", "style"):
            value = values.get(name) or ""
            if "javascript:" in value.lower() or "example.org" in value or "data:text" in value:
                self.found.append(f"{name}={value[:40]}")
        if tag == "img":
            self.pictures.append(values.get("src", ""))
        self._in_script = tag == "script"

    def handle_data(self, data):
        if self._in_script and "alert" in data:
            self.found.append(f"script: {data[:40]}")
        self.text += "" if self._in_script else data

    def handle_endtag(self, tag):
        self._in_script = False


def test_a_received_report_runs_nothing_and_its_pictures_stay(make_run):
    run = make_run()
    picture = _hostile_notebook(run)
    page = _Page(write_html(run.folder, with_code=True).read_text())
    assert page.found == []
    assert f"data:image/png;base64,{picture}" in page.pictures
    assert any(source.startswith("data:image/svg+xml;base64,") for source in page.pictures)
    assert all(source.startswith("data:image/") for source in page.pictures if source)
    assert "kept" in page.text
    assert "factors_dim" in page.text
    assert "validation" in page.text or "Title" in page.text


def test_a_trusted_report_keeps_what_runs(make_run):
    run = make_run()
    _hostile_notebook(run)
    page = _Page(write_html(run.folder, trusted=True).read_text())
    assert "onerror" in page.found
    assert any(found.startswith("script") for found in page.found)


def test_tables_and_folded_parts_look_as_in_the_notebook(make_run):
    run = make_run()
    _write_notebook(run)
    plain, trusted = (
        re.sub(r"\s+", " ", write_html(run.folder, trusted=flag).read_text())
        for flag in (False, True)
    )
    for kept in ("<details><summary>", "<thead><tr><th", "text-align: right"):
        assert plain.count(kept) == trusted.replace("text-align:right", "text-align: right").count(
            kept
        )
    assert "<thead><tr><th" in plain


def test_a_notebook_of_any_content_is_a_page_or_says_why_not(make_run):
    run = make_run()
    for content in (
        "[]", "3", '{"cells": 3, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
        '{"cells": [{"cell_type": "code", "outputs": 3}], "nbformat": 4, "nbformat_minor": 5}',
        '{"cells": [{"cell_type": "markdown", "source": {"a": 1}, "metadata": 7}], "metadata": '
        '{}, "nbformat": 4, "nbformat_minor": 5}', "[" * 100_000,
    ):  # fmt: skip
        run.folder.notebook.write_text(content)
        with contextlib.suppress(RunFolderError):
            write_html(run.folder)
