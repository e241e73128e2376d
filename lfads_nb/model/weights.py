"""TF1's variables as views on ours, to read and write `model_params` (files_on_disk.md 5.7).

TF1 keeps a cell's input and recurrent rows in one matrix, or gates and candidate in two; ours are
cut otherwise, and padded over sessions. Every TF1 variable is some blocks of ours, stacked by rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from lfads_nb.errors import RunFolderError
from lfads_nb.hdf5_files import writing_hdf5
from lfads_nb.hdf5_reading import open_hdf5
from lfads_nb.model.encoders import Encoder
from lfads_nb.model.network import Network

Index = tuple[Any, ...]
ALL = slice(None)


class View(NamedTuple):
    """One TF1 variable: blocks of ours as (variable, index), stacked by rows."""

    name: str
    blocks: tuple[tuple[Any, Index], ...]

    @property
    def key(self) -> str:
        """Its key in `model_params`."""
        return f"LFADS_{self.name.replace('/', '_')}:0"


def views(network: Network) -> list[View]:
    """List every TF1 variable that a network stands for."""
    return list(_views(network))


def _views(network: Network) -> Iterator[View]:
    yield from _session_views(network)
    if network.ic_encoder is not None and network.ic_prior is not None:
        yield from _encoder_views(network.ic_encoder, "ic_enc")
        yield View("z/prior_g0_mean", ((network.ic_prior.mean, ()),))
        yield View("z/prior_g0_logvar", ((network.ic_prior.theta, ()),))
        for name in ("mean", "logvar"):
            w, b = getattr(network, f"w_ic_{name}"), getattr(network, f"b_ic_{name}")
            yield View(f"z/ic_enc_2_post_g0_{name}/W", ((w, ()),))
            yield View(f"z/ic_enc_2_post_g0_{name}/b", ((b, ()),))
    if network.ci_encoder is not None and network.input_prior is not None:
        yield from _encoder_views(network.ci_encoder, "ci_enc")
        yield View("z/u_prior_ar1_logevars", ((network.input_prior.log_nvar, ()),))
        yield View("z/u_prior_ar1_logatau", ((network.input_prior.log_tau, ()),))
        yield from _controller_views(network)
    yield from _generator_views(network)


def _session_views(network: Network) -> Iterator[View]:
    a = network.architecture
    for i, (session, n) in enumerate(zip(a.sessions, a.n_channels, strict=True)):
        if network.readin is not None:
            name = f"x_2_infac_{session}.h5"
            yield View(f"{name}/W", ((network.readin.w, (i, slice(n))),))
            yield View(f"{name}/b", ((network.readin.b, (i,)),))
        if network.readout is not None:
            heads = zip(network.likelihood.heads, network.readout.heads, strict=True)
            for head, (w, b) in heads:
                name = f"glm/fac_2_{head.name}_{session}.h5"
                yield View(f"{name}/W", ((w, (i, ALL, slice(n))),))
                yield View(f"{name}/b", ((b, (i, slice(n))),))


def _encoder_views(encoder: Encoder, name: str) -> Iterator[View]:
    e = encoder
    gates, candidate = slice(2 * e.units), slice(2 * e.units, None)
    for d, way in enumerate(("fwd", "rev")[: e.n_directions]):
        cell = f"{name}_{way}/GRU"
        yield View(f"{name}_{way}/{name}_t0_{way}", ((e.h0, (d,)),))
        yield View(f"{cell}/Gates/xh_2_ru/W", ((e.w_x, (d, ALL, gates)), (e.w_h_ru, (d,))))
        yield View(f"{cell}/Gates/xh_2_ru/b", ((e.b, (d, gates)),))
        yield View(f"{cell}/Candidate/xrh_2_c/W", ((e.w_x, (d, ALL, candidate)), (e.w_h_c, (d,))))
        yield View(f"{cell}/Candidate/xrh_2_c/b", ((e.b, (d, candidate)),))


def _controller_views(network: Network) -> Iterator[View]:
    c = network.decoder.controller
    assert c is not None
    yield View("con/c0", ((c.h0, ()),))
    yield from _cell_views(c, "con/GenGRU")
    for name in ("mean", "logvar"):
        head = f"con/con_to_post_co_{name}"
        yield View(f"{head}/W", ((getattr(c, f"w_{name}"), ()),))
        yield View(f"{head}/b", ((getattr(c, f"b_{name}"), ()),))


def _generator_views(network: Network) -> Iterator[View]:
    g = network.decoder.generator
    if g.first_state is not None:
        yield View("gen/g0", ((g.first_state, ()),))
    if g.w_g0 is not None:
        yield View("gen/g0_2_gen_ic/W", ((g.w_g0, ()),))
        yield View("gen/g0_2_gen_ic/b", ((g.b_g0, ()),))
    yield from _cell_views(g, "gen/GenGRU")
    yield View("gen/gen_2_fac/W", ((g.w_fac, ()),))


def _cell_views(cell: Any, name: str) -> Iterator[View]:
    """A cell with separate input and recurrent matrices."""
    gates, candidate = slice(2 * cell.units), slice(2 * cell.units, None)
    if cell.w_x is not None:
        yield View(f"{name}/Gates/x_2_ru/W", ((cell.w_x, (ALL, gates)),))
        yield View(f"{name}/Candidate/x_2_c/W", ((cell.w_x, (ALL, candidate)),))
    yield View(f"{name}/Gates/h_2_ru/W", ((cell.w_h_ru, ()),))
    yield View(f"{name}/Gates/h_2_ru/b", ((cell.b, (gates,)),))
    yield View(f"{name}/Candidate/rh_2_c/W", ((cell.w_h_c, ()),))
    yield View(f"{name}/Candidate/rh_2_c/b", ((cell.b, (candidate,)),))


# ---- values -----------------------------------------------------------------------------------


def to_tf1(network: Network) -> dict[str, np.ndarray]:
    """Return every TF1 variable's value, matrices inputs x outputs and biases 1 x outputs."""
    values: dict[int, np.ndarray] = {}

    def value_of(variable: Any) -> np.ndarray:
        return values.setdefault(id(variable), ops.convert_to_numpy(variable))

    return {
        view.key: np.concatenate([np.atleast_2d(value_of(v)[index]) for v, index in view.blocks])
        for view in views(network)
    }


