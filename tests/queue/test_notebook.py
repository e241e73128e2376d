from pathlib import Path

import nbformat
import numpy as np
import pytest

from lfads_nb.errors import QueueError
from lfads_nb.queue.notebook import default_template, optional_parts, render, set_banner
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.run_record import RunRecord
from tests.queue.tiny_runs import write_template


def test_the_run_template_is_a_notebook_with_a_run_dir():
    notebook = render(default_template(), {"run_dir": "/data/run"}, title="my run")
    assert "# my run" in notebook.cells[0].source
    assert 'run_dir = "/data/run"' in "\n".join(c.source for c in notebook.cells)
    nbformat.validate(notebook)


@pytest.mark.parametrize(
    ("params", "datasets", "figures"),
    [
        (RunParams(co_dim=0), ("a",), set()),
        (RunParams(co_dim=2), ("a",), {"inputs_figure"}),
        (RunParams(co_dim=0, use_alignment_matrix=True), ("a", "b"), {"alignment_figure"}),
        (RunParams(co_dim=0, use_alignment_matrix=False), ("a", "b"), set()),
    ],
)
def test_a_report_has_the_parts_that_its_run_has(params, datasets, figures):
    parts = optional_parts(RunRecord("c", "s", params, datasets))
    notebook = render(default_template(), {"run_dir": "."}, title="x", parts=parts)
    code = "\n".join(c.source for c in notebook.cells)
    assert {f for f in ("inputs_figure", "alignment_figure") if f in code} == figures
    assert ("## Inferred inputs" in code) == (params.co_dim > 0)


@pytest.mark.parametrize("value", [np.int64(3), np.bool_(True), Path("x"), (1, 2), [1]])
def test_values_that_would_turn_into_text_are_refused(template, value):
    with pytest.raises(QueueError, match="run_dir"):
        render(template, {"run_dir": value}, title="x")


def test_unknown_parameters_and_missing_templates_are_refused(template, tmp_path):
    with pytest.raises(QueueError, match="no parameter speed"):
        render(template, {"speed": 3}, title="x")
    with pytest.raises(QueueError, match=r"nothing.ipynb cannot be read"):
        render(tmp_path / "nothing.ipynb", {}, title="x")
    (tmp_path / "bad.ipynb").write_text("{")
    with pytest.raises(QueueError, match=r"bad.ipynb cannot be read"):
        render(tmp_path / "bad.ipynb", {}, title="x")


def test_names_with_markup_are_shown_as_they_stand(template):
    source = (
        render(template, {"run_dir": "."}, title="<script>a</script> **b** `c`").cells[0].source
    )
    assert "<script>" not in source
    assert "**b**" not in source


def test_the_banner_is_below_the_title_and_there_is_only_one(tmp_path):
    notebook = render(write_template(tmp_path / "t.ipynb"), {"run_dir": "."}, title="x")
    n = len(notebook.cells)
    for reason in ("first", "<b>second</b>"):
        set_banner(notebook, "This run failed.", reason, "line <1>")
    assert len(notebook.cells) == n + 1
    assert "second" in notebook.cells[1].source
    assert "<b>" not in notebook.cells[1].source
    assert "line &lt;1&gt;" in notebook.cells[1].source
