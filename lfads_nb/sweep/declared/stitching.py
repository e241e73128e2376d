"""Stitching: read-ins of several sessions and how they are aligned."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from lfads_nb.sweep.param_info import param


class StitchingParams(BaseModel):
    """The fields of this group, in the order of the form."""

    do_train_readin: bool = param(
        True,
        "Train each session's read-in; otherwise it keeps its initial value.",
        group="stitching",
        tier="occasional",
        legacy="c_do_train_readin",
        matlab_type="logical",
    )
    use_alignment_matrix: bool = param(
        False,
        "Start the read-ins of a run of several sessions from their alignment matrices.",
        group="stitching",
        tier="common",
        legacy="useAlignmentMatrix",
        matlab_type="logical",
        affects="data",
    )
    use_single_dataset_alignment_matrix: bool = param(
        False,
        "Give runs of a single session a read-in too, from the PCA of its condition averages.",
        group="stitching",
        legacy="useSingleDatasetAlignmentMatrix",
        matlab_type="logical",
        affects="data",
    )
    alignment_approach: Literal["regressGlobalPCs", "ridgeRegressGlobalPCs"] = param(
        "regressGlobalPCs",
        "Plain or ridge regression of the shared components on each session.",
        group="stitching",
        tier="occasional",
        legacy="alignmentApproach",
        matlab_type="char",
        affects="data",
    )
    alignment_extra_args: tuple[str | bool | float, ...] = param(
        (),
        "Names and values for the alignment, such as ('ridgeNormalizeEach', True).",
        group="stitching",
        tier="occasional",
        legacy="alignmentExtraArgs",
        matlab_type="cell",
        affects="data",
    )
