"""What a population has done so far: a file for each generation, and AutoLFADS' three tables.

A generation's file is written once when it is decided and once when all of its turns are whole.
What follows is a function of these files and the seed alone, so that whoever goes on after a crash
decides the same; the tables are made anew from the files each time.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from lfads_nb.atomic_files import write_json, write_text
from lfads_nb.errors import RunFolderError
from lfads_nb.sweep.folders import PopulationFolder
from lfads_nb.sweep.generations import first_settings, has_settled, improvement, next_settings
from lfads_nb.sweep.population import Population
from lfads_nb.sweep.population_record import PopulationRecord
from lfads_nb.sweep.run_record import read_json
from lfads_nb.sweep.turns import TurnRequest

SCHEMA = 1
# As many as nobody trains: a damaged number is no reason to ask for all the memory there is.
_MOST_EPOCHS = 10**8


@dataclass(frozen=True)
class MemberTurn:
    """One member in one generation.

    Parameters
    ----------
    settings : dict of float
        What it trains with, by names of `RunParams`.
    source : int or None
        The member whose weights it began with; None if its own.
    score : float or None
        None while the turn is not whole, NaN if it diverged.
    valid : tuple of float
        The judged figure of every epoch of the turn, not smoothed.
    diverged : bool
    seconds, overhead_seconds : float
        Of the turn, and what of it was no training.
    """

    settings: dict[str, float]
    source: int | None = None
    score: float | None = None
    valid: tuple[float, ...] = ()
    diverged: bool = False
    seconds: float = 0.0
    overhead_seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        if self.score is not None and not math.isfinite(self.score):
            content["score"] = "nan"
        content["valid"] = [v if math.isfinite(v) else "nan" for v in self.valid]
        return content


_TURNS: TypeAdapter[tuple[MemberTurn, ...]] = TypeAdapter(tuple[MemberTurn, ...])


@dataclass(frozen=True)
class Generation:
    """What all members do for some epochs, and how they came out."""

    number: int
    first_epoch: int
    epochs: int
    turns: tuple[MemberTurn, ...]

    @property
    def last_epoch(self) -> int:
        """Epochs that are trained after it."""
        return self.first_epoch + self.epochs

    @property
    def is_whole(self) -> bool:
        """Whether every member's turn is."""
        return all(turn.score is not None for turn in self.turns)

    @property
    def scores(self) -> list[float]:
        """Return every member's score; NaN for one that diverged or has not ended."""
        return [math.nan if turn.score is None else turn.score for turn in self.turns]

    @property
    def seconds(self) -> float:
        """Seconds of all its turns, added up over the devices."""
        return sum(turn.seconds for turn in self.turns)

    def best(self, population: Population) -> int | None:
        """Return the member with the best score; None if all diverged."""
        ranks = [population.measure.rank(score) for score in self.scores]
        able = [m for m, rank in enumerate(ranks) if not math.isnan(rank)]
        return max(able, key=lambda m: ranks[m]) if able else None

    def save(self, folder: PopulationFolder) -> None:
        content = {
            "schema": SCHEMA,
            "generation": self.number,
            "first_epoch": self.first_epoch,
            "epochs": self.epochs,
            "members": [turn.to_json() for turn in self.turns],
        }
        write_json(folder.generation(self.number), content)

    @classmethod
    def load(cls, folder: PopulationFolder, number: int) -> Generation:
        """Read a generation.

        Raises
        ------
        RunFolderError
            Its file is missing or cannot be used.
        """
        path = folder.generation(number)
        content = read_json(path, SCHEMA, hint="an earlier generation of the population is lost")
        try:
            numbers = {k: content[k] for k in ("generation", "first_epoch", "epochs")}
            turns = _TURNS.validate_python(content["members"])
        except (KeyError, TypeError, ValueError) as error:
            raise RunFolderError(f"{path} cannot be used: {error!r}") from error
        if not all(type(n) is int and 0 <= n < _MOST_EPOCHS for n in numbers.values()):
            raise RunFolderError(f"{path} cannot be used: no epochs can be {numbers}")
        return cls(numbers["generation"], numbers["first_epoch"], numbers["epochs"], turns)


Known = dict[Path, tuple[int, Generation]]
"""Generations by their files, with when each file was written."""


def read_history(
    folder: PopulationFolder, record: PopulationRecord | None = None, *, known: Known | None = None
) -> list[Generation]:
    """Read every generation so far; only the last one may not be whole.

    Parameters
    ----------
    folder : of the population.
    record : what the generations must fit; its members, and what is searched.
    known : kept between calls, so that files that have not changed are not read again.

    Raises
    ------
    RunFolderError
        A file cannot be used, or one before the last is missing.
    """
    if not folder.generations.is_dir():
        return []
    n_files = sum(1 for _ in folder.generations.glob("[0-9]*.json"))
    known = {} if known is None else known
    history = [_load(folder, number, known) for number in range(n_files)]
    if record is not None:
        for number, generation in enumerate(history):
            if problem := _misfit(generation, number, record):
                raise RunFolderError(f"{folder.generation(number)} cannot be used: {problem}")
    return history


def _load(folder: PopulationFolder, number: int, known: Known) -> Generation:
    path = folder.generation(number)
    try:
        written = os.stat(path).st_mtime_ns
    except OSError:
        return Generation.load(folder, number)  # which says that it is missing
    before = known.get(path)
    if before is None or before[0] != written:
        before = known[path] = (written, Generation.load(folder, number))
    return before[1]


