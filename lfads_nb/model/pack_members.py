"""The members of a pack and their common epochs, each ended by its own rules.

What they are is in `packs.py` (whole runs) and `turn_packs.py` (turns of a population's members).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, cast

import keras

from lfads_nb.errors import LfadsError
from lfads_nb.model.pack_models import MemberModel, Pack
from lfads_nb.model.training import Training

log = logging.getLogger(__name__)


class PackMember:
    """One training of a pack and how it goes.

    Parameters
    ----------
    training : from `set_up_pack`
    on_end : told once how it ended, as soon as it has.
    """

    def __init__(self, training: Training, on_end: Callable[[Any], None] | None) -> None:
        self.training, self._on_end = training, on_end
        self.model = cast(MemberModel, training.model)
        self.callbacks: list[keras.callbacks.Callback] = []
        self.failure: Exception | None = None

    def was_over(self) -> bool:
        """Whether it had ended before this pack."""
        raise NotImplementedError

    def outcome(self) -> Any:
        """Return how it ended, an exception if that ended it."""
        raise NotImplementedError

    def finish(self) -> None:
        """Do what is left to do once it has ended; nothing here."""

    @property
    def is_active(self) -> bool:
        return self.failure is None and not self.was_over() and not self.model.stop_training

    def attempt(self, what: Callable[..., None], *args: Any) -> None:
        """Do something of which an error ends this member only."""
        try:
            what(*args)
        except (LfadsError, OSError) as error:
            self.failure = error
            log.warning("%s left its pack: %s", self.training.run.path, error)

    def call(self, hook: str, *args: Any) -> None:
        """Call a hook of all callbacks, in their order."""
        for callback in self.callbacks:
            getattr(callback, hook)(*args)

    def end_epoch(self, logs: dict[str, float]) -> None:
        """Let the callbacks act on an epoch's figures."""
        self.call("on_train_batch_end", len(self.training.batches) - 1)
        self.call("on_epoch_end", self.training.state.epoch, logs)

    def tell_end(self) -> None:
        """Tell how it ended, once, if it has."""
        if self._on_end is not None and not self.is_active:
            on_end, self._on_end = self._on_end, None
            self.finish()
            on_end(self.outcome())


def fit_together(members: Sequence[PackMember]) -> None:
    """Train members until each has ended by its own rules.

    Those that have ended still take part in the common steps, to no effect; when half of a pack
    has ended, it goes on with the others alone, which takes one more compilation.
    """
    present = [member for member in members if member.is_active]
    if not present:
        return
    pack = present[0].model.pack
    if [m.model.index for m in present] != list(range(len(pack.rates))):
        _shrink(pack, present)
    for member in present:
        member.attempt(member.call, "on_train_begin")
        member.tell_end()
    while any(member.is_active for member in present):
        active = [member for member in present if member.is_active]
        if len(active) <= len(present) // 2:
            present = active
            _shrink(pack, present)
        for member in active:
            member.attempt(member.call, "on_epoch_begin", member.training.state.epoch)
        logs, valid = pack.epoch()
        for member in active:
            i = member.model.index
            own = {name: float(x[i]) for name, x in logs.items()}
            own.update({f"val_{name}": float(x[i]) for name, x in valid.items()})
            member.attempt(member.end_epoch, own)
            member.tell_end()


def _shrink(pack: Pack, members: Sequence[PackMember]) -> None:
    if not members:
        return
    pack.shrink([member.model.index for member in members])
    for place, member in enumerate(members):
        member.model.index = place
