"""Whether code that a folder names may run: the command, and the question before others."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from lfads_nb.cli.terminal import console, escape


def trust(
    collection_dir: Annotated[Path, typer.Argument(help="A collection's folder.")],
    yes: Annotated[bool, typer.Option("--yes", help="Trust all that is shown.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Trust nothing any more.")] = False,
) -> None:
    """Show which code of your own a collection names, and let it run for this folder.

    Opening a folder never runs code that it names. What you trust is remembered together with what
    its file holds now: when that changes, you are asked again.
    """
    from lfads_nb import consent

    if forget:
        consent.forget(collection_dir)
        console.print(f"No code is trusted any more for {escape(str(collection_dir))}.")
        return
    if not ask_for_trust(collection_dir, yes=yes, is_asked=True):
        raise typer.Exit(1)


def ask_for_trust(folder: Path, *, yes: bool = False, is_asked: bool = False) -> bool:
    """Ask whether the code that a collection names may run; return whether all of it may.

    Parameters
    ----------
    yes : take it as answered.
    is_asked : say something even if there is nothing to ask, and ask though nobody may be there.
    """
    from lfads_nb.own_code import trust as remember_trust
    from lfads_nb.sweep import CollectionFolder
    from lfads_nb.sweep.collection_file import code_named_in

    codes = [
        code for code in code_named_in(CollectionFolder(folder), all_runs=True) if code.problem
    ]
    if not codes:
        if is_asked:
            console.print("Nothing to ask: all code that it names may run.")
        return True
    if not is_asked and not sys.stdin.isatty():
        return False  # what needs the code says so
    console.print(
        f"{escape(str(folder))} names code that would run with all that you may do:", soft_wrap=True
    )
    for code in codes:
        console.print(f"  {escape(str(code))}: {escape(code.problem)}", soft_wrap=True)
    known = [code for code in codes if code.can_be_trusted]
    if known and (yes or typer.confirm("Trust it for this folder?", default=False)):
        remember_trust(folder, known)
        console.print("Trusted, as its files are now. Undo: lfads-nb trust --forget FOLDER")
        return len(known) == len(codes)
    return False
