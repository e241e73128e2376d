"""From a run's inputs to a model that is ready to be trained."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from lfads_nb.model import weights
from lfads_nb.model.architecture import Architecture
from lfads_nb.model.batches import SessionBatches
from lfads_nb.model.compiled_models import CompiledModels, compiled_model
from lfads_nb.model.inputs import Session
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.training import Training
from lfads_nb.model.training_state import TrainingState
from lfads_nb.sweep.folders import RunFolder

log = logging.getLogger(__name__)


def set_up(
    run: RunFolder,
    architecture: Architecture,
    sessions: Sequence[Session],
    models: CompiledModels | None = None,
    *,
    will_load: bool = False,
) -> Training:
    """Build a run's model with its first weights, and all else that training needs.

    Parameters
    ----------
    models : CompiledModels, optional
        Where a model of the same shapes may be, with its steps compiled.
    will_load : bool
        A checkpoint will be loaded, so first weights are not needed.
    """
    params = architecture.params
    run.output.mkdir(parents=True, exist_ok=True)
    batches = SessionBatches(architecture, sessions, "train")
    if models is None:
        model = compiled_model(architecture, sessions)
    else:
        model = models.model(architecture, sessions, batches, will_load=will_load)
    if params.initial_weights and not will_load:
        load_initial_weights(model, params.initial_weights)
    return Training(
        run=run,
        model=model,
        batches=batches,
        validation=SessionBatches(architecture, sessions, "valid"),
        state=TrainingState.start(params),
    )


def load_initial_weights(model: Lfads, source: str) -> None:
    """Start from the weights of another run: its folder, or a `model_params` file.

    Raises
    ------
    RunFolderError
        It is missing or does not fit.
    """
    path = Path(source).expanduser()
    path = RunFolder(path).model_params if path.is_dir() else path
    weights.from_tf1(model.network, weights.read_model_params(path), source=path)
    log.info("Starting from the weights in %s.", path)