def from_tf1(network: Network, arrays: Mapping[str, np.ndarray], *, source: object) -> None:
    """Set a network's variables from TF1's.

    Parameters
    ----------
    network : Network
    arrays : mapping
        TF1's variables by their keys; those of the optimiser are ignored.
    source : object
        Where they come from, for error messages.

    Raises
    ------
    RunFolderError
        A variable is missing, has another shape, holds no finite numbers, or has no place in the
        network.
    """
    variables: dict[int, Any] = {}
    values: dict[int, np.ndarray] = {}
    used = set()
    for view in views(network):
        key = _find(view.key, arrays, source)
        used.add(key)
        array = _as_weights(arrays[key], f"{key} in {source}")
        blocks = []
        for variable, index in view.blocks:
            variables[id(variable)] = variable
            value = values.setdefault(id(variable), np.array(ops.convert_to_numpy(variable)))
            blocks.append((value, index, np.atleast_2d(value[index]).shape))
        expected = (sum(shape[0] for *_, shape in blocks), blocks[0][2][1])
        if array.shape != expected:
            raise RunFolderError(
                f"{key} in {source} has shape {array.shape}, the settings ask for {expected}"
            )
        first = 0
        for value, index, shape in blocks:
            value[index] = array[first : first + shape[0]].reshape(value[index].shape)
            first += shape[0]
    unknown = sorted(set(_model_keys(arrays)) - used)
    if unknown:
        raise RunFolderError(
            f"{source} holds {', '.join(unknown[:5])}, for which the settings have no place"
        )
    for place, variable in variables.items():
        variable.assign(values[place])


def _as_weights(array: np.ndarray, what: str) -> np.ndarray:
    """Return a variable's values as (rows, columns); rates of NaN weights would be NaN."""
    if np.asarray(array).dtype.kind not in "fiub":
        raise RunFolderError(f"{what} holds no numbers")
    found = np.atleast_2d(np.asarray(array, np.float32))
    if not np.isfinite(found).all():
        raise RunFolderError(f"{what} holds values that are not finite: its training diverged")
    return found


def _model_keys(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Keys of the model's own variables, without the optimiser's and the counters."""
    rest = ("LFADS_global_step:0", "LFADS_learning_rate:0")
    slots = ("_Adam:0", "_Adam_1:0", "beta1_power:0", "beta2_power:0")
    return [key for key in arrays if key not in rest and not key.endswith(slots)]


def _find(key: str, arrays: Mapping[str, np.ndarray], source: object) -> str:
    """Return the key under which a variable is stored; scopes differ between versions of TF1."""
    if key in arrays:
        return key
    tail = key.removeprefix("LFADS_")
    for scope in ("glm_", "z_"):
        tail = tail.removeprefix(scope)
    found = [k for k in _model_keys(arrays) if k.endswith(f"_{tail}")]
    if len(found) == 1:
        return found[0]
    raise RunFolderError(f"{source} lacks {key}: it was trained with other settings or sessions")


# ---- files ------------------------------------------------------------------------------------


def read_model_params(path: Path) -> dict[str, np.ndarray]:
    """Read every array of a `model_params` file.

    Raises
    ------
    RunFolderError
    """
    if not path.exists():
        raise RunFolderError(f"{path} is missing: train the run, or export its weights, first")
    try:
        with open_hdf5(path, check_sizes=True) as file:
            return {key: np.asarray(file[key]) for key in file}
    except OSError as error:
        raise RunFolderError(f"{path} cannot be read: {error}") from error


def write_model_params(path: Path, network: Network, *, step: int, learning_rate: float) -> None:
    """Write a network's weights under TF1's names; the optimiser's slots stay in checkpoints."""
    with writing_hdf5(path) as file:
        for key, array in to_tf1(network).items():
            file[key] = array
        file["LFADS_global_step:0"] = np.int64(step)
        file["LFADS_learning_rate:0"] = np.float32(learning_rate)