def _misfit(generation: Generation, number: int, record: PopulationRecord) -> str:
    """Say how a generation cannot be one of a population's; "" if it can."""
    n_members, searched = record.population.members, set(record.space)
    if generation.number != number:
        return f"it says that it is generation {generation.number}"
    if len(generation.turns) != n_members:
        return f"it has {len(generation.turns)} members, and the population {n_members}"
    for member, turn in enumerate(generation.turns):
        if not searched <= set(turn.settings):
            return f"member {member} does not set what is searched"
        if turn.source is not None and not 0 <= turn.source < n_members:
            return f"member {member} was copied from {turn.source}, which is no member"
    return ""


# ------------------------------------------------------------------------------- what comes next


def next_generation(record: PopulationRecord, history: Sequence[Generation]) -> Generation:
    """Decide the generation that follows; a pure function of what is handed in.

    Raises
    ------
    ParamsError
        No member is left to go on from.
    """
    population, number = record.population, len(history)
    if not history:
        drawn = first_settings(record.space, population.members, seed=population.seed)
        turns = tuple(MemberTurn(settings) for settings in drawn)
        return Generation(0, 0, population.first_epochs(record.ramp_epochs), turns)
    last = history[-1]
    sources, settings = next_settings(
        record.space,
        [turn.settings for turn in last.turns],
        [population.measure.rank(score) for score in last.scores],
        rule=population.rule,
        seed=population.seed,
        generation=number,
    )
    turns = tuple(MemberTurn(s, source) for s, source in zip(settings, sources, strict=True))
    return Generation(number, last.last_epoch, population.epochs, turns)


def best_scores(population: Population, history: Iterable[Generation]) -> list[float]:
    """Return the best score of every generation that is whole."""
    found = []
    for generation in history:
        if generation.is_whole:
            best = generation.best(population)
            found.append(math.nan if best is None else generation.scores[best])
    return found


def end_reason(population: Population, history: Sequence[Generation]) -> str:
    """Say in words why no generation follows; "" if one does."""
    if not history or not history[-1].is_whole:
        return ""
    ranks = [population.measure.rank(score) for score in best_scores(population, history)]
    n, least = population.patience, population.least_improvement
    if has_settled(ranks, patience=n, least=least):
        return f"the best score rose by at most {least:.2%} over {n} generations"
    if len(history) >= population.generations:
        return f"{population.generations} generations are trained"
    return ""


def turn_request(
    folder: PopulationFolder, record: PopulationRecord, generation: Generation, member: int
) -> TurnRequest:
    """Return what a member is asked to do in a generation."""
    turn = generation.turns[member]
    return TurnRequest(
        folder=folder.member(member).path,
        generation=generation.number,
        settings=turn.settings,
        first_epoch=generation.first_epoch,
        epochs=generation.epochs,
        copy_from=None if turn.source is None else folder.member(turn.source).path,
        seed=member_seed(record.population, member),
        # Every generation has a figure, however short it is.
        metrics_every=min(record.population.measure.every, record.population.epochs),
    )


def member_seed(population: Population, member: int) -> int:
    """Return the seed of a member's first weights, batches and draws."""
    key = [population.base.seed, population.seed, member]
    return int(np.random.SeedSequence(key).generate_state(1)[0]) >> 1


def ancestry(history: Sequence[Generation], member: int) -> list[int]:
    """Return which member carried the weights of a last member, for every generation.

    Parameters
    ----------
    history : generations, the first one first.
    member : of the last generation.
    """
    carriers = [member]
    for generation in reversed(history[1:]):
        source = generation.turns[carriers[-1]].source
        carriers.append(carriers[-1] if source is None else source)
    return carriers[::-1]


# ----------------------------------------------------------------------------------- the tables


def write_tables(
    folder: PopulationFolder, record: PopulationRecord, history: Sequence[Generation]
) -> None:
    """Write `pbt_state.csv`, `gen_config.csv` and `exploits.csv`, whole or not at all."""
    write_text(folder.pbt_state, _csv(_state_rows(record.population, history)))
    write_text(folder.gen_config, _csv(_config_rows(record, history)))
    write_text(folder.exploits, _csv(_exploit_rows(history)))


def _state_rows(population: Population, history: Sequence[Generation]) -> list[list[Any]]:
    # The duration is the sum over devices: it tells the cost, and a crash does not change it.
    rows: list[list[Any]] = [
        ["generation", "best_score", "percent_improvement", "duration_sec", "epoch"]
    ]
    whole = [g for g in history if g.is_whole]
    best = best_scores(population, whole)
    ranks = [population.measure.rank(score) for score in best]
    for i, generation in enumerate(whole):
        gain = 100 * improvement(ranks[: i + 1], population.patience)
        rows.append(
            [generation.number, best[i], gain, round(generation.seconds, 3), generation.last_epoch]
        )
    return rows


def _config_rows(record: PopulationRecord, history: Iterable[Generation]) -> list[list[Any]]:
    names = list(record.space)
    rows: list[list[Any]] = [["generation", "trial_id", *names]]
    for generation in history:
        for member, turn in enumerate(generation.turns):
            rows.append([generation.number, member, *(turn.settings[name] for name in names)])
    return rows


def _exploit_rows(history: Sequence[Generation]) -> list[list[Any]]:
    rows: list[list[Any]] = [["generation", "old_trial", "new_trial", "old_score", "new_score"]]
    for before, generation in itertools.pairwise(history):
        for member, turn in enumerate(generation.turns):
            if turn.source is not None:
                scores = before.scores
                rows.append(
                    [before.number, member, turn.source, scores[member], scores[turn.source]]
                )
    return rows


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        ["" if isinstance(v, float) and math.isnan(v) else v for v in row] for row in rows
    )
    return text.getvalue()
