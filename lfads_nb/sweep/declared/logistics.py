"""Logistics: the device, its memory, how many checkpoints stay."""

from __future__ import annotations

from pydantic import BaseModel

from lfads_nb.sweep.param_info import param


class LogisticsParams(BaseModel):
    """The fields of this group, in the order of the form."""

    device: str = param(
        "/gpu:0",
        "Device to compute on, among those that the run may see; a machine without it "
        "uses its processor.",
        group="logistics",
        legacy="c_device",
        matlab_type="char",
    )
    allow_gpu_growth: bool = param(
        True,
        "Take GPU memory as it is needed, so that several runs can share a GPU.",
        group="logistics",
        tier="occasional",
        legacy="c_allow_gpu_growth",
        matlab_type="logical",
    )
    max_ckpt_to_keep: int = param(
        5,
        "Newest checkpoints to keep.",
        group="logistics",
        unit="checkpoints",
        legacy="c_max_ckpt_to_keep",
        matlab_type="uint16",
        ge=1,
        le=65535,
    )
    max_ckpt_to_keep_lve: int = param(
        5,
        "Checkpoints of lowest validation error to keep.",
        group="logistics",
        unit="checkpoints",
        legacy="c_max_ckpt_to_keep_lve",
        matlab_type="uint16",
        ge=1,
        le=65535,
    )
