"""The weights that a run learned, by the run manager's names (features.md K9).

Matrices are inputs x outputs, biases 1 x outputs, as in `model_params` (files_on_disk.md 5.7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lfads_nb.errors import DataError, RunFolderError
from lfads_nb.regular_files import read_json
from lfads_nb.results.trial_arrays import check_numbers, open_hdf5
from lfads_nb.sweep.folders import RunFolder

_MAX_LOG_RATE = 80.0


def _encoder_keys(name: str, gates: str) -> Iterator[tuple[str, str]]:
    for way in ("fwd", "rev"):
        yield f"{name}_{way}_t0", f"{name}_{way}_{name}_t0_{way}"
        for part in "Wb":
            cell = f"{name}_{way}_GRU"
            yield f"{name}_{way}_gru_xh_to_{gates}_{part}", f"{cell}_Gates_xh_2_ru_{part}"
            yield f"{name}_{way}_gru_xrh_to_c_{part}", f"{cell}_Candidate_xrh_2_c_{part}"


def _cell_keys(name: str) -> Iterator[tuple[str, str]]:
    for stage, code in (("Gates", "ru"), ("Candidate", "c")):
        recurrent = "h" if code == "ru" else "rh"
        yield f"{name}_gengru_x_to_{code}_W", f"{name}_GenGRU_{stage}_x_2_{code}_W"
        for part in "Wb":
            key = f"{name}_GenGRU_{stage}_{recurrent}_2_{code}_{part}"
            yield f"{name}_gengru_{recurrent}_to_{code}_{part}", key


KEYS: dict[str, str] = {
    # The run manager names the gates of its two encoders differently.
    **dict(_encoder_keys("ic_enc", "gates_ru")),
    "prior_g0_mean": "z_prior_g0_mean",
    "prior_g0_logvar": "z_prior_g0_logvar",
    **{
        f"ic_enc_to_posterior_g0_{head}_{part}": f"z_ic_enc_2_post_g0_{head}_{part}"
        for head in ("mean", "logvar")
        for part in "Wb"
    },
    "g0_to_gen_ic_W": "gen_g0_2_gen_ic_W",
    "g0_to_gen_ic_b": "gen_g0_2_gen_ic_b",
    "gen_g0": "gen_g0",
    **dict(_encoder_keys("ci_enc", "ru")),
    **dict(_cell_keys("con")),
    "prior_ar1_logevars": "z_u_prior_ar1_logevars",
    "prior_ar1_logatau": "z_u_prior_ar1_logatau",
    "con_co": "con_c0",
    **{
        f"con_to_posterior_co_{head}_{part}": f"con_con_to_post_co_{head}_{part}"
        for head in ("mean", "logvar")
        for part in "Wb"
    },
    **dict(_cell_keys("gen")),
    "gen_to_factors_W": "gen_gen_2_fac_W",
}
"""The run manager's name of each matrix -> its key in the file, without `LFADS_` and `:0`."""

READOUT_HEADS = ("logrates", "means", "logvars", "logmeans", "logshapes", "zerologits")
"""What the factors are read out to: log rates of Poisson outputs; means and log variances of
Gaussian ones; log means, log shapes and logits of a zero of (zero-inflated) Gamma ones."""

KEYS_BY_DATASET: dict[str, str] = {
    "x_to_infac_W": "x_2_infac_{}.h5_W",
    "x_to_infac_b": "x_2_infac_{}.h5_b",
    **{
        f"factors_to_{head}_{part}": f"glm_fac_2_{head}_{{}}.h5_{part}"
        for head in READOUT_HEADS
        for part in "Wb"
    },
}
"""The same for matrices that every session has of its own."""


