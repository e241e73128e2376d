"""Driving a population: generation after generation, from its files alone.

The driver decides and waits; turns are taken elsewhere, by whatever `Turns` gives them to. Every
decision is written down before it is acted on and follows from what was written before, so that a
driver that was killed at any point is followed by one that does the same.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from lfads_nb.errors import ParamsError, QueueError
from lfads_nb.queue.status import RunState, RunStatus
from lfads_nb.sweep.folders import PopulationFolder, RunFolder
from lfads_nb.sweep.population_history import (
    Generation,
    MemberTurn,
    ancestry,
    best_scores,
    end_reason,
    next_generation,
    read_history,
    turn_request,
    write_tables,
)
from lfads_nb.sweep.population_record import PopulationRecord
from lfads_nb.sweep.run_record import RunRecord
from lfads_nb.sweep.turns import TurnRequest, TurnResult

log = logging.getLogger(__name__)

POLL_S = 0.2
TRIES = 3
"""How often a turn is started before the population fails with it."""


class Turns(Protocol):
    """Where turns are taken: the queue, or this very process."""

    def start(self, members: Sequence[RunFolder]) -> None:
        """Have the turns taken that the members' folders ask for; return at once or when done."""

    def state(self, member: RunFolder) -> RunStatus:
        """Return where a member is now."""


class DriverStoppedError(Exception):
    """The driver was asked to stop; the population goes on with the next one."""


@dataclass(frozen=True)
class PopulationProgress:
    """How far a population is.

    Parameters
    ----------
    generation, generations : int
        The present one, counted from 0, and how many there are at most.
    members_done, members : int
        Whole turns of the present generation.
    epoch : int
        Epochs that every member has trained.
    best_score : float or None
        Of the last whole generation.
    fraction : float
        Of the way to the last generation that there can be.
    eta_s : float or None
        Seconds until then at the speed of this driver's generations; None before there is one.
    """

    generation: int
    generations: int
    members_done: int
    members: int
    epoch: int
    best_score: float | None
    fraction: float
    eta_s: float | None

    def to_json(self) -> dict[str, Any]:
        """Return it under the names that every table of the queue knows, and its own."""
        return {
            "generation": self.generation,
            "generations": self.generations,
            "members_done": self.members_done,
            "members": self.members,
            "epoch": self.epoch,
            "best_score": self.best_score,
            "total_valid": self.best_score,
            "fraction": self.fraction,
            "eta_s": self.eta_s,
        }


