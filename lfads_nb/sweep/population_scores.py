"""What the members of a population can be judged by: figures that a turn logs for every epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.errors import ParamsError
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.turns import smoothed_score


@dataclass(frozen=True)
class PopulationScore:
    """A figure of merit; every epoch's value is smoothed, 0.3 of the past and 0.7 of the new one.

    Parameters
    ----------
    key, name, unit : str
    column : str
        Of the fit log; "" for what the turn itself reports.
    higher_is_better : bool
    needs : str
        Field of `RunParams` that must be above 0 for it to be logged.
    needs_behavior : bool
        Whether the data must have behavioural signals.
    every : int
        It costs a forward pass of many trials and is worked out every so many epochs only; those
        between are left out of the smoothing. 0 is every epoch.
    """

    key: str
    name: str
    unit: str
    column: str = ""
    higher_is_better: bool = False
    needs: str = ""
    needs_behavior: bool = False
    every: int = 0

    def check(self, params: RunParams) -> None:
        """Raise `ParamsError` if a setting does not log it."""
        if self.needs and not getattr(params, self.needs):
            raise ParamsError(f"score {self.key!r} needs {self.needs} above 0 in the base setting")

    def check_data(self, infos: Iterable[DatasetInfo]) -> None:
        """Raise `ParamsError` if no session has what it is worked out from."""
        if self.needs_behavior and not any(info.behavior for info in infos):
            raise ParamsError(
                f"score {self.key!r} needs behaviour with the data, and there is none: load the "
                "datasets with their behavioural signals, or choose another score"
            )

    def rank(self, score: float) -> float:
        """Return a number that is higher for better scores; NaN stays NaN."""
        return score if self.higher_is_better else -score

    def smooth(self, past: float | None, values: Sequence[float]) -> float:
        """Smooth the epochs of a turn, going on from the member's last score."""
        smoothed = past
        for value in values:
            if self.every and math.isnan(value):
                continue  # it was not worked out after this epoch
            smoothed = smoothed_score(smoothed, value)
        return math.nan if smoothed is None else smoothed


SCORES: dict[str, PopulationScore] = {
    score.key: score
    for score in (
        PopulationScore("recon", "validation likelihood", "nats per trial"),
        PopulationScore(
            "co_bps", "co-smoothing", "bits per spike", column="co_bps", higher_is_better=True,
            needs="heldout_channels",
        ),
        PopulationScore(
            "fp_bps", "forward prediction", "bits per spike", column="fp_bps",
            higher_is_better=True, needs="forward_prediction_bins",
        ),
        PopulationScore(
            "val_hidden_nll", "likelihood of hidden samples", "nats per sample",
            column="val_hidden_nll", needs="sample_validation_rate",
        ),
        PopulationScore(
            "r2_decoding", "decoding of behaviour", "R²", column="r2_decoding",
            higher_is_better=True, needs_behavior=True, every=5,
        ),
    )
}  # fmt: skip
