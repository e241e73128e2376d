"""Folders of the LFADS Run Manager (MATLAB), opened to look at and never changed."""

from lfads_nb.results.matlab.collection import OldCollection, OldRun, open_collection
from lfads_nb.results.matlab.recovery import RecoveredParams, Recovery

__all__ = ["OldCollection", "OldRun", "RecoveredParams", "Recovery", "open_collection"]
