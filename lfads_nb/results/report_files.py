"""A run's report as files to keep or to send: its notebook as one HTML page, its figures alone."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lfads_nb.atomic_files import write_bytes, write_text
from lfads_nb.errors import DataError, LfadsError, RunFolderError
from lfads_nb.regular_files import read_bytes
from lfads_nb.results.alignment_report import alignment_figure
from lfads_nb.results.averages_figure import condition_average_figure
from lfads_nb.results.factors_figure import factors_figure
from lfads_nb.results.figure_style import ReportFigure
from lfads_nb.results.inputs_figure import inputs_figure
from lfads_nb.results.loss_figure import loss_figure
from lfads_nb.results.peristimulus_figure import peristimulus_figure
from lfads_nb.results.run_view import RunView
from lfads_nb.results.trials_figure import example_trials_figure

log = logging.getLogger(__name__)

FORMATS = ("png", "svg", "pdf")
_DPI = 200
_MAX_BYTES = 2**30


def _alignment_of_sessions(run: Any) -> ReportFigure:
    view = RunView.of(run)
    if len(view.datasets) == 1:
        raise RunFolderError(f"{view.name} has one session: there is nothing to align")
    return alignment_figure(view)


FIGURES: dict[str, Callable[[Any], ReportFigure]] = {
    "losses": loss_figure,
    "example_trials": example_trials_figure,
    "condition_averages": condition_average_figure,
    "peristimulus": peristimulus_figure,
    "factors": factors_figure,
    "inferred_inputs": inputs_figure,
    "alignment": _alignment_of_sessions,
}
"""The figures of a report, by the name that their files get."""


def write_html(
    run: Any, path: str | Path | None = None, *, with_code: bool = False, trusted: bool = False
) -> Path:
    """Write a run's executed notebook as one HTML file that needs nothing else, not even a network.

    Parameters
    ----------
    run : its folder, or a `Run`.
    path : the file; by default `<run>.html` beside the notebook.
    with_code : show the code cells too.
    trusted : keep the notebook's scripts and live outputs, and pictures from other files. Only for
        a notebook that you know: the page runs whatever it holds.

    Raises
    ------
    RunFolderError
        The run has no notebook yet, or it cannot be read.
    """
    import nbformat
    from nbconvert import HTMLExporter

    from lfads_nb.results.safe_page import clean_html, safe_notebook

    view = RunView.of(run)
    notebook = view.folder.notebook
    if not notebook.is_file():
        raise RunFolderError(
            f"{notebook} is missing: the notebook is written when the run starts. Launch it first."
        )
    try:
        # A link may lead to a notebook of whoever makes the report, who sends it on.
        read = read_bytes(notebook, at_most=_MAX_BYTES, follow_links=False)
        content = nbformat.reads(read.decode(), as_version=4)
        content = content if trusted else safe_notebook(content)
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError,
        nbformat.ValidationError,
    ) as error:  # fmt: skip
        raise RunFolderError(
            f"{notebook} cannot be read ({error}). While the run is being executed it is "
            "rewritten all the time: try again when the run has ended."
        ) from error
    quiet = logging.getLogger(f"{__name__}.nbconvert")
    # It warns of every figure that has no text of its own; the report's headings say what they are.
    quiet.setLevel(logging.ERROR)
    exporter = HTMLExporter(
        log=quiet,
        template_name="lab",
        # Pictures that the text points at are files of this machine, chosen by who wrote the text.
        embed_images=trusted,
        sanitize_html=not trusted,
        filters={} if trusted else {"clean_html": clean_html},
        # By default the working folder comes first, and templates are programs.
        extra_template_basedirs=[],
        exclude_input=not with_code,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        # These would be fetched from the network, and the report needs none of them.
        mathjax_url="",
        require_js_url="",
        jquery_url="",
        jupyter_widgets_base_url="",
        widget_renderer_url="",
        mermaid_js_url="",
    )
    text, _ = exporter.from_notebook_node(content, {"metadata": {"name": view.name}})
    path = notebook.with_name(f"{view.name}.html") if path is None else Path(path)
    write_text(path, text)
    return path


def save_figure(figure: Any, path: str | Path) -> Path:
    """Write a matplotlib figure; the ending of the name says the format.

    Raises
    ------
    DataError
        The ending is none of png, svg and pdf.
    """
    path = Path(path).expanduser()
    kind = path.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise DataError(f"figures are saved as {', '.join(FORMATS)}, not as {path.name!r}")
    picture = io.BytesIO()
    figure.savefig(picture, format=kind, dpi=_DPI)
    write_bytes(path, picture.getbuffer())
    return path


def save_figures(
    run: Any, folder: str | Path, formats: Iterable[str] = ("png", "svg")
) -> list[Path]:
    """Write every figure of a run's report that there is something to show in.

    Parameters
    ----------
    run : its folder, or a `Run`.
    folder : where to; files are called `<run>_<figure>.<format>`.
    formats : of "png", "svg" and "pdf".

    Raises
    ------
    RunFolderError
        There is nothing to draw yet.
    """
    view, formats = RunView.of(run), list(formats)
    paths, problems = [], []
    for name, draw in FIGURES.items():
        try:
            figure = draw(view)
            figure.draw_ahead()
        except LfadsError as error:
            problems.append(str(error))
            continue
        except Exception as error:
            # One picture that cannot be drawn takes no other with it.
            log.exception("no figure %s of %s", name, view.name)
            problems.append(f"{name} could not be drawn ({type(error).__name__}: {error})")
            continue
        base = Path(folder).expanduser() / f"{view.name}_{name}"
        paths += [save_figure(figure, f"{base}.{kind}") for kind in formats]
    if not paths:
        raise RunFolderError(problems[0])
    return paths
