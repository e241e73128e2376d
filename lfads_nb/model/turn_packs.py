"""Turns of a population's members, taken as one program (JAX only); see `turns.py` and `packs.py`.

A turn of a pack leaves what a turn alone does, file for file, and an attempt at either goes on
where the other was cut short. A request to stop acts at the end of an epoch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lfads_nb.errors import ParamsError
from lfads_nb.model.devices import on_device
from lfads_nb.model.inputs import read_sessions
from lfads_nb.model.pack_members import PackMember, fit_together
from lfads_nb.model.pack_models import CompiledPacks, check_pack, set_up_pack
from lfads_nb.model.training import Progress, Training
from lfads_nb.model.turns import Turn, described
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.stored_params import check_own_code
from lfads_nb.sweep.turns import TurnRequest, TurnResult

TurnOutcome = TurnResult | Exception | None
"""None for a turn that was stopped before its end."""


@dataclass(frozen=True)
class PackTurn:
    """One turn that is to be taken in a pack; see `lfads_nb.model.turns.take_turn`."""

    request: TurnRequest
    on_progress: Progress | None = None
    should_stop: Callable[[], bool] | None = None
    on_end: Callable[[TurnOutcome], None] | None = None
    """Told once how it ended, as soon as it has; the result is written by then."""


def take_turns_together(
    turns: Sequence[PackTurn], packs: CompiledPacks | None = None
) -> list[TurnOutcome]:
    """Take turns as one program, each going on from what an earlier attempt at it has reached.

    Parameters
    ----------
    turns : sequence of PackTurn
        Of the same generation, of members with equal data, shapes and batch size.
    packs : CompiledPacks, optional
        Where the program of turns before is kept.

    Returns
    -------
    list
        For each turn how it ended; an error of one ends no other.

    Raises
    ------
    ParamsError
        The backend is not JAX, or the turns do not fit each other.
    RunFolderError, DataError
        The inputs cannot be read.
    """
    started = time.monotonic()
    ended = [TurnResult.of(turn.request) for turn in turns]
    for turn, known in zip(turns, ended, strict=True):
        if known is not None and turn.on_end is not None:
            turn.on_end(known)
    left = [turn for turn, known in zip(turns, ended, strict=True) if known is None]
    outcomes = iter(_take(left, packs or CompiledPacks(), started) if left else [])
    return [next(outcomes) if known is None else known for known in ended]


def _take(turns: Sequence[PackTurn], packs: CompiledPacks, started: float) -> list[TurnOutcome]:
    folders = [RunFolder(turn.request.folder) for turn in turns]
    records = [RunRecord.load(folder) for folder in folders]
    check_pack([(f, record.datasets) for f, record in zip(folders, records, strict=True)])
    first, shapes = turns[0].request, []
    params = first.params(records[0].params)
    sessions = read_sessions(folders[0], params, records[0].datasets)
    for turn, folder, record in zip(turns, folders, records, strict=True):
        if (turn.request.generation, turn.request.first_epoch) != (
            first.generation,
            first.first_epoch,
        ):
            raise ParamsError(
                f"{folder.path} is in another generation than {first.folder}: only turns of one "
                "generation train as one program"
            )
        check_own_code(record.params)
        own = turn.request.params(record.params)
        shapes.append((folder, described(turn.request, own, sessions)))
    with on_device(params):
        trainings = set_up_pack(shapes, sessions, packs, will_load=first.first_epoch > 0)
        members = []
        for training, pack_turn in zip(trainings, turns, strict=True):
            training.on_progress = pack_turn.on_progress
            training.should_stop = pack_turn.should_stop
            members.append(_TurnMember(training, pack_turn, started, n_alike=len(turns)))
        for member in members:
            member.attempt(member.begin)
            member.tell_end()
        fit_together(members)
        return [member.outcome() for member in members]


class _TurnMember(PackMember):
    """One turn."""

    def __init__(
        self, training: Training, pack_turn: PackTurn, started: float, *, n_alike: int
    ) -> None:
        super().__init__(training, pack_turn.on_end)
        self._request, self._started = pack_turn.request, started
        self._turn = Turn(pack_turn.request, training, n_alike=n_alike)
        self._result: TurnResult | None = None

    def begin(self) -> None:
        self._turn.begin()
        self.callbacks = self._turn.callbacks()

    def was_over(self) -> bool:
        return self._turn.is_over

    def outcome(self) -> TurnOutcome:
        if self.failure is None and self._result is None and self._turn.is_over:
            self.attempt(self._save)
        return self.failure or self._result

    def _save(self) -> None:
        result = self._turn.result(self._started)
        result.save(self._request)
        self._result = result