class PopulationDriver:
    """Trains a population to its end.

    Parameters
    ----------
    folder : prepared.
    turns : where turns are taken.
    on_progress : told whenever something is whole.
    should_stop : asked a few times a second.
    clock, sleep : time.
    """

    def __init__(
        self,
        folder: PopulationFolder,
        turns: Turns,
        *,
        on_progress: Callable[[PopulationProgress], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.folder, self.record = folder, PopulationRecord.load(folder)
        self._turns, self._on_progress, self._should_stop = turns, on_progress, should_stop
        self._clock, self._sleep = clock, sleep
        self._epoch_seconds: list[float] = []

    def run(self) -> str:
        """Train until a rule ends it; return that rule in words.

        Raises
        ------
        DriverStoppedError
            It was asked to stop before.
        QueueError
            A member failed again and again.
        ParamsError
            Every member diverged.
        """
        history = read_history(self.folder, self.record)
        while True:
            if not history or history[-1].is_whole:
                write_tables(self.folder, self.record, history)
                reason = end_reason(self.record.population, history)
                if reason:
                    self._tell(history, 0)
                    return reason
                history.append(next_generation(self.record, history))
                history[-1].save(self.folder)
            began = self._clock()
            history[-1] = self._train(history)
            history[-1].save(self.folder)
            self._epoch_seconds.append((self._clock() - began) / history[-1].epochs)

    # ----------------------------------------------------------------------------- a generation

    def _train(self, history: Sequence[Generation]) -> Generation:
        """Have every turn of the last generation taken; return it whole."""
        generation = history[-1]
        requests = [
            turn_request(self.folder, self.record, generation, member)
            for member in range(len(generation.turns))
        ]
        results: dict[int, TurnResult] = {}
        tries = dict.fromkeys(range(len(requests)), 0)
        looked_at: dict[int, int] = {}
        while True:
            for member, request in enumerate(requests):
                changed = _changed_at(request)
                if member in results or looked_at.get(member) == changed:
                    continue
                looked_at[member] = changed
                if (result := TurnResult.of(request)) is not None:
                    results[member] = result
            self._tell(history, len(results))
            if len(results) == len(requests):
                break
            idle = [m for m in tries if m not in results and self._is_idle(requests[m], tries[m])]
            if idle:
                for member in idle:
                    tries[member] += 1
                    requests[member].save()
                self._turns.start([RunFolder(requests[member].folder) for member in idle])
            if self._should_stop():
                raise DriverStoppedError
            self._sleep(POLL_S)
        turns = [
            self._with_result(turn, request, results[member], self._past(history, member))
            for member, (turn, request) in enumerate(zip(generation.turns, requests, strict=True))
        ]
        if not any(turn.diverged or math.isfinite(turn.score or 0.0) for turn in turns):
            raise ParamsError(
                f"no member has a figure of {self.record.population.measure.name} to be judged "
                "by: the validation trials have too little that is known and varies. Choose "
                "another score"
            )
        return replace(generation, turns=tuple(turns))

    def _is_idle(self, request: TurnRequest, tries: int) -> bool:
        """Whether a turn has to be started, for the first time or again."""
        member = RunFolder(request.folder)
        if tries == 0:
            return True
        status = self._turns.state(member)
        if status.state.is_active or TurnResult.of(request) is not None:
            return False
        if tries >= TRIES or status.state is RunState.CANCELLED:
            raise QueueError(
                f"{member.path.name} did not finish generation {request.generation} "
                f"({status.reason or status.state.value}); its lfads.out tells more. Launch the "
                "population again to go on from there"
            )
        log.warning(
            "%s, generation %d: %s; started again", member.path.name, request.generation,
            status.reason,
        )  # fmt: skip
        return True

    def _past(self, history: Sequence[Generation], member: int) -> float | None:
        """Return the smoothed score that a member's turn goes on from."""
        if len(history) < 2 or history[-1].turns[member].source is not None:
            return None
        return history[-2].turns[member].score

    def _with_result(
        self, turn: MemberTurn, request: TurnRequest, result: TurnResult, past: float | None
    ) -> MemberTurn:
        measure = self.record.population.measure
        score, valid = result.score, result.valid
        if measure.column and not result.diverged:
            valid = _logged(RunFolder(request.folder), measure.column, request)
            score = measure.smooth(past, valid)
        return replace(
            turn,
            score=score,
            valid=valid,
            diverged=result.diverged,
            seconds=result.seconds,
            overhead_seconds=result.overhead_seconds,
        )

    def _tell(self, history: Sequence[Generation], n_done: int) -> None:
        population, last = self.record.population, history[-1]
        best = best_scores(population, history)
        total = population.epochs_at_most(self.record.ramp_epochs)
        trained = last.last_epoch if last.is_whole else last.first_epoch
        eta = None
        if self._epoch_seconds:
            recent = self._epoch_seconds[-5:]
            eta = (total - trained) * sum(recent) / len(recent)
        self._on_progress(
            PopulationProgress(
                generation=last.number,
                generations=population.generations,
                members_done=len(last.turns) if last.is_whole else n_done,
                members=population.members,
                epoch=trained,
                best_score=best[-1] if best else None,
                fraction=trained / total,
                eta_s=eta,
            )
        )


def _changed_at(request: TurnRequest) -> int:
    """When a member's last result was written: files that are the same are not read again."""
    try:
        return os.stat(RunFolder(request.folder).turn_result_json).st_mtime_ns
    except OSError:
        return 0


def _logged(member: RunFolder, column: str, request: TurnRequest) -> tuple[float, ...]:
    """Read a figure of the turn's epochs from a member's fit log."""
    from lfads_nb.results.fit_log import FitLog

    fit_log = FitLog.read(member.fit_log)
    inside = (fit_log["epoch"] >= request.first_epoch) & (fit_log["epoch"] < request.last_epoch)
    return tuple(float(value) for value in fit_log[column][inside])


# ------------------------------------------------------------------------------------ the winner


def make_best(folder: PopulationFolder, record: PopulationRecord) -> RunFolder:
    """Make the winner's folder, unless it is there: an ordinary run with its training behind it.

    Its weights are the most recent ones of the best member of the last generation, as AutoLFADS
    takes them, not those of its lowest cost; its fit log follows those weights through all copies.

    Raises
    ------
    QueueError
        There is no member to take.
    """
    best = folder.best
    if best.run_json.exists():
        return best
    history = read_history(folder)
    winner = history[-1].best(record.population) if history else None
    if winner is None:
        raise QueueError(f"{folder.path} has no member that could win")
    beside = RunFolder(folder.path / ".writing-best")
    shutil.rmtree(beside.path, ignore_errors=True)
    member = folder.member(winner)
    shutil.copytree(
        member.output,
        beside.output,
        ignore=shutil.ignore_patterns(".*", "lfads_vae_turn-*"),
        symlinks=True,  # what lies elsewhere is nobody's to be copied here
    )
    beside.fit_log.write_text(_lineage_log(folder, history, winner), encoding="ascii")
    shutil.copytree(member.input, beside.input, symlinks=True)
    params = turn_request(folder, record, history[-1], winner).params(record.population.base)
    RunRecord(record.collection, record.spec, params, record.datasets).save(beside)
    os.replace(beside.path, best.path)
    return best


def _lineage_log(folder: PopulationFolder, history: Sequence[Generation], member: int) -> str:
    """Put the fit logs of the members together that carried these weights."""
    lines: list[str] = []
    for generation, carrier in zip(history, ancestry(history, member), strict=True):
        path = folder.member(carrier).fit_log
        for line in path.read_text(encoding="ascii").splitlines():
            epoch = _epoch_of(line)
            if epoch is not None and generation.first_epoch <= epoch < generation.last_epoch:
                lines.append(line)
    return "".join(f"{line}\n" for line in lines)


def _epoch_of(line: str) -> int | None:
    parts = [part.strip() for part in line.split(",")]
    try:
        return int(parts[parts.index("epoch") + 1])
    except (ValueError, IndexError):
        return None


def wait_for_best(
    best: RunFolder, turns: Turns, launch: Callable[[], None], should_stop: Callable[[], bool]
) -> None:
    """Have the winner sampled and exported as any run is, and wait for that.

    Raises
    ------
    DriverStoppedError
        It was asked to stop before.
    QueueError
        The winner's run failed.
    """
    tries = 0
    while not best.done.exists():
        status = turns.state(best)
        if not status.state.is_active:
            if tries >= TRIES or (tries and status.state is not RunState.INTERRUPTED):
                raise QueueError(f"the winner's run {best.path} {_words(status)}")
            tries += 1
            launch()
        if should_stop():
            raise DriverStoppedError
        time.sleep(POLL_S)


def _words(status: RunStatus) -> str:
    return f"is {status.state.value}: {status.reason}" if status.reason else status.state.value
