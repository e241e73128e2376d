"""Data: bins, and which trials are for training, validation and test."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from lfads_nb.sweep.param_info import param


class DataParams(BaseModel):
    """The fields of this group, in the order of the form."""

    spike_bin_ms: float = param(
        2.0,
        "Width of the bins that LFADS sees. Must be a whole multiple of the data's own bin.",
        group="data",
        tier="common",
        unit="ms",
        legacy="spikeBinMs",
        affects="data",
        gt=0,
    )
    train_to_test_ratio: int = param(
        4,
        "Training trials for each validation trial; 4 keeps every fifth trial for validation.",
        group="data",
        tier="occasional",
        legacy="trainToTestRatio",
        matlab_type="uint16",
        affects="data",
        ge=1,
        le=65535,
    )
    split: Literal["interleaved", "stratified", "column"] = param(
        "interleaved",
        "How validation trials are chosen: every n-th trial as the run manager does, "
        "at random with every condition in proportion, or as the data's own trial column "
        "'split' says (train, valid, test).",
        group="data",
        affects="data",
        matlab_type="char",
    )
    split_seed: int = param(0, "Seed of the stratified split.", group="data", affects="data", ge=0)
    test_fraction: float = param(
        0.0,
        "Share of all trials set aside as a test set, touched neither by training nor by the "
        "choice of the best checkpoint. 0 makes none.",
        group="data",
        affects="data",
        ge=0,
        lt=0.9,
    )
    allow_no_spikes: bool = param(
        False,
        "Train even where a session has no spike in any trial, which is refused otherwise because "
        "times in another unit are the usual cause.",
        group="data",
        affects="data",
    )
