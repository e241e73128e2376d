"""Decoding: what the inferred rates tell about behaviour, beside what the spikes tell.

Everything is nested: lag, smoothing, penalty and weights come from the trials that a decoder is
fitted on, and every figure from trials that it never saw.
"""

from lfads_nb.results.decoding.labels import LabelDecoding, LabelResult, decode_labels
from lfads_nb.results.decoding.record import (
    DecodingRecord,
    compared,
    decode_and_keep,
    read_decodings,
)
from lfads_nb.results.decoding.run_decoding import decodable, decode_run, describe_result
from lfads_nb.results.decoding.signals import SignalDecoding, SignalResult, decode_signal
from lfads_nb.results.decoding.sources import Source, smoothed_spikes, sources_of

__all__ = [
    "DecodingRecord",
    "LabelDecoding",
    "LabelResult",
    "SignalDecoding",
    "SignalResult",
    "Source",
    "compared",
    "decodable",
    "decode_and_keep",
    "decode_labels",
    "decode_run",
    "decode_signal",
    "describe_result",
    "read_decodings",
    "smoothed_spikes",
    "sources_of",
]
