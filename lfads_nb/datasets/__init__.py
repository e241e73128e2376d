"""Spikes in: counts of trials, files that hold them, collections of sessions.

This room imports no other room.
"""

from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.datasets.readers import peek_info, read_counts, write_counts
from lfads_nb.datasets.splitting import Split, interleaved_split, stratified_split

__all__ = [
    "Counts",
    "DatasetInfo",
    "Split",
    "interleaved_split",
    "peek_info",
    "read_counts",
    "stratified_split",
    "write_counts",
]
