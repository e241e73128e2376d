"""What is decoded from: inferred arrays, and spikes as they came or smoothed, bin by bin.

A source may come in several candidates, such as spikes smoothed by several widths. Which of them
is taken is decided on the trials that the decoder is fitted on, like everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from lfads_nb.errors import DataError
from lfads_nb.results.posterior_means import PosteriorMeans

RAW, SMOOTHED = "raw counts", "smoothed spikes"

INFERRED: Mapping[str, str] = {
    "rates": "rates",
    "factors": "factors",
    "inferred inputs": "controller_outputs",
    "generator states": "generator_states",
}
"""What a run infers, by the name that is shown: the field that it is."""

BASELINES = (SMOOTHED, RAW)
"""What is always decoded from beside it: without them no figure says what the model adds."""

WIDTHS_MS = (10.0, 20.0, 30.0, 40.0, 60.0, 80.0, 120.0, 160.0)
"""Standard deviations of the Gaussians that smooth spikes, of which the best is taken."""


@dataclass(frozen=True, eq=False)
class Source:
    """One thing to decode from.

    `candidates` holds (trials, bins, features) for each label of it, "" where there is only one.
    """

    name: str
    candidates: Mapping[str, np.ndarray]


def sources_of(
    pm: PosteriorMeans,
    names: Sequence[str] | None = None,
    *,
    widths_ms: Sequence[float] = WIDTHS_MS,
) -> list[Source]:
    """Read what a run inferred about one session, and its spikes beside it.

    Parameters
    ----------
    pm : outputs of a single session.
    names : of `INFERRED`; by default all that the run stored. The baselines always come along.
    widths_ms : standard deviations of the Gaussians for smoothed spikes.

    Raises
    ------
    DataError
        A name is unknown, the run did not store it, or no spikes are at hand.
    """
    stored = [name for name, field in INFERRED.items() if pm.has(field)]
    wanted = stored if names is None else [n for n in names if n not in BASELINES]
    for name in wanted:
        if name not in stored:
            raise DataError(
                f"nothing can be decoded from {name!r}; there are "
                f"{', '.join([*stored, *BASELINES])}.",
                dataset=pm.datasets[0],
                field="sources",
            )
    if not pm.has("counts"):
        raise DataError(
            "the spikes are not at hand, so nothing says what the model adds. Prepare the run's "
            "inputs again.",
            dataset=pm.datasets[0],
        )
    spikes = np.asarray(pm.field("counts").load(), dtype=np.float64)
    inferred = [Source(n, {"": np.asarray(pm.field(INFERRED[n]).load())}) for n in wanted]
    return [*inferred, smoothed_spikes(spikes, pm.bin_ms, widths_ms), Source(RAW, {"": spikes})]


def smoothed_spikes(
    counts: np.ndarray, bin_ms: float, widths_ms: Sequence[float] = WIDTHS_MS
) -> Source:
    """Smooth spikes within each trial by Gaussians of several widths.

    Parameters
    ----------
    counts : (trials, bins, channels) spikes per bin; bins that are missing have no weight.
    bin_ms : their width.
    widths_ms : standard deviations; those under half a bin change nothing and are left out.
    """
    longest = counts.shape[1] * bin_ms / 2
    useful = [w for w in widths_ms if bin_ms / 2 <= w <= longest] or [bin_ms]
    known = ~np.isnan(counts)
    return Source(SMOOTHED, {f"{w:g} ms": _smoothed(counts, known, w / bin_ms) for w in useful})


def _smoothed(counts: np.ndarray, known: np.ndarray, sd_bins: float) -> np.ndarray:
    if known.all():
        return gaussian_filter1d(counts, sd_bins, axis=1, mode="reflect")
    total = gaussian_filter1d(np.where(known, counts, 0.0), sd_bins, axis=1, mode="reflect")
    weight = gaussian_filter1d(known.astype(float), sd_bins, axis=1, mode="reflect")
    return np.divide(total, weight, out=np.full(counts.shape, np.nan), where=weight > 1e-3)
