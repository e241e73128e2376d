"""From a run's inputs to a model that is ready to be trained."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from lfads_nb.errors import ParamsError
from lfads_nb.model import weights
from lfads_nb.model.architecture import Architecture
from lfads_nb.model.batches import SessionBatches
from lfads_nb.model.compiled_models import CompiledModels
from lfads_nb.model.inputs import Session
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.training import Training
from lfads_nb.model.training_state import TrainingState
from lfads_nb.model.validation_metrics import ValidationMetrics
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
    validation = SessionBatches(architecture, sessions, "valid")
    models = CompiledModels() if models is None else models
    both = (batches, validation)
    kept = models.kept(architecture, sessions, both, will_load=will_load)
    model = kept.model
    if params.initial_weights and not will_load:
        load_initial_weights(model, params.initial_weights)
    return Training(
        run=run,
        model=model,
        batches=batches,
        validation=validation,
        sources=kept.sources,
        preview=kept.preview,
        state=TrainingState.start(params),
        metrics=_metrics(run, model, list(sessions)),
        previewed=sessions[0],
    )


def _metrics(run: RunFolder, model: Lfads, sessions: list[Session]) -> ValidationMetrics | None:
    """Return what is to be worked out on validation trials; None if nothing is.

    Raises
    ------
    ParamsError
        `select_by` names a figure that these data cannot give.
    """
    p = model.architecture.params
    needs = {"co_bps": p.heldout_channels, "fp_bps": p.forward_prediction_bins}
    if p.select_by in needs and not needs[p.select_by]:
        option = {"co_bps": "heldout_channels", "fp_bps": "forward_prediction_bins"}[p.select_by]
        raise ParamsError(f"select_by={p.select_by!r} needs {option}, but it is 0")
    if p.select_by in ("bps", *needs) and p.output_dist != "poisson":
        raise ParamsError(f"select_by={p.select_by!r} is for output_dist='poisson'")
    if not p.metrics_due_every:
        return None
    metrics = ValidationMetrics(model, run, sessions)
    if p.select_by in ("r2_truth", "r2_decoding") and p.select_by not in metrics.known:
        what = {"r2_truth": "true rates", "r2_decoding": "behaviour"}[p.select_by]
        raise ParamsError(
            f"select_by={p.select_by!r} needs {what} with the data, and there is none: load the "
            "data with it and prepare the run again, or choose another figure"
        )
    return metrics if metrics.known else None


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
