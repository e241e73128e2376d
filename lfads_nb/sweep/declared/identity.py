"""What a setting is called, and in which layout it is written."""

from __future__ import annotations

from pydantic import BaseModel

from lfads_nb.sweep.param_info import param

LAYOUT_VERSION = 20171107
"""The run manager's folder layout that this package writes."""


class IdentityParams(BaseModel):
    """The fields of this group, in the order of the form."""

    name: str = param(
        "",
        "A label of your own for this setting; it changes nothing else.",
        group="logistics",
        tier="occasional",
        legacy="name",
        matlab_type="char",
        affects="nothing",
    )
    version: int = param(
        LAYOUT_VERSION,
        "Folder layout, in the run manager's numbering; set by the collection.",
        group="logistics",
        legacy="version",
        matlab_type="uint32",
        affects="nothing",
        ge=1,
    )
