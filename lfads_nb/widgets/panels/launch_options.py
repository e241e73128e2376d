"""The options of a launch: where to run, and the rest folded away, as its defaults suit most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as w

from lfads_nb.errors import QueueError
from lfads_nb.queue.slurm.remembered import is_at_hand, remembered
from lfads_nb.sweep.halving import SCORES, Halving
from lfads_nb.widgets.panels.slurm_form import SlurmForm
from lfads_nb.widgets.theme import row, stack, text_box

HERE, SLURM = "here", "slurm"


class LaunchOptions(w.VBox):
    """What the run manager's queue could be told, under its meaning."""

    def __init__(self) -> None:
        self.gpu_list = text_box("GPUs", width="200px", hint="all; or 0, 2")
        self.at_once = text_box("Runs at once", width="230px", hint="as many as fit")
        self.memory = text_box("GPU memory per run (MB)", width="280px", hint="estimated")
        self.shared = _tick("several runs on one GPU, as memory allows")
        self.pack = text_box("Runs in one program (JAX)", width="300px", hint="auto; or no, 8")
        self.rerun = _tick("train afresh what is done")
        self.more_epochs = w.BoundedIntText(
            0, 0, 10**6, description="More epochs for what is done",
            layout=w.Layout(width="280px"), style={"description_width": "initial"},
        )  # fmt: skip
        self.sample_only = _tick("only sample and export again, with the trained weights")
        self.retries = w.BoundedIntText(
            0, 0, 20, description="Retries after a failure", layout=w.Layout(width="220px"),
            style={"description_width": "initial"},
        )  # fmt: skip
        self.halving = _tick("stop runs early that are behind (successive halving)")
        self.factor = w.BoundedIntText(
            3, 2, 100, description="One goes on of", layout=w.Layout(width="180px"),
            style={"description_width": "initial"},
        )  # fmt: skip
        self.first_rung = text_box("First look after epochs", width="270px", hint="ramps and 25")
        self.score = w.Dropdown(
            options=[(words, name) for name, words in SCORES.items()], description="by",
            layout=w.Layout(width="230px"), style={"description_width": "initial"},
        )  # fmt: skip
        self.go_on = _tick("go on with what was stopped early")
        self.where = w.Dropdown(
            options=[("this machine", HERE), ("SLURM, as a job array", SLURM)],
            value=SLURM if is_at_hand() and remembered() else HERE, description="Run on",
            layout=w.Layout(width="260px"), style={"description_width": "initial"},
        )  # fmt: skip
        self.slurm = SlurmForm()
        self._halving_row = row(self.factor, self.score, self.first_rung)
        self.halving.observe(lambda _change: self._show_halving(), "value")
        self._show_halving()
        self._of_this_machine = (
            row(self.gpu_list, self.at_once, self.memory, self.retries), row(self.pack),
            self.shared,
        )  # fmt: skip
        self.where.layout.display = "" if is_at_hand() else "none"
        self.where.observe(lambda _change: self._show_where(), "value")
        self._show_where()
        fold = w.Accordion(
            [
                stack(
                    *self._of_this_machine[:2],
                    row(self.shared, self.rerun, self.sample_only, self.more_epochs),
                    row(self.halving, self._halving_row, self.go_on),
                )
            ],
            selected_index=None,
        )
        fold.set_title(0, "Launch options …")
        super().__init__([self.where, self.slurm, fold])

    def on_change(self, callback: Callable[[], Any]) -> None:
        """Have a function called when an option changes what would be launched."""
        for widget in (self.rerun, self.sample_only, self.more_epochs, self.go_on):
            widget.observe(lambda _change: callback(), "value")

    @property
    def takes_what_is_done(self) -> bool:
        """Whether runs that are done would be launched too."""
        return self.rerun.value or self.sample_only.value or self.more_epochs.value > 0

    @property
    def takes_what_was_stopped_early(self) -> bool:
        """Whether runs that were stopped early would be launched too."""
        return self.rerun.value or self.go_on.value

    @property
    def is_for_slurm(self) -> bool:
        """Whether runs are to be submitted to SLURM."""
        return self.where.value == SLURM

    def _show_where(self) -> None:
        self.slurm.layout.display = "" if self.is_for_slurm else "none"
        for widget in self._of_this_machine:
            widget.layout.display = "none" if self.is_for_slurm else ""

    def _show_halving(self) -> None:
        self._halving_row.layout.display = "" if self.halving.value else "none"

    def values(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, as `launch` takes them.

        Raises
        ------
        QueueError
            If a number is none.
        """
        found: dict[str, Any] = {
            "rerun": self.rerun.value,
            "more_epochs": self.more_epochs.value,
            "mode": "posterior_mean_only" if self.sample_only.value else "",
            "go_on": self.go_on.value,
        }
        if self.halving.value:
            first = int(_number(self.first_rung)) if self.first_rung.value.strip() else 0
            found["halving"] = Halving(self.factor.value, first, self.score.value)
        if self.is_for_slurm:
            found["slurm"] = self.slurm.value
            return {name: value for name, value in found.items() if value}
        found["retries"] = self.retries.value
        if self.gpu_list.value.strip():
            found["gpu_list"] = _whole_numbers(self.gpu_list)
        if self.at_once.value.strip():
            found["max_tasks_simultaneously"] = max(int(_number(self.at_once)), 1)
        if self.memory.value.strip():
            found["gpu_memory_required"] = _number(self.memory)
        chosen = {name: value for name, value in found.items() if value}
        if self.pack.value.strip() not in ("", "auto"):
            chosen["pack"] = 0 if self.pack.value.strip() == "no" else int(_number(self.pack))
        return {**chosen, "one_task_per_gpu": False} if self.shared.value else chosen


def _number(box: w.Text) -> float:
    try:
        value = float(box.value)
    except ValueError:
        value = 0
    if not value > 0:
        raise QueueError(f"{box.description}: give a number above 0, not {box.value!r}")
    return value


def _whole_numbers(box: w.Text) -> list[int]:
    try:
        return [int(part) for part in box.value.split(",")]
    except ValueError:
        raise QueueError(
            f"{box.description}: give their numbers, such as 0, 2, not {box.value!r}"
        ) from None


def _tick(text: str) -> w.Checkbox:
    return w.Checkbox(False, description=text, indent=False, layout=w.Layout(width="auto"))
