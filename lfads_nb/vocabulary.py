"""Every number that a run can be judged by, declared once: its words, unit, split and direction.

Tables, leaderboards, reports, curves and TensorBoard take their words from here, and ask here which
of several runs is best, so that no two of them contradict each other. To add a figure, add a
`Figure` to the list; every table that has a column of its key shows it.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Literal

Split = Literal["training", "validation", "test", "evaluation", "all", ""]

BEST_EPOCH = "at the epoch of the lowest validation cost after the ramps"
EVERY_EPOCH = "of every epoch"
OUTPUTS = "from the outputs, sampled at the best epoch's weights"


@dataclass(frozen=True)
class Figure:
    """One figure, in words.

    Parameters
    ----------
    key : str
        Column of `compare` and field of a run's record; of a curve, its name in the fit log.
    name, short : str
        For axes and menus; for the head of a narrow column.
    unit : str
    split : str
        The trials that it is of.
    epoch : str
        The rule by which an epoch is chosen, "" where there is none.
    how : str
        How it is computed.
    not_meant : str
        What one might take it for and it is not.
    better : str
        "higher", "lower", or "" where neither is.
    decimals : int or None
        Shown behind the point; None shows four digits.
    is_detail : bool
        Left out of tables that have no room for everything.
    """

    key: str
    name: str
    short: str
    unit: str = ""
    split: Split = ""
    epoch: str = ""
    how: str = ""
    not_meant: str = ""
    better: Literal["higher", "lower", ""] = ""
    decimals: int | None = None
    is_detail: bool = False

    @property
    def label(self) -> str:
        """The name with its unit, for an axis; once where the name says it."""
        says_unit = self.unit.replace("/", " per ") in self.name
        return f"{self.name} ({self.unit})" if self.unit and not says_unit else self.name

    @property
    def hint(self) -> str:
        """Everything that there is to know of it, in one line for a tooltip."""
        first = ", ".join(part for part in (self.label, self._trials(), self.epoch) if part)
        better = f"{self.better} is better" if self.better else ""
        sentences = [first, self.how, better, self.not_meant]
        return ". ".join(part[:1].upper() + part[1:] for part in sentences if part) + "."

    def _trials(self) -> str:
        return f"{self.split} trials" if self.split and self.split not in self.name else ""

    def text(self, value: float) -> str:
        """Write a value without its unit; "–" where it is not known."""
        if value != value:
            return "–"
        if self.unit == "s":
            return f"{value / 60:.1f} min" if value >= 60 else f"{value:.0f} s"
        if self.decimals is not None:
            return f"{value:,.{self.decimals}f}"
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"

    def with_unit(self, value: float) -> str:
        """Write a value with its unit."""
        return f"{self.text(value)} {self.unit}" if self.unit and self.unit != "s" else (
            self.text(value)
        )  # fmt: skip

    def rank(self, value: float) -> float:
        """Return a number that is higher for a better value; NaN stays NaN.

        Raises
        ------
        ValueError
            Neither direction of this figure is better.
        """
        if not self.better:
            raise ValueError(f"{self.name} has no better and worse")
        return value if self.better == "higher" else -value


TEST = "never used for choosing a setting or an epoch"
DECODED = "decoder fitted on training trials, lag and penalty chosen among them:"
NLB = "as the Neural Latents Benchmark's own program gives it, for 5 ms bins"

_BPS = "Poisson log likelihood of the spikes above that of each neuron's mean rate, per spike"

FIGURES: dict[str, Figure] = {
    figure.key: figure
    for figure in (
        Figure(
            "bits_per_spike", "bits per spike", "bits/spike", "bits/spike", "validation", OUTPUTS,
            f"{_BPS}; 0 is the null model of mean rates",
            "1 is no limit: noise sets how much there is to tell, and sparse or short bins tell "
            "less", "higher", 3,
        ),
        Figure(
            "co_bps", "co-smoothing", "co-bps", "bits/spike", "validation", OUTPUTS,
            f"{_BPS}, for neurons that the encoders never saw", "", "higher", 3,
        ),
        Figure(
            "fp_bps", "forward prediction", "fp-bps", "bits/spike", "validation", OUTPUTS,
            f"{_BPS}, for bins that the encoders never saw", "", "higher", 3,
        ),
        Figure(
            "best_recon_valid", "validation reconstruction", "recon.", "nats/trial", "validation",
            BEST_EPOCH, "negative log likelihood of the spikes, summed over bins and neurons",
            "not comparable between data sets, bin widths or numbers of neurons", "lower", 2,
        ),
        Figure(
            "best_total_valid", "validation cost", "cost", "nats/trial", "validation", BEST_EPOCH,
            "reconstruction plus weighted KL and L2 penalties",
            "not comparable between settings with other penalties", "lower", 2,
        ),
        Figure(
            "best_kl_valid", "validation KL cost", "KL cost", "nats/trial", "validation",
            BEST_EPOCH, "divergences from the priors times their weights",
            "small where the weights are small: see the KL of g0 and of the inputs", "", 2,
            is_detail=True,
        ),
        Figure(
            "kl_g0", "KL of g0", "KL g0", "nats/trial", "validation", OUTPUTS,
            "divergence of the initial condition's posterior from its prior, without its weight",
            "near 0 is no collapse by itself: the inferred inputs may carry the trial", "", 2,
            is_detail=True,
        ),
        Figure(
            "kl_inputs", "KL of the inputs", "KL inputs", "nats/trial", "validation", BEST_EPOCH,
            "divergence of the inferred inputs from their prior, without its weight", "", "", 2,
            is_detail=True,
        ),
        Figure(
            "rate_spread", "spread of rates across trials", "spread", "", "validation", OUTPUTS,
            "variance of the rates across trials, mean over bins and neurons, over the squared "
            "mean rate", "0 says that every trial gets the same rates", "", 4,
            is_detail=True,
        ),
        Figure(
            "r2_truth", "R² of the true rates", "R² truth", "", "validation", OUTPUTS,
            "pooled over trials, bins and neurons", "", "higher", 3,
        ),
        Figure(
            "r2_truth_by_channel", "R² of the true rates, by neuron", "R² truth, neurons", "",
            "validation", OUTPUTS, "mean over neurons", "", "higher", 3,
            is_detail=True,
        ),
        Figure(
            "r2_psth", "R² of condition averages", "R² averages", "", "all", OUTPUTS,
            "condition averages of the rates against those of the smoothed spikes, pooled",
            "high where nothing but each neuron's mean was learned: compare it with what smoothed "
            "spikes reach", "higher", 3,
        ),
        Figure(
            "r2_psth_by_channel", "R² of condition averages, by neuron", "R² averages, neurons",
            "", "all", OUTPUTS, "mean over neurons", "", "higher", 3,
            is_detail=True,
        ),
        Figure(
            "r2_psth_nlb", "PSTH R² by NLB's definition", "R² PSTH (NLB)", "", "validation",
            OUTPUTS, "condition averages of the validation trials' rates alone against those of "
            "all trials' spikes, smoothed by a Gaussian of 70 ms; mean over neurons",
            "comparable with a published score only for the benchmark's own datasets, whose score "
            "`lfads-nb nlb` gives", "higher", 3,
            is_detail=True,
        ),
        Figure(
            "bits_train", "bits per spike of training trials", "bits/spike, train", "bits/spike",
            "training", OUTPUTS, _BPS, "it rewards learning noise by heart", "higher", 3,
            is_detail=True,
        ),
        Figure(
            "bits_truth", "bits per spike of the true rates", "bits/spike, truth", "bits/spike",
            "validation", "", f"{_BPS}, under the true rates", "", "", 3,
            is_detail=True,
        ),
        Figure(
            "r2_psth_valid", "R² of held-out condition averages", "R² averages, valid.", "",
            "validation", OUTPUTS, "condition averages of the rates over validation trials against "
            "those of the training trials' spikes, pooled", "", "higher", 3,
            is_detail=True,
        ),
        Figure(
            "r2_psth_smoothed", "the same of smoothed spikes", "R² averages, smoothed", "",
            "validation", "", "condition averages of the same validation trials' smoothed spikes "
            "(Gaussian, 50 ms) against those of the training trials' spikes, pooled", "",
            "higher", 3,
            is_detail=True,
        ),
        Figure(
            "variability_share", "trial-to-trial variance found", "variance found", "", "all",
            OUTPUTS, "variance of the rates across trials, over that of the counts beyond Poisson",
            "", "", 2,
            is_detail=True,
        ),
        Figure(
            "within_condition_share", "variance within conditions", "within conditions", "", "all",
            OUTPUTS, "share of the rates' variance across trials", "", "", 3,
            is_detail=True,
        ),
        Figure(
            "drift_share", "variance by session drift", "drift", "", "all", OUTPUTS,
            "share of the rates' variance across trials that a cubic in their order tells", "", "",
            3,
            is_detail=True,
        ),
        Figure(
            "copied_share", "copied spikes", "copied", "", "training", OUTPUTS,
            "share of a spike that turns up in the rate of its own bin alone", "", "lower", 3,
            is_detail=True,
        ),
        Figure(
            "test_bits_per_spike", "bits per spike, test trials", "bits/spike, test", "bits/spike",
            "test", OUTPUTS, f"{_BPS}; {TEST}", "", "higher", 3,
        ),
        Figure(
            "test_co_bps", "co-smoothing, test trials", "co-bps, test", "bits/spike", "test",
            OUTPUTS, f"{_BPS}, for neurons that the encoders never saw; {TEST}", "", "higher", 3,
        ),
        Figure(
            "test_fp_bps", "forward prediction, test trials", "fp-bps, test", "bits/spike", "test",
            OUTPUTS, f"{_BPS}, for bins that the encoders never saw; {TEST}", "", "higher", 3,
        ),
        Figure(
            "test_r2_truth", "R² of the true rates, test trials", "R² truth, test", "", "test",
            OUTPUTS, f"pooled over trials, bins and neurons; {TEST}", "", "higher", 3,
        ),
        Figure(
            "decoding_r2", "R² of decoded behaviour", "R² decoding", "", "validation", OUTPUTS,
            f"{DECODED} a signal, from the rates; mean over its dimensions",
            "only of runs that something was decoded of, and of the signal that most were decoded "
            "for", "higher", 3,
        ),
        Figure(
            "decoding_r2_smoothed", "R² of behaviour decoded from smoothed spikes",
            "R² decoding, smoothed", "", "validation", "",
            f"{DECODED} the same signal, from spikes smoothed by the best width", "", "higher", 3,
            is_detail=True,
        ),
        Figure(
            "decoding_r2_raw", "R² of behaviour decoded from raw counts", "R² decoding, raw", "",
            "validation", "", f"{DECODED} the same signal, from raw counts", "", "higher", 3,
            is_detail=True,
        ),
        Figure(
            "decoding_accuracy", "accuracy of decoded labels", "accuracy", "", "validation",
            OUTPUTS, f"{DECODED} conditions or a trial column, from the rates",
            "only of runs that something was decoded of, and of the labels that most were decoded "
            "for; chance is the share of the commonest label", "higher", 3,
        ),
        Figure(
            "decoding_accuracy_smoothed", "accuracy of labels decoded from smoothed spikes",
            "accuracy, smoothed", "", "validation", "",
            f"{DECODED} the same labels, from smoothed spikes", "", "higher", 3,
            is_detail=True,
        ),
        Figure(
            "decoding_accuracy_raw", "accuracy of labels decoded from raw counts",
            "accuracy, raw", "", "validation", "",
            f"{DECODED} the same labels, from raw counts", "", "higher", 3,
            is_detail=True,
        ),
        Figure(
            "test_decoding_r2", "R² of decoded behaviour, test trials", "R² decoding, test", "",
            "test", OUTPUTS, f"{DECODED} a signal, from the rates; {TEST}", "", "higher", 3,
        ),
        Figure(
            "test_decoding_accuracy", "accuracy of decoded labels, test trials", "accuracy, test",
            "", "test", OUTPUTS, f"{DECODED} labels, from the rates; {TEST}", "", "higher", 3,
        ),
        Figure("nlb_co_bps", "NLB co-bps", "NLB co-bps", "bits/spike", "evaluation", OUTPUTS,
               f"co-smoothing, {NLB}", "", "higher", 3),
        Figure("nlb_vel_r2", "NLB vel R²", "NLB vel R²", "", "evaluation", OUTPUTS,
               f"velocity decoded by ridge regression, {NLB}", "", "higher", 3),
        Figure("nlb_psth_r2", "NLB psth R²", "NLB psth R²", "", "evaluation", OUTPUTS,
               f"averages of evaluation trials' rates against smoothed spikes of all, {NLB}", "",
               "higher", 3),
        Figure("nlb_fp_bps", "NLB fp-bps", "NLB fp-bps", "bits/spike", "evaluation", OUTPUTS,
               f"forward prediction, {NLB}", "", "higher", 3),
        Figure("nlb_tp_corr", "NLB tp corr", "NLB tp corr", "", "evaluation", OUTPUTS,
               f"neural speed against produced time, {NLB}", "", "lower", 3),
        Figure("epochs", "epochs", "epochs", how="trained so far", decimals=0),
        Figure(
            "best_epoch", "best epoch", "best epoch", split="validation", epoch=BEST_EPOCH,
            how="counted from 0", decimals=0,
        ),
        Figure("train_seconds", "training time", "time", "s", better="lower"),
        Figure("n_parameters", "weights", "weights", how="numbers that were learned", decimals=0),
    )
}  # fmt: skip
"""What a run can be judged by, in the order in which tables show it: key -> figure."""

CURVES: dict[str, Figure] = {
    figure.key: figure
    for figure in (
        Figure(
            "total", "cost", "cost", "nats/trial", "", EVERY_EPOCH,
            "reconstruction plus KL and L2 penalties by their weights so far", "", "lower",
        ),
        Figure(
            "recon", "reconstruction", "recon.", "nats/trial", "", EVERY_EPOCH,
            "negative log likelihood of the spikes, summed over bins and neurons", "", "lower",
        ),
        Figure(
            "kl", "KL cost", "KL cost", "nats/trial", "", EVERY_EPOCH,
            "divergences from the priors times their weights so far",
        ),
        Figure("l2", "L2 penalty", "L2", "nats", "", EVERY_EPOCH),
        Figure("kl_weight", "KL ramp", "KL ramp", "", "", EVERY_EPOCH, "rises from 0 to 1"),
        Figure("l2_weight", "L2 ramp", "L2 ramp", "", "", EVERY_EPOCH, "rises from 0 to 1"),
        Figure("learning_rate", "learning rate", "rate", "", "", EVERY_EPOCH),
        Figure("gradient_norm", "gradient norm", "gradient", "", "", EVERY_EPOCH),
        Figure("bps", "bits per spike", "bits/spike", "bits/spike", "validation", EVERY_EPOCH,
               _BPS, "", "higher", 3),
        Figure("co_bps", "co-smoothing", "co-bps", "bits/spike", "validation", EVERY_EPOCH,
               f"{_BPS}, for neurons that the encoders never saw", "", "higher", 3),
        Figure("fp_bps", "forward prediction", "fp-bps", "bits/spike", "validation", EVERY_EPOCH,
               f"{_BPS}, for bins that the encoders never saw", "", "higher", 3),
        Figure("r2_truth", "R² of the true rates", "R² truth", "", "validation", EVERY_EPOCH,
               "pooled; of posterior means of up to 100 trials", "", "higher", 3),
        Figure("r2_decoding", "R² of decoded behaviour", "R² decoding", "", "validation",
               EVERY_EPOCH, "ridge regression from the rates, fitted on training trials, mean over "
               "dimensions; of posterior means of up to 100 trials", "", "higher", 3),
        Figure("hidden_nll", "hidden samples", "hidden", "nats/sample", "", EVERY_EPOCH,
               "negative log likelihood of the samples kept from the encoders", "", "lower"),
    )
}  # fmt: skip
"""What training logs after every epoch, by its name in the fit log without `_train`, `_valid`."""

JUDGES = ("bits_per_spike", "best_recon_valid")
"""The figures that say which run is best: the first that any of the runs has."""

STOPPED_EARLY = "stopped early"
"""The state of runs that successive halving ended; tables add at which epoch."""


def curve(name: str) -> Figure:
    """Return what a column of a fit log is; one that is not declared is called by its own name."""
    split: Split = ""
    stem = name
    for marked, of in (("_train", "training"), ("_valid", "validation")):
        if name.endswith(marked):
            stem, split = name.removesuffix(marked), of  # type: ignore[assignment]
    if name.startswith("val_"):
        stem, split = name.removeprefix("val_"), "validation"
    known = CURVES.get(stem)
    if known is None:
        return Figure(name, name.replace("_", " "), name, epoch=EVERY_EPOCH)
    if not split or known.split:
        return known
    return replace(known, key=name, name=f"{split} {known.name}", split=split)


def best_runs(
    runs: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Hashable] | None = None
) -> dict[str, Figure]:
    """Return the best run of each group, and the figure that says so.

    Parameters
    ----------
    runs : by name, figures by key; what a run lacks is missing, None or NaN. "state" may say where
        a run is: one that was stopped early is never the best, whatever its figures.
    groups : by name, what must be equal for runs to be compared (their data); one group if None.

    Returns
    -------
    dict
        Names of the best runs. A group in which fewer than two runs can be judged has none; those
        that were stopped early were judged.
    """
    best = {}
    for members in _grouped(runs, groups):
        key, ranks = _judged(runs, members)
        beaten = sum(was_stopped_early(runs[name]) for name in members)
        if ranks and len(ranks) + beaten > 1:
            best[max(ranks, key=lambda name: ranks[name])] = FIGURES[key]
    return best


def best_first(
    runs: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Hashable] | None = None
) -> list[str]:
    """Return the runs' names, group by group, the best of each group first; see `best_runs`.

    Runs that cannot be judged come last within their group, in the order in which they are given;
    behind them those that were stopped early.
    """
    ordered = []
    for members in _grouped(runs, groups):
        _, ranks = _judged(runs, members)
        ordered += sorted(
            members, key=lambda n: (was_stopped_early(runs[n]), -ranks.get(n, -math.inf))
        )
    return ordered


def was_stopped_early(run: Mapping[str, Any]) -> bool:
    """Whether a run's "state" says that it was stopped early, before its figures were final."""
    return str(run.get("state", "")).startswith(STOPPED_EARLY)


def _judged(
    runs: Mapping[str, Mapping[str, Any]], members: Iterable[str]
) -> tuple[str, dict[str, float]]:
    """Return the figure that judges a group, and the rank of each run that has it."""
    able = [name for name in members if not was_stopped_early(runs[name])]
    for key in JUDGES:
        ranks = {name: FIGURES[key].rank(_number(runs[name].get(key))) for name in able}
        known = {name: rank for name, rank in ranks.items() if math.isfinite(rank)}
        if known:
            return key, known
    return "", {}


def _grouped(runs: Iterable[str], groups: Mapping[str, Hashable] | None) -> Iterable[list[str]]:
    found: dict[Hashable, list[str]] = {}
    for name in runs:
        found.setdefault(groups[name] if groups else None, []).append(name)
    return found.values()


def _number(value: Any) -> float:
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return float(value) if is_number else math.nan
