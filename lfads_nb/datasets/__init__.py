"""Spikes in: counts of trials, files that hold them, collections of sessions.

This room imports no other room.
"""

from lfads_nb.datasets.alignment import Alignment, align_sessions, align_single_session
from lfads_nb.datasets.behavior import Signal
from lfads_nb.datasets.chopping import ChopLayout, chop_recording, merge_chops
from lfads_nb.datasets.collection import DatasetCollection, MaxBatchSize
from lfads_nb.datasets.condition_tables import join_conditions
from lfads_nb.datasets.conditions import condition_averages
from lfads_nb.datasets.continuous_signals import ContinuousSignal
from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.dataset import Dataset
from lfads_nb.datasets.demo_datasets import generate_demo_datasets
from lfads_nb.datasets.hdf5files import read_hdf5
from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.datasets.lfadsfiles import read_lfads_input
from lfads_nb.datasets.matfiles import read_mat, read_mat_variables
from lfads_nb.datasets.nlbfiles import read_nlb_tensors
from lfads_nb.datasets.npzfiles import read_npz
from lfads_nb.datasets.nwb import read_nwb
from lfads_nb.datasets.readers import peek_info, read_counts, recognise_format, write_counts
from lfads_nb.datasets.rebinning import rebin_ratio
from lfads_nb.datasets.scanning import FoundFile, scan_folder
from lfads_nb.datasets.splitting import Split, given_split, interleaved_split, stratified_split

__all__ = [
    "Alignment",
    "ChopLayout",
    "ContinuousSignal",
    "Counts",
    "Dataset",
    "DatasetCollection",
    "DatasetInfo",
    "FoundFile",
    "MaxBatchSize",
    "Signal",
    "Split",
    "align_sessions",
    "align_single_session",
    "chop_recording",
    "condition_averages",
    "generate_demo_datasets",
    "given_split",
    "interleaved_split",
    "join_conditions",
    "merge_chops",
    "peek_info",
    "read_counts",
    "read_hdf5",
    "read_lfads_input",
    "read_mat",
    "read_mat_variables",
    "read_nlb_tensors",
    "read_npz",
    "read_nwb",
    "rebin_ratio",
    "recognise_format",
    "scan_folder",
    "stratified_split",
    "write_counts",
]
