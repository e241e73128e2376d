"""Every hyperparameter declared: type, default, bounds, meaning, the run manager's name for it.

One file for each group. The defaults are the run manager's. Parameters that it never had are off
by default and enter a hash only where they differ from their default, so that every published
hash stands.
"""

from __future__ import annotations

from pydantic import ConfigDict

from lfads_nb.sweep.declared.controller import ControllerParams
from lfads_nb.sweep.declared.data import DataParams
from lfads_nb.sweep.declared.debug import DebugParams
from lfads_nb.sweep.declared.encoders import EncodersParams
from lfads_nb.sweep.declared.external_inputs import ExternalInputsParams
from lfads_nb.sweep.declared.factors import FactorsParams
from lfads_nb.sweep.declared.generator import GeneratorParams
from lfads_nb.sweep.declared.identity import IdentityParams
from lfads_nb.sweep.declared.logistics import LogisticsParams
from lfads_nb.sweep.declared.output import OutputParams
from lfads_nb.sweep.declared.posterior import PosteriorParams
from lfads_nb.sweep.declared.regularization import RegularizationParams
from lfads_nb.sweep.declared.stitching import StitchingParams
from lfads_nb.sweep.declared.training import TrainingParams


# Pydantic takes the fields of the last base first, and their order is that of tables and forms:
# so the bases stand in reverse.
class DeclaredParams(
    DebugParams,
    LogisticsParams,
    PosteriorParams,
    StitchingParams,
    OutputParams,
    FactorsParams,
    GeneratorParams,
    EncodersParams,
    ControllerParams,
    ExternalInputsParams,
    RegularizationParams,
    TrainingParams,
    DataParams,
    IdentityParams,
):
    """The fields of `RunParams`, and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")
