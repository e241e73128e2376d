"""The Neural Latents Benchmark '21: its files as sessions, its scores, its submissions."""

from lfads_nb.nlb.benchmark import NLB_DATASETS, NlbDataset, nlb_dataset
from lfads_nb.nlb.preset import nlb_params
from lfads_nb.nlb.run_scores import NlbScores, score_run
from lfads_nb.nlb.session import read_nlb
from lfads_nb.nlb.submission import evaluate, read_groups, write_submission, write_targets

__all__ = [
    "NLB_DATASETS",
    "NlbDataset",
    "NlbScores",
    "evaluate",
    "nlb_dataset",
    "nlb_params",
    "read_groups",
    "read_nlb",
    "score_run",
    "write_submission",
    "write_targets",
]
