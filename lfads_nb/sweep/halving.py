"""Successive halving of a sweep: runs that are behind at a rung end there, the others go on.

The asynchronous form (ASHA; Li et al. 2020, as Ray's and Optuna's schedulers decide): a run that
gets to a rung is compared with all that ever got there, and goes on if it is among the best of
them. Nobody waits for anybody: what stops leaves its device to the next run of the sweep.

Two files. `halving.json` in a run's folder says by what rule it is judged and beside whom;
`rungs.json` beside its checkpoints what was decided of it. A decision that is written stands, so
that a run that is killed and goes on meets the same one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lfads_nb.atomic_files import write_json
from lfads_nb.desks import stored_path
from lfads_nb.errors import ParamsError, RunFolderError
from lfads_nb.regular_files import read_json
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.progress import LOWER_IS_BETTER
from lfads_nb.sweep.turns import smoothed_score

SCHEMA = 1
AFTER_RAMPS = 25
"""Epochs between the end of the ramps and a first rung that nobody chose: AutoLFADS' generation."""

SCORES = {
    "recon_valid": "validation likelihood", "total_valid": "validation cost",
    "bps": "bits per spike", "co_bps": "co-smoothing", "fp_bps": "forward prediction",
    "r2_truth": "R² of the true rates", "r2_decoding": "R² of decoding",
}  # fmt: skip
"""What runs may be judged by, the names of `select_by`; smoothed as AutoLFADS does."""


