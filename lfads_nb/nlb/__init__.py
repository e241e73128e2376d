"""The Neural Latents Benchmark '21: its files as sessions, its scores, its submissions."""

from lfads_nb.nlb.benchmark import NLB_DATASETS, NlbDataset, nlb_dataset
from lfads_nb.nlb.submission import evaluate, read_groups, write_submission, write_targets

__all__ = [
    "NLB_DATASETS",
    "NlbDataset",
    "evaluate",
    "nlb_dataset",
    "read_groups",
    "write_submission",
    "write_targets",
]
