"""Rendering a run's notebook from a template: plain values in, a report to be executed out."""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lfads_nb.errors import QueueError
from lfads_nb.shipped_files import shipped_folder

if TYPE_CHECKING:
    import nbformat

    from lfads_nb.sweep.run_record import RunRecord

BANNER_TAG = "lfads-banner"
OPTIONAL_PARTS = ("lfads-inputs", "lfads-alignment")
"""Tags of cells about inferred inputs, and about the alignment of several sessions."""

_PAPERMILL_MARK = "papermill-error-cell-tag"


def templates_folder() -> Path:
    """Return the templates of the installed package or of the checkout."""
    return shipped_folder("templates")


def default_template() -> Path:
    return templates_folder() / "run.ipynb"


def optional_parts(record: RunRecord) -> list[str]:
    """Return the tags of those optional parts of the template that a run has."""
    params = record.params
    has = {
        "lfads-inputs": params.co_dim > 0,
        "lfads-alignment": len(record.datasets) > 1 and params.use_alignment_matrix,
    }
    return [tag for tag in OPTIONAL_PARTS if has[tag]]


def check_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters if all are plain Python values, which alone survive the rendering.

    Raises
    ------
    QueueError
        A value that would silently become a string, such as a numpy number or a path.
    """
    for name, value in parameters.items():
        if type(value) not in (str, int, float, bool, type(None)):
            raise QueueError(
                f"notebook parameter {name!r} is a {type(value).__name__}: give a plain Python "
                "str, int, float, bool or None"
            )
    return dict(parameters)


def render(
    template: Path,
    parameters: Mapping[str, Any],
    *,
    title: str,
    parts: Collection[str] = OPTIONAL_PARTS,
) -> nbformat.NotebookNode:
    """Make the notebook of a run, not yet executed.

    Parameters
    ----------
    template : a notebook with a cell tagged `parameters`, and `{{title}}` where the name goes.
    parameters : values for that cell.
    title : the run's name.
    parts : which of the `OPTIONAL_PARTS` the run has; cells tagged with others are left out.

    Raises
    ------
    QueueError
        If the template is missing or no notebook, or lacks one of the parameters.
    """
    import nbformat
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    try:
        notebook = load_notebook_node(nbformat.read(template, as_version=4))
    except (OSError, ValueError) as error:
        raise QueueError(f"the template {template} cannot be read: {error}") from error
    _check_names(notebook, parameters, template)
    left_out = set(OPTIONAL_PARTS) - set(parts)
    notebook.cells = [c for c in notebook.cells if not left_out & set(c.metadata.get("tags", []))]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("{{title}}", markdown_text(title))
    return parameterize_notebook(
        notebook, check_parameters(parameters), kernel_name="python3", language="python"
    )


def _check_names(
    notebook: nbformat.NotebookNode, parameters: Mapping[str, Any], template: Path
) -> None:
    cells = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    if len(cells) != 1:
        raise QueueError(f"the template {template} must have one cell tagged 'parameters'")
    assigned = {line.split("=")[0].split(":")[0].strip() for line in cells[0].source.splitlines()}
    missing = [name for name in parameters if name not in assigned]
    if missing:
        raise QueueError(
            f"the template {template} has no parameter {', '.join(missing)} in its parameters cell"
        )


def markdown_text(text: str) -> str:
    """Return a user's text so that markdown shows it as it stands."""
    return html.escape(text).translate(_MARKS).replace("\n", " ")


# Not `#`: it means something only at the start of a line, and these texts come after a mark.
_MARKS = {ord(mark): f"&#{ord(mark)};" for mark in "\\`*_[]|$~"}


def set_banner(notebook: nbformat.NotebookNode, heading: str, reason: str, detail: str) -> None:
    """Say below the title how the run ended, so that a failed one is readable from its top."""
    from nbformat.v4 import new_markdown_cell

    keep = [
        cell
        for cell in notebook.cells
        if not {BANNER_TAG, _PAPERMILL_MARK} & set(cell.metadata.get("tags", []))
    ]
    text = [f"> **{markdown_text(heading)}** {markdown_text(reason)}"]
    if detail:
        folded = html.escape(detail)
        text.append(
            f"\n<details><summary>Where it happened</summary>\n<pre>{folded}</pre>\n</details>"
        )
    banner = new_markdown_cell("\n".join(text), metadata={"tags": [BANNER_TAG]})
    notebook.cells = [*keep[:1], banner, *keep[1:]]