@dataclass(frozen=True)
class Halving:
    """How a sweep is halved.

    Parameters
    ----------
    factor : one in so many goes on from each rung.
    first_epoch : epochs until the first rung; the others are at `factor` times as many each. 0 for
        25 epochs after the penalties have risen.
    score : a figure of the fit log, of which 0.3 of the past and 0.7 of each new epoch is taken.
        One that is not a cost must be what the runs' `select_by` names.

    Raises
    ------
    ParamsError
        A value makes no sense.
    """

    factor: int = 3
    first_epoch: int = 0
    score: str = "recon_valid"

    def __post_init__(self) -> None:
        for name, least in (("factor", 2), ("first_epoch", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ParamsError(
                    f"{name} of successive halving must be a whole number from {least}, "
                    f"not {value!r}"
                )
        if self.score not in SCORES:
            raise ParamsError(
                f"successive halving cannot judge by {self.score!r}: choose one of "
                f"{', '.join(SCORES)}"
            )

    def is_rung(self, epoch: int) -> bool:
        """Whether runs are judged after so many epochs."""
        rung = self.first_epoch
        while 0 < rung < epoch:
            rung *= self.factor
        return 0 < rung == epoch

    def smoothed(self, values: Iterable[float]) -> float:
        """Smooth the figures of epochs in their order; those that are not known are left out."""
        score: float | None = None
        for value in values:
            if math.isfinite(value):
                score = smoothed_score(score, float(value))
        return math.nan if score is None else score

    def judge(self, epoch: int, score: float, others: Iterable[float]) -> Rung:
        """Decide of a run at a rung.

        Parameters
        ----------
        epoch : the rung.
        score : the run's.
        others : scores of the other runs that got there before.
        """
        sign = 1.0 if self.score in LOWER_IS_BETTER else -1.0
        known = [sign * other for other in others if math.isfinite(other)]
        place = 1 + sum(other < sign * score for other in known)
        if not math.isfinite(score):
            return Rung(epoch, None, len(known) + 1, len(known) + 1, goes_on=False)
        n = len(known) + 1
        return Rung(epoch, score, place, n, goes_on=place <= max(1, n // self.factor))


@dataclass(frozen=True)
class Rung:
    """What was decided of a run at a rung.

    Parameters
    ----------
    epoch : epochs that it had trained.
    score : its smoothed figure; None if it had none, which never goes on.
    place : among those that had got there, 1 is the best.
    n : how many those were, itself included.
    goes_on : what was decided.
    """

    epoch: int
    score: float | None
    place: int
    n: int
    goes_on: bool


@dataclass(frozen=True)
class HalvingOrder:
    """By what rule a run is judged, and beside which others.

    Parameters
    ----------
    rule : with its first rung.
    peers : folders of the other runs, on the same data.
    """

    rule: Halving
    peers: tuple[Path, ...]

    def save(self, folder: RunFolder) -> None:
        """Write it into a run's folder, the others relative to that."""
        peers = [stored_path(peer.absolute(), folder.path.absolute()) for peer in self.peers]
        write_json(folder.halving_json, {"schema": SCHEMA, **asdict(self.rule), "peers": peers})

    @classmethod
    def read(cls, folder: RunFolder) -> HalvingOrder | None:
        """Read it from a run's folder; None for a run that is not judged.

        Raises
        ------
        RunFolderError
            The file cannot be read, or is of another version.
        """
        path = folder.halving_json
        try:
            content = read_json(path)
            _check_schema(content)
            rule = Halving(content["factor"], content["first_epoch"], content["score"])
            peers = [peer for peer in content["peers"] if "\0" not in peer]
            return cls(rule, tuple(folder.path / peer for peer in peers))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError, ParamsError) as error:
            raise RunFolderError(
                f"{path} cannot be read ({error}): delete it to train the run to its own end"
            ) from error


def read_rungs(folder: RunFolder) -> list[Rung]:
    """Read what was decided of a run so far, first to last; nothing where nothing was.

    Raises
    ------
    RunFolderError
        The file cannot be read, or is of another version.
    """
    try:
        content = read_json(folder.rungs_json)
        _check_schema(content)
        return [_rung(item) for item in content["rungs"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunFolderError(
            f"{folder.rungs_json} cannot be read ({error}): delete it to have the run judged anew"
        ) from error


def add_rung(folder: RunFolder, rung: Rung) -> None:
    """Write down what was decided of a run."""
    rungs = [*read_rungs(folder), rung]
    content = {"schema": SCHEMA, "rungs": [asdict(item) for item in rungs]}
    write_json(folder.rungs_json, content)


def lost_at(folder: RunFolder) -> Rung | None:
    """Return the rung at which a run is to end, or None; one that is gone on with has none.

    Raises
    ------
    RunFolderError
        A file cannot be read.
    """
    if not folder.halving_json.exists():
        return None
    return next((rung for rung in read_rungs(folder) if not rung.goes_on), None)


def lost_in_words(rung: Rung, rule: Halving) -> str:
    """Say why a run ended at a rung."""
    by = SCORES[rule.score]
    if rung.score is None:
        return f"stopped early after {rung.epoch} epochs: it has no {by}"
    kept = max(1, rung.n // rule.factor)
    best = "the best one goes" if kept == 1 else f"the best {kept} go"
    return (
        f"stopped early after {rung.epoch} epochs: place {rung.place} of {rung.n} by {by}, and "
        f"{best} on"
    )


def why_stopped(folder: RunFolder) -> str:
    """Say why a run was stopped early; "" for one that was not.

    Raises
    ------
    RunFolderError
        A file cannot be read.
    """
    order, lost = HalvingOrder.read(folder), lost_at(folder)
    return "" if order is None or lost is None else lost_in_words(lost, order.rule)


def _check_schema(content: Any) -> None:
    if content["schema"] != SCHEMA:
        raise ValueError(f"schema {str(content['schema'])[:40]}")


def _rung(item: Any) -> Rung:
    counts: Sequence[Any] = (item["epoch"], item["place"], item["n"])
    if not all(isinstance(c, int) and not isinstance(c, bool) for c in counts):
        raise TypeError("a rung's epoch, place and n are whole numbers")
    score = item["score"]
    if not isinstance(item["goes_on"], bool):
        raise TypeError("goes_on is true or false")
    known = None if score is None else float(score)
    return Rung(item["epoch"], known, item["place"], item["n"], item["goes_on"])
