"""What a network looks like: its widths, sessions and switches, read from the hyperparameters.

Impossible combinations of hyperparameters and data are refused here, before anything is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lfads_nb.errors import ParamsError
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.same_program import is_on


@dataclass(frozen=True)
class Architecture:
    """Everything that fixes the shapes of a network's variables.

    Parameters
    ----------
    params : RunParams
    sessions : tuple of str
        Dataset names, in the order of their indices.
    n_channels : tuple of int
        Channels of each session.
    n_bins : int
        Bins of every trial.
    has_readin : bool
        Whether counts pass a read-in matrix; only a single session without an alignment matrix
        goes without (lfads_model.md 4.1).
    searched : frozenset of str
        Hyperparameters whose values change while the network lives, see `uses`.

    Raises
    ------
    ParamsError
        The hyperparameters cannot be used with these sessions.
    """

    params: RunParams
    sessions: tuple[str, ...]
    n_channels: tuple[int, ...]
    n_bins: int
    has_readin: bool
    searched: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for problem in self.problems():
            raise ParamsError(problem)

    def problems(self) -> list[str]:
        """Say in words what cannot work; an empty list means that all is well."""
        p, problems = self.params, []
        if p.feedback_factors_or_rates == "rates" and self.n_sessions > 1:
            problems.append(
                "feedback_factors_or_rates='rates' works with one session only, but the run has "
                f"{self.n_sessions}: use 'factors'"
            )
        if p.heldout_channels >= min(self.n_channels):
            problems.append(
                f"heldout_channels={p.heldout_channels} leaves nothing to see of a session with "
                f"{min(self.n_channels)} channels"
            )
        if p.forward_prediction_bins >= self.n_bins:
            problems.append(
                f"forward_prediction_bins={p.forward_prediction_bins} leaves nothing to see of "
                f"trials with {self.n_bins} bins"
            )
        if p.inject_ext_input_to_gen and not p.ext_input_dim:
            problems.append("inject_ext_input_to_gen needs external inputs: set ext_input_dim")
        return problems

    def uses(self, name: str) -> bool:
        """Whether what a number governs is part of the network: it is on, or may come to be.

        So a run without dropout draws no masks, but a network whose `keep_prob` is searched does,
        even while it is 1.
        """
        return name in self.searched or is_on(self.params, name)

    @property
    def n_sessions(self) -> int:
        return len(self.sessions)

    @property
    def max_channels(self) -> int:
        """Width to which every session's channels are padded inside the network."""
        return max(self.n_channels)

    @property
    def n_encoded_bins(self) -> int:
        """Bins that the encoders see."""
        return self.n_bins - self.params.forward_prediction_bins

    @property
    def n_ic_bins(self) -> int:
        """Bins that the initial-condition encoder sees."""
        limit = self.params.num_steps_for_gen_ic
        return self.n_encoded_bins if limit is None else min(limit, self.n_encoded_bins)

    @property
    def encoder_inputs(self) -> int:
        """Width of what the encoders read."""
        width = self.params.factors_dim if self.has_readin else self.max_channels
        return width + (0 if self.params.inject_ext_input_to_gen else self.params.ext_input_dim)

    @property
    def injected_inputs(self) -> int:
        """External inputs that the generator reads."""
        return self.params.ext_input_dim if self.params.inject_ext_input_to_gen else 0

    @property
    def generator_inputs(self) -> int:
        """Width of what the generator reads."""
        return self.params.co_dim + self.injected_inputs

    @property
    def feedback_width(self) -> int:
        """Width of what the controller is told of the bin before."""
        if not self.params.do_feed_factors_to_controller:
            return 0
        rates = self.params.feedback_factors_or_rates == "rates"
        return self.max_channels if rates else self.params.factors_dim

    @property
    def has_readout(self) -> bool:
        """Whether factors pass a read-out matrix.

        One Poisson session with as many factors as channels takes the factors as log rates
        (lfads_model.md 4.6).
        """
        p = self.params
        plain = p.output_dist == "poisson" and p.factors_dim == self.max_channels
        return not (plain and self.n_sessions == 1)

    def session_index(self, name: str) -> int:
        """Return a session's place; refuse an unknown name.

        Raises
        ------
        ParamsError
        """
        if name not in self.sessions:
            raise ParamsError(f"no session {name!r} in this run; it has {', '.join(self.sessions)}")
        return self.sessions.index(name)


def architecture_of(
    params: RunParams,
    sessions: Sequence[str],
    n_channels: Sequence[int],
    n_bins: int,
    *,
    aligned: bool,
) -> Architecture:
    """Make the architecture of a run; `aligned` says whether it has alignment matrices."""
    return Architecture(
        params, tuple(sessions), tuple(n_channels), n_bins, len(sessions) > 1 or aligned
    )
