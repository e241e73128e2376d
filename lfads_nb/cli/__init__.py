"""`lfads-nb`: the same bench in a terminal.

Every command is a few lines around the public API; errors that the package raises on purpose are
shown as one message, without a traceback.
"""

from __future__ import annotations

import logging
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from lfads_nb.cli.acting import bring_back, cancel, go_on, pause, resume, retry, status
from lfads_nb.cli.launching import autolfads, demo, queue, run, slurm
from lfads_nb.cli.looking import info
from lfads_nb.cli.models import decode, infer, nlb, prior, sample
from lfads_nb.cli.pages import app, lab, report, sweep_report
from lfads_nb.cli.terminal import guarded
from lfads_nb.cli.trusting import trust
from lfads_nb.plain_text import PlainFormatter

program = typer.Typer(
    help="LFADS sweeps from the terminal; `lfads-nb demo` shows all of it in minutes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

COMMANDS = (
    demo, info, run, queue, slurm, autolfads,
    trust,
    cancel, retry, go_on, bring_back, pause, resume, status,
    sample, prior, infer, decode, nlb,
    lab, report, sweep_report, app,
)  # fmt: skip
"""In the order of `lfads-nb --help`."""

for _command in COMMANDS:
    program.command()(guarded(_command))


@program.callback()
def main(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
) -> None:
    handler = RichHandler(console=Console(stderr=True), show_path=False, markup=False)
    handler.setFormatter(PlainFormatter("%(message)s"))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler])