class TrainedParams:
    """A run's weights, read when they are first asked for.

    `weights.gen_to_factors_W` is an array, or None if the model has no such part;
    `weights.factors_to_logrates_W` is a dictionary by session, empty if the read-out is the
    identity. `NAMES` lists all names.

    Make it with `Run.trained_params()`, or with `TrainedParams.open`.
    """

    NAMES = (*KEYS, *KEYS_BY_DATASET)

    def __init__(self, path: Path, datasets: Sequence[str]) -> None:
        self.path = path
        self.dataset_names = tuple(datasets)
        self._read: dict[str, Any] = {}

    @classmethod
    def open(
        cls, path: str | Path | RunFolder, datasets: Sequence[str] | None = None
    ) -> TrainedParams:
        """Open the weights of a run.

        Parameters
        ----------
        path : the `model_params` file, or the run's folder.
        datasets : names of its sessions in their order; by default as the folder says.

        Raises
        ------
        RunFolderError
            The file is missing or cannot be read.
        """
        file = path.model_params if isinstance(path, RunFolder) else Path(path)
        if not file.is_file():
            raise RunFolderError(
                f"{file} is missing: the weights are written when training and sampling have "
                f"ended. `lfads-nb status {file.parent.parent}` says how far the run is."
            )
        with open_hdf5(file) as opened:
            keys = list(opened)
        found = _dataset_names(keys)
        wanted = datasets if datasets is not None else _order(file, found)
        return cls(file, wanted)

    # --------------------------------------------------------------------------------- reading

    @cached_property
    def keys(self) -> frozenset[str]:
        """Names of everything in the file, as they are stored."""
        with open_hdf5(self.path) as file:
            return frozenset(file)

    def __getitem__(self, name: str) -> Any:
        """Return a matrix (None if the model has none), or a dictionary of them by session.

        Raises
        ------
        DataError
            There is no matrix of that name in any model.
        """
        if name not in self._read:
            if name in KEYS:
                self._read[name] = self._array(KEYS[name])
            elif name in KEYS_BY_DATASET:
                arrays = {
                    d: self._array(KEYS_BY_DATASET[name].format(d)) for d in self.dataset_names
                }
                self._read[name] = {d: a for d, a in arrays.items() if a is not None}
            else:
                raise DataError(f"there is no such matrix; there are {', '.join(self.NAMES)}",
                                field=name)  # fmt: skip
        return self._read[name]

    def __getattr__(self, name: str) -> Any:
        if name in KEYS or name in KEYS_BY_DATASET:
            return self[name]
        raise AttributeError(f"TrainedParams has no {name!r}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.NAMES]

    def _array(self, key: str) -> np.ndarray | None:
        # Scopes differ between versions of the original: some lack `glm_` and `z_`.
        for candidate in (
            f"LFADS_{key}:0",
            f"LFADS_{key.removeprefix('glm_').removeprefix('z_')}:0",
        ):
            if candidate in self.keys:
                with open_hdf5(self.path) as file:
                    array = check_numbers(file[candidate], self.path)[()]
                array.flags.writeable = False
                return array
        return None

    # -------------------------------------------------------------------------------- sessions

    @property
    def num_datasets(self) -> int:
        return len(self.dataset_names)

    @property
    def num_channels_by_dataset(self) -> dict[str, int]:
        """Neurons of each session; empty where the read-out is the identity."""
        return {name: matrix.shape[1] for name, matrix in self._readouts()[0].items()}

    @property
    def num_channels_all_datasets(self) -> int:
        return sum(self.num_channels_by_dataset.values())

    def _readouts(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        for head in READOUT_HEADS:
            weights = self[f"factors_to_{head}_W"]
            if weights:
                return weights, self[f"factors_to_{head}_b"]
        return {}, {}

    @property
    def dataset_idx_concatenated(self) -> np.ndarray:
        """(all neurons,) 0-based session of each neuron of the concatenated read-out."""
        sizes = self.num_channels_by_dataset
        return np.repeat([self.dataset_names.index(name) for name in sizes], list(sizes.values()))

    @property
    def factors_to_logrates_W_concatenated(self) -> np.ndarray:  # noqa: N802
        """(factors, all neurons) read-out of all sessions' neurons."""
        return self._concatenated("factors_to_logrates_W")

    @property
    def factors_to_logrates_b_concatenated(self) -> np.ndarray:
        """(1, all neurons) biases of the read-out of all sessions' neurons."""
        return self._concatenated("factors_to_logrates_b")

    def _concatenated(self, name: str) -> np.ndarray:
        arrays = list(self[name].values())
        if not arrays:
            raise RunFolderError(
                f"{self.path} holds no read-out from factors to log rates: the factors of this "
                "run are its log rates themselves, or its outputs are not Poisson"
            )
        return np.concatenate([np.atleast_2d(array) for array in arrays], axis=1)

    def impute_rates(self, factors: np.ndarray, spike_bin_ms: float) -> np.ndarray:
        """Return the rates of all sessions' neurons in any session's trials.

        Factors are shared by the sessions of a stitched run, so the read-out of one session tells
        what its neurons would have done in the trials of another. Averaged factors give the
        exponential of the average log rate, a little below the average rate.

        Parameters
        ----------
        factors : (..., factors), such as `PosteriorMeans.factors`.
        spike_bin_ms : bin width that the run was trained with.

        Returns
        -------
        rates : (..., all neurons) in spikes/s, in the order of `dataset_idx_concatenated`.

        Raises
        ------
        DataError
            Another number of factors than the read-out has.
        """
        weights = self.factors_to_logrates_W_concatenated
        if np.shape(factors)[-1] != weights.shape[0]:
            raise DataError(
                f"has {np.shape(factors)[-1]} factors, but the run has {weights.shape[0]}",
                field="factors",
            )
        log_rates = factors @ weights + self.factors_to_logrates_b_concatenated[0]
        return np.exp(np.clip(log_rates, -_MAX_LOG_RATE, _MAX_LOG_RATE)) * (1000 / spike_bin_ms)

    # --------------------------------------------------------------------------------- meaning

    @property
    def gen_to_factors_W_normalized(self) -> np.ndarray:  # noqa: N802
        """(generator units, factors) as the model uses it: each column of length 1.

        The stored matrix is scaled so at every use (lfads_model.md 4.6).
        """
        matrix = self.gen_to_factors_W
        if matrix is None:
            raise RunFolderError(f"{self.path} lacks LFADS_gen_gen_2_fac_W:0")
        return matrix / np.linalg.norm(matrix, axis=0, keepdims=True)

    @property
    def input_prior_tau_bins(self) -> np.ndarray | None:
        """(inputs,) time constants of the prior on inferred inputs, in bins."""
        logs = self.prior_ar1_logatau
        return None if logs is None else np.exp(logs[0])

    @property
    def input_prior_variance(self) -> np.ndarray | None:
        """(inputs,) stationary variance of the prior on inferred inputs.

        The stored one is that of the innovations (lfads_model.md 4.5).
        """
        logs, tau = self.prior_ar1_logevars, self.input_prior_tau_bins
        return None if logs is None or tau is None else np.exp(logs[0]) / (1 - np.exp(-2 / tau))

    def __repr__(self) -> str:
        shapes = []
        for name in self.NAMES:
            value = self[name]
            if isinstance(value, np.ndarray):
                shapes.append(f"  .{name} {value.shape}")
            elif value:
                each = ", ".join(f"{d} {a.shape}" for d, a in value.items())
                shapes.append(f"  .{name} {{{each}}}")
        return "\n".join(
            [f"<TrainedParams of {', '.join(self.dataset_names)}: {self.path}>", *shapes]
        )


def _dataset_names(keys: Sequence[str]) -> list[str]:
    """Return the sessions that the keys name, in alphabetical order."""
    pattern = re.compile(r"LFADS_(?:glm_)?(?:x_2_infac|fac_2_[a-z]+)_(.+)\.h5_W:0")
    return sorted({match[1] for key in keys if (match := pattern.fullmatch(key))})


def _order(file: Path, found: list[str]) -> list[str]:
    """Return the sessions in the run's own order, where the folder tells it."""
    run = RunFolder(file.parent.parent)
    for path, key in ((run.run_json, "datasets"), *((p, "dataset_names") for p in _settings(run))):
        try:
            names = [str(name).removesuffix(".h5") for name in read_json(path)[key]]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if not found or set(found) == set(names):
            return names
    return found


def _settings(run: RunFolder) -> list[Path]:
    return sorted(run.output.glob("hyperparameters-*.txt"))
