"""`PopulationResults`: what a population did so far, as arrays and tables, from its files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lfads_nb.errors import LfadsError, RunFolderError
from lfads_nb.results.fit_log import FitLog
from lfads_nb.sweep.folders import PopulationFolder
from lfads_nb.sweep.population import Population
from lfads_nb.sweep.population_history import Generation, Known, ancestry, best_scores, read_history
from lfads_nb.sweep.population_record import PopulationRecord
from lfads_nb.sweep.population_scores import PopulationScore
from lfads_nb.sweep.search_space import SearchSpace

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class MemberCurve:
    """A member's judged figure over the epochs that it trained, whatever weights it carried.

    `epochs` and `values` are (epochs,) arrays, without epochs after which a costly figure was not
    worked out; `values` are not smoothed. `copied_at` lists the
    epochs at which it was overwritten, each with the member that it then copied.
    """

    member: int
    epochs: np.ndarray
    values: np.ndarray
    copied_at: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class PopulationResults:
    """A population while it trains or after it; `open` again to see what is new.

    Arrays are generations x members; a turn that is not whole yet is NaN.
    """

    folder: PopulationFolder
    record: PopulationRecord
    history: tuple[Generation, ...]

    @classmethod
    def open(cls, population: Any, *, known: Known | None = None) -> PopulationResults:
        """Read a population.

        Parameters
        ----------
        population : a `PopulationRun`, or its folder.
        known : kept between calls, so that only what is new is read.

        Raises
        ------
        RunFolderError
            It is not prepared, or one of its files cannot be used.
        """
        folder = getattr(population, "folder", population)
        folder = PopulationFolder(Path(getattr(folder, "path", folder)))
        record = PopulationRecord.load(folder)
        return cls(folder, record, tuple(read_history(folder, record, known=known)))

    # ---------------------------------------------------------------------------------- arrays

    @property
    def population(self) -> Population:
        """What is searched, and how."""
        return self.record.population

    @property
    def measure(self) -> PopulationScore:
        """What members are judged by."""
        return self.population.measure

    @property
    def space(self) -> SearchSpace:
        """What is searched, in our units for these data."""
        return self.record.space

    @property
    def n_generations(self) -> int:
        """Generations that were begun."""
        return len(self.history)

    @property
    def last_epochs(self) -> np.ndarray:
        """Epochs trained after each generation: (generations,)."""
        return np.array([g.last_epoch for g in self.history], dtype=int)

    @cached_property
    def scores(self) -> np.ndarray:
        """Smoothed scores: (generations, members), in the measure's unit."""
        scores = [g.scores for g in self.history]
        return np.array(scores, dtype=float).reshape(-1, self.population.members)

    @cached_property
    def best(self) -> np.ndarray:
        """The best score of every whole generation: (generations,)."""
        return np.array(best_scores(self.population, self.history), dtype=float)

    @cached_property
    def sources(self) -> np.ndarray:
        """The member whose weights each began with, its own number if its own."""
        own = range(self.population.members)
        rows = [
            [m if t.source is None else t.source for m, t in zip(own, g.turns, strict=True)]
            for g in self.history
        ]
        return np.array(rows, dtype=int).reshape(-1, self.population.members)

    @cached_property
    def settings(self) -> dict[str, np.ndarray]:
        """Values of every searched hyperparameter: (generations, members) each."""
        n = self.population.members
        return {
            name: np.array(
                [[turn.settings[name] for turn in g.turns] for g in self.history], dtype=float
            ).reshape(-1, n)
            for name in self.space
        }

    @property
    def device_seconds(self) -> np.ndarray:
        """Seconds of all turns of each generation, added up over devices: (generations,)."""
        return np.array([g.seconds for g in self.history], dtype=float)

    @property
    def overhead_seconds(self) -> np.ndarray:
        """What of a turn was no training: (generations, members)."""
        rows = [[t.overhead_seconds for t in g.turns] for g in self.history]
        return np.array(rows, dtype=float).reshape(-1, self.population.members)

    # ------------------------------------------------------------------------------------ curves

    def curve(self, member: int) -> MemberCurve:
        """Return a member's figure by epoch; of a turn under way as far as its log tells."""
        epochs: list[int] = []
        values: list[float] = []
        copies = []
        for generation in self.history:
            turn = generation.turns[member]
            if turn.source is not None:
                copies.append((generation.first_epoch, turn.source))
            found = turn.valid if turn.score is not None else self._so_far(member, generation)
            for epoch, value in enumerate(found, start=generation.first_epoch):
                if not (self.measure.every and math.isnan(value)):  # not worked out then
                    epochs.append(epoch)
                    values.append(value)
        return MemberCurve(member, np.array(epochs, int), np.array(values, float), tuple(copies))

    def _so_far(self, member: int, generation: Generation) -> tuple[float, ...]:
        try:
            log = FitLog.read(self.folder.member(member).fit_log)
            values = log[self.measure.column or "recon_valid"]
        except LfadsError:
            return ()
        inside = (log["epoch"] >= generation.first_epoch) & (log["epoch"] < generation.last_epoch)
        return tuple(float(v) for v in values[inside])

    def curves(self) -> list[MemberCurve]:
        """Return every member's curve."""
        return [self.curve(member) for member in range(self.population.members)]

    def lineage_curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the judged figure of the weights that lead, through all copies: epochs, values."""
        epochs, values = [np.zeros(0)], [np.zeros(0)]
        for generation, carrier in zip(
            self.history, self.ancestry(self.leader) if self.leader is not None else (),
            strict=False,
        ):  # fmt: skip
            curve = self.curve(carrier)
            inside = (curve.epochs >= generation.first_epoch) & (
                curve.epochs < generation.last_epoch
            )
            epochs.append(curve.epochs[inside])
            values.append(curve.values[inside])
        return np.concatenate(epochs), np.concatenate(values)

    def ancestry(self, member: int) -> list[int]:
        """Return which member carried the weights that a member has now, for each generation."""
        return ancestry(self.history, member)

    @property
    def leader(self) -> int | None:
        """The member with the best score of the last whole generation; None before there is one."""
        whole = [g for g in self.history if g.is_whole]
        return whole[-1].best(self.population) if whole else None

    # ------------------------------------------------------------------------------------ tables

    def members_table(self) -> pd.DataFrame:
        """Return one row for each member: last score, rank, lineage, present values."""
        import pandas as pd

        whole = [g for g in self.history if g.is_whole]
        rows: list[dict[str, Any]] = []
        for member in range(self.population.members):
            score = whole[-1].scores[member] if whole else math.nan
            row: dict[str, Any] = {"score": score}
            if self.history:
                turns = [g.turns[member] for g in self.history]
                row["began_as"] = self.ancestry(member)[0]
                row["copies"] = sum(turn.source is not None for turn in turns)
                row |= turns[-1].settings
            rows.append(row)
        table = pd.DataFrame(rows, index=pd.RangeIndex(len(rows), name="member"))
        higher = self.measure.higher_is_better
        table.insert(1, "rank", table["score"].rank(ascending=not higher, method="first"))
        return table

    def turns_table(self) -> pd.DataFrame:
        """Return one row for each turn: generation, member, source, score and values."""
        import pandas as pd

        rows = [
            {
                "generation": g.number, "member": member, "first_epoch": g.first_epoch,
                "last_epoch": g.last_epoch, "source": turn.source, "score": turn.score,
                "diverged": turn.diverged, "seconds": turn.seconds, **turn.settings,
            }
            for g in self.history
            for member, turn in enumerate(g.turns)
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def need_history(self) -> None:
        """Raise `RunFolderError` if no generation is whole yet."""
        if not any(g.is_whole for g in self.history):
            raise RunFolderError(
                f"{self.folder.path} has no whole generation yet: wait for the first one to end"
            )
