"""Samples from the prior: what a trained model makes up without any data."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from lfads_nb.model.decoder import DropoutMasks
from lfads_nb.model.lfads import Lfads


def draw_prior_samples(model: Lfads, n_samples: int) -> dict[str, np.ndarray]:
    """Draw initial conditions and inputs from their priors and run the generator.

    Parameters
    ----------
    model : Lfads
        Injected external inputs are taken as 0.
    n_samples : int

    Returns
    -------
    dict of arrays, samples first
        Keys as TF1's `model_runs_prior_sample`; `output_dist_params` with the first session's
        read-out as there, those of further sessions as `output_dist_params_<session>`.
    """
    network, a = model.network, model.architecture
    rng = np.random.default_rng([a.params.seed, 4])
    arrays: dict[str, np.ndarray] = {}
    g0 = None
    if network.ic_prior is not None:
        noise = rng.standard_normal((n_samples, a.params.ic_dim)).astype(np.float32)
        g0 = network.ic_prior.sample(noise)
        shape = (n_samples, a.params.ic_dim)
        for name, value in (("mean", network.ic_prior.mean), ("logvar", network.ic_prior.logvar())):
            arrays[f"prior_g0_{name}"] = np.broadcast_to(ops.convert_to_numpy(value), shape)
    generator = network.decoder.generator
    gates_x = generator.external_gates(None)
    if network.input_prior is not None:
        noise = rng.standard_normal((a.n_bins, n_samples, a.params.co_dim)).astype(np.float32)
        inputs = network.input_prior.sample(noise)
        gates_x = gates_x + generator.inferred_gates(ops.convert_to_tensor(inputs))
        arrays["prior_zs_ar_con"] = inputs.transpose(1, 0, 2)
    gen_init = generator.initial_state(g0, n_samples)
    decoded = network.decoder.autonomous(gen_init, gates_x, DropoutMasks())
    arrays["gen_ics"] = ops.convert_to_numpy(gen_init)
    arrays["gen_states"] = _trials_first(decoded.gen_states)
    arrays["factors"] = _trials_first(decoded.factors)
    for i, name in enumerate(a.sessions):
        heads = network.read_out(decoded.factors, ops.convert_to_tensor(np.int32(i)))
        params = network.likelihood.output_params(heads)
        joined = np.concatenate([_trials_first(x)[..., : a.n_channels[i]] for x in params], -1)
        arrays["output_dist_params" if i == 0 else f"output_dist_params_{name}"] = joined
    return arrays


def _trials_first(x: keras.KerasTensor) -> np.ndarray:
    return ops.convert_to_numpy(x).transpose(1, 0, 2)
