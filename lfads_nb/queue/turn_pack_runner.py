"""The process of a pack of turns: members of a generation train as one program.

    python -m lfads_nb.queue.turn_pack_runner PACK_FOLDER --device ...

A turn that is whole ends as one that was taken alone does. What is not, because the pack as a whole
could not be trained, is queued again and taken alone. The process stays warm from generation to
generation, with what it has compiled.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from lfads_nb.queue import pack_runner
from lfads_nb.queue.pack_runner import PackMember, TrainMembers, queued, use_jax
from lfads_nb.queue.packing import TURN_PACK_RUNNER
from lfads_nb.queue.runner_process import RunnerOptions
from lfads_nb.queue.status import RunState, RunStatus, local_now, read_status
from lfads_nb.queue.turn_runner import begin_turn, tell_progress
from lfads_nb.sweep.progress import TrainProgress
from lfads_nb.sweep.turns import TurnRequest, TurnResult

if TYPE_CHECKING:
    from lfads_nb.model.pack_models import CompiledPacks


class TurnMember(PackMember):
    """One turn of a pack."""

    def _begin(self, options: RunnerOptions, n_members: int) -> None:
        self.request = TurnRequest.load(self.folder.path)
        begin_turn(self.folder, self.request, options.device, pack=n_members)
        sys.stdout.write(f"training as one program of {n_members} members\n")

    def report(self, progress: TrainProgress) -> None:
        """Write how far it is."""
        tell_progress(self.folder, progress)

    def _ended(self, outcome: TurnResult | Exception | None) -> RunStatus:
        status = read_status(self.folder)
        if isinstance(outcome, TurnResult):
            return status.moved(RunState.DONE, now=local_now(), reason="", pack=0)
        return self.moved(status, outcome) or replace(queued(status), progress={})


def take_turns(members: Sequence[TurnMember], packs: CompiledPacks | None = None) -> None:
    """Take turns with `lfads_nb.model.turn_packs`."""
    from lfads_nb.model.turn_packs import PackTurn, take_turns_together

    take_turns_together(
        [PackTurn(m.request, m.report, m.should_stop, m.end) for m in members], packs
    )


def main(
    arguments: list[str] | None = None,
    *,
    train: TrainMembers = take_turns,
    module: str = TURN_PACK_RUNNER,
) -> int:
    """Take the turns of a pack's folder; see the module's description."""
    return pack_runner.main(arguments, train=train, make=TurnMember, module=module)


def make_warm() -> Callable[[list[str]], int]:
    """Return `main` with compiled steps that stay from generation to generation."""
    use_jax()
    from lfads_nb.model.pack_models import CompiledPacks

    return partial(main, train=partial(take_turns, packs=CompiledPacks()))


if __name__ == "__main__":
    sys.exit(main())
