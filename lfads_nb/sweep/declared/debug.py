"""Debug: flags of a private branch of the original, known so that old settings can be read."""

from __future__ import annotations

from pydantic import BaseModel

from lfads_nb.sweep.param_info import param


class DebugParams(BaseModel):
    """The fields of this group, in the order of the form."""

    tf_debug_cli: bool = param(
        False,
        "Of a private branch of the original; only its default is accepted.",
        group="debug",
        legacy="c_tf_debug_cli",
        matlab_type="logical",
        affects="nothing",
    )
    tf_debug_tensorboard: bool = param(
        False,
        "Of a private branch of the original; only its default is accepted.",
        group="debug",
        legacy="c_tf_debug_tensorboard",
        matlab_type="logical",
        affects="nothing",
    )
    tf_debug_tensorboard_hostport: str = param(
        "localhost:6064",
        "Of a private branch of the original; only its default is accepted.",
        group="debug",
        legacy="c_tf_debug_tensorboard_hostport",
        matlab_type="char",
        affects="nothing",
    )
    tf_debug_dump_root: str = param(
        "",
        "Of a private branch of the original; only its default is accepted.",
        group="debug",
        legacy="c_tf_debug_dump_root",
        matlab_type="char",
        affects="nothing",
    )
    debug_verbose: bool = param(
        False,
        "Of a private branch of the original; only its default is accepted.",
        group="debug",
        legacy="c_debug_verbose",
        matlab_type="logical",
        affects="nothing",
    )
    debug_reduce_timesteps_to: int | None = param(
        None,
        "Of a private branch of the original; only its default is accepted.",
        group="debug",
        legacy="c_debug_reduce_timesteps_to",
        matlab_type="uint16",
        affects="nothing",
        ge=1,
    )
    debug_print_each_step: bool = param(
        False,
        "Of a private branch of the original; only its default is accepted.",
        group="debug",
        legacy="c_debug_print_each_step",
        matlab_type="logical",
        affects="nothing",
    )
