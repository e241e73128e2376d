"""What all commands share: where they print, how errors, names and paths are shown."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape as escape_markup

from lfads_nb.atomic_files import no_text
from lfads_nb.errors import LfadsError, RunFolderError
from lfads_nb.plain_text import plain_text

console = Console()

RunNames = Annotated[
    list[str] | None,
    typer.Argument(help="Runs by name, run spec or setting (param_XXXXXX); by default all."),
]

ClusterAddress = Annotated[
    str | None, typer.Option("--cluster", help="Address of another dask scheduler to run on.")
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Use a cluster without TLS: who reaches it can be you.")
]
Here = Annotated[
    bool, typer.Option("--here", help="Train on this machine what was launched on a cluster.")
]


def escape(text: str) -> str:
    """Return text as it is to be shown: neither markup nor anything that a terminal obeys."""
    return escape_markup(plain_text(text))


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command of which what the package raises on purpose is one line, exit code 1."""

    @wraps(function)
    def without_traceback(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except LfadsError as error:
            complain(error)
            raise typer.Exit(1) from None
        except UnicodeEncodeError as error:
            complain(RunFolderError(no_text(error)))
            raise typer.Exit(1) from None
        except BrokenPipeError:
            raise  # who reads the output has read enough
        except OSError as error:
            # Whatever the machine refuses, a full disk or a folder of somebody else's, has a name.
            what = f"{error.filename}: " if error.filename else ""
            complain(RunFolderError(f"{what}{error.strerror or error}"))
            raise typer.Exit(1) from None

    return without_traceback


def complain(error: LfadsError) -> None:
    """Print an error as one line."""
    message = f"[bold red]Error:[/] {escape(str(error))}"
    Console(stderr=True).print(message, highlight=False, soft_wrap=True)


def shown_path(path: Path) -> str:
    """The shorter of the absolute path and that from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def own_name() -> str:
    """How this program was called, so that the line can be typed again."""
    called = Path(sys.argv[0])
    return shown_path(called.absolute()) if called.name.startswith("lfads-nb") else "lfads-nb"
