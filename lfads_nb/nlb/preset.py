"""The settings of the benchmark's AutoLFADS baseline, in our units.

Source: nlb_tools, `examples/baselines/autolfads/config`: held-in units and observed bins in,
everything out; generator 100, encoders and controller 80 to 100, 4 inferred inputs, 40 factors,
batches of 100 trials, ramps over 80 epochs. What its population-based training searches (learning
rate, dropout, penalties) starts here from the middle of the searched ranges; the learning rate
decays and ends a run as usual, which in a population it does not.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lfads_nb.datasets import Counts
from lfads_nb.errors import DataError
from lfads_nb.nlb.benchmark import FORWARD_MS
from lfads_nb.sweep import RunParams

RAMP_EPOCHS = 80
BATCH_SIZE = 100
# The middles of AutoLFADS' log ranges, per trial, bin and neuron (beyond its factor of 10,000).
_KL_IC, _KL_CO, _L2 = 10**-4.5, 10**-5, 10**-2
_GRADIENT_NORM = 200 / 1e4


def nlb_params(counts: Counts, **changes: Any) -> RunParams:
    """Return the baseline's setting for a session that `read_nlb` read.

    Parameters
    ----------
    counts : the session.
    changes : parameters that are to differ.

    Raises
    ------
    DataError
        The session was not read by `read_nlb`.
    """
    if "nlb_dataset" not in counts.metadata or "split" not in counts.trial_columns:
        raise DataError(
            "was not read by lfads_nb.nlb.read_nlb, which says which units are held out and which "
            "trials evaluate.",
            dataset=counts.name,
        )
    elements = counts.n_bins * counts.n_channels
    n_train = int(np.sum(counts.trial_columns["split"] == "train"))
    batch = min(BATCH_SIZE, n_train)
    steps = math.ceil(n_train / batch)
    setting: dict[str, Any] = {
        "spike_bin_ms": counts.bin_ms,
        "split": "column",
        "heldout_channels": int(counts.metadata["nlb_heldout"]),
        "forward_prediction_bins": round(FORWARD_MS / counts.bin_ms),
        "batch_size": batch,
        "learning_rate_init": 4e-3,
        "max_grad_norm": _GRADIENT_NORM * elements,
        "keep_prob": 0.7,
        "coordinated_dropout_rate": 0.5,
        "l2_gen_scale": _L2 * elements,
        "l2_con_scale": _L2 * elements,
        "l2_increase_steps": RAMP_EPOCHS * steps,
        "kl_ic_weight": _KL_IC * elements,
        "kl_co_weight": _KL_CO * elements,
        "kl_increase_steps": RAMP_EPOCHS * steps,
        "co_dim": 4,
        "con_dim": 80,
        "ci_enc_dim": 80,
        "ic_dim": 100,
        "ic_enc_dim": 100,
        "gen_dim": 100,
        "factors_dim": 40,
        "num_samples_posterior": 50,
    }
    return RunParams(**{**setting, **changes})
