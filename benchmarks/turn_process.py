"""What the turn benchmark has its warm processes run: a member's turn, and nothing about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def make_warm() -> Callable[[list[str]], int]:
    """Return a function that takes the turn of a folder."""
    from lfads_nb.model.compiled_models import CompiledModels
    from lfads_nb.model.turns import take_turn
    from lfads_nb.sweep.turns import TurnRequest

    models = CompiledModels()

    def run(arguments: list[str]) -> int:
        take_turn(TurnRequest.load(Path(arguments[0])), models=models)
        return 0

    return run
