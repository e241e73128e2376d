"""Commands that open or write pages."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from lfads_nb.cli.terminal import console, escape
from lfads_nb.python_commands import module_command
from lfads_nb.state_home import state_home


def lab(
    folder: Annotated[Path, typer.Argument(help="Where to work.")] = Path("lfads_demo"),
) -> None:
    """Open JupyterLab on the quick start, on this machine only."""
    from lfads_nb.shipped_files import copy_notebooks

    copy_notebooks(folder)
    folder = folder.absolute()
    arguments = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    place = state_home()
    place.mkdir(parents=True, exist_ok=True)
    # Jupyter runs the settings that it finds where it is started: not in a folder of data.
    line = [*module_command("jupyter"), "lab", *arguments, str(folder / "quickstart.ipynb")]
    if os.name == "posix":
        # This process becomes JupyterLab: whatever ends it leaves no server behind.
        os.chdir(place)
        os.execv(line[0], line)
    raise typer.Exit(subprocess.call(line, cwd=place))


def report(
    run_dir: Annotated[Path, typer.Argument(help="A run's folder.")],
    output: Annotated[Path | None, typer.Option(help="The file to write.")] = None,
    trusted: Annotated[
        bool,
        typer.Option(
            "--trusted", help="Keep scripts and live widgets of the notebook, if you know it."
        ),
    ] = False,
) -> None:
    """Write a run's report as one HTML file, to send to a colleague.

    Scripts in the notebook are left out: a page of a received run could do anything in a browser.
    """
    from lfads_nb.results.report_files import write_html

    page = write_html(run_dir, output, trusted=trusted)
    console.print(escape(str(page)), highlight=False, soft_wrap=True)


def sweep_report(
    collection: Annotated[Path, typer.Argument(help="A collection's folder.")],
    output: Annotated[Path | None, typer.Option(help="The file to write.")] = None,
) -> None:
    """Write all runs of a collection as one HTML page: leaderboard, curves, verdicts, pictures."""
    from lfads_nb.results.sweep_report import write_sweep_report
    from lfads_nb.sweep import RunCollection

    runs = RunCollection.load(collection)
    page = write_sweep_report(runs.runs, output or runs.path / "sweep.html", title=runs.name)
    console.print(escape(str(page)), highlight=False, soft_wrap=True)


def app(
    folder: Annotated[
        Path | None, typer.Argument(help="A collection, or a folder to make collections in.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="By default a free one.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Serve the bench as a page of its own, on this machine only."""
    from lfads_nb.widgets.serve import serve_app

    # whole, however narrow the terminal: it is there to be clicked or copied
    serve_app(
        folder, port, open_browser=browser, announce=lambda url: console.print(url, soft_wrap=True)
    )
