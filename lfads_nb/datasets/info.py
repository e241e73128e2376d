"""What a table of datasets shows about one: sizes, bins, conditions, who and when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lfads_nb.datasets.counts import Counts


@dataclass(frozen=True)
class DatasetInfo:
    """A dataset's description, cheap to get where its file format keeps it apart from the spikes.

    Parameters
    ----------
    n_trials, n_channels, n_bins : sizes; bins are those of the file, before any rebinning.
    bin_ms : bin width in ms.
    n_conditions : distinct condition ids, 0 if trials have none.
    subject, date, comment : as the file says; the date as ISO text (yyyy-mm-dd) if readable.
    save_tags : the numbers of the recording files that went in.
    mean_rate_hz : mean over trials, time and channels in spikes/s; None where only reading all
        spikes would tell (`Dataset.load_info(full=True)` does).
    ext_input_dim : number of external inputs.
    has_truth : whether true rates are known.
    behavior : names of the behavioural signals.
    notes : what was assumed, changed or left out when the file was read.
    """

    n_trials: int
    n_channels: int
    n_bins: int
    bin_ms: float
    n_conditions: int = 0
    subject: str = ""
    date: str = ""
    save_tags: tuple[str, ...] = ()
    comment: str = ""
    mean_rate_hz: float | None = None
    ext_input_dim: int = 0
    has_truth: bool = False
    behavior: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def from_counts(cls, counts: Counts) -> DatasetInfo:
        """Describe counts that are in memory."""
        return cls(
            n_trials=counts.n_trials,
            n_channels=counts.n_channels,
            n_bins=counts.n_bins,
            bin_ms=counts.bin_ms,
            n_conditions=len(counts.conditions),
            mean_rate_hz=None if counts.continuous else counts.mean_rate_hz,
            ext_input_dim=counts.ext_input_dim,
            has_truth=counts.truth is not None,
            behavior=tuple(counts.behavior),
            notes=tuple(counts.notes),
            **described(counts.metadata),
        )

    @property
    def duration_ms(self) -> float:
        """Length of a trial in ms."""
        return self.n_bins * self.bin_ms


def described(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Pick subject, date, tags and comment out of a file's metadata."""
    known = metadata
    tags = known.get("save_tags", ())
    tags = tags if isinstance(tags, list | tuple) else (tags,)
    return {
        "subject": _text(known.get("subject")),
        "date": re.sub(r"^(\d{4}-\d\d-\d\d)[T ].*", r"\1", _text(known.get("datetime"))),
        "save_tags": tuple(_text(tag) for tag in tags if tag is not None),
        "comment": _text(known.get("comment")),
    }


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
