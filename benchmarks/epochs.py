"""What an epoch takes beyond its steps: our way of giving `fit` its batches beside Keras' own.

    python -m benchmarks.epochs

Ten batches of 150 trials x 100 bins x 35 channels an epoch, as the Lorenz demo has them. Both ways
take turns in one process, with the same model. Means are over epochs, for what costs much now and
then would not show in medians.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from benchmarks.step_cases import CASES
from lfads_nb.model.architecture import architecture_of
from lfads_nb.model.backend import ReadAhead
from lfads_nb.model.batches import SessionBatches
from lfads_nb.model.inputs import Session, Trials
from lfads_nb.model.lfads import Lfads
from lfads_nb.model.optimizer import ClippedAdam

BATCHES = 10


class Clock(keras.callbacks.Callback):
    """Seconds of every epoch, and of the steps in it."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[float] = []
        self.steps: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.began, self.stepped = time.perf_counter(), 0.0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.step_began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.stepped += time.perf_counter() - self.step_began

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.epochs.append(time.perf_counter() - self.began)
        self.steps.append(self.stepped)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=6, help="in a turn")
    options = parser.parse_args()

    case = CASES["100_bins"]
    counts = np.concatenate([case.counts()] * BATCHES)
    trials = Trials(counts, counts[..., :0])
    architecture = architecture_of(
        case.params, ["session"], [case.channels], case.bins, aligned=False
    )
    model = Lfads(architecture)
    model.compile(optimizer=ClippedAdam(case.params), jit_compile=False)
    session = Session("session", {"train": trials})
    batches = SessionBatches(architecture, [session], "train")
    source = ReadAhead()
    ways: dict[str, Callable[[], Any]] = {
        "ours": lambda: source.of(batches),
        "Keras' own": lambda: batches,
    }
    clocks = {name: Clock() for name in ways}
    model.fit(source.of(batches), epochs=1, verbose=0)
    for _ in range(options.turns):
        for name, source in ways.items():
            model.fit(
                source(), epochs=options.epochs, shuffle=False, verbose=0, callbacks=[clocks[name]]
            )
    for name, clock in clocks.items():
        epoch, steps = 1e3 * np.mean(clock.epochs), 1e3 * np.mean(clock.steps)
        longest = 1e3 * max(np.subtract(clock.epochs, clock.steps))
        print(
            f"{name:10}  epoch {epoch:6.0f} ms, of it steps {steps:6.0f}, "
            f"the rest {epoch - steps:5.0f} (at most {longest:.0f})"
        )
    ratio = np.mean(clocks["Keras' own"].epochs) / np.mean(clocks["ours"].epochs)
    print(f"ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
