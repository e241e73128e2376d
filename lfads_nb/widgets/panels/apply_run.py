"""Apply a trained run to data that it was not trained on, and look at what it infers.

The model runs in a process of its own, as everything that needs TensorFlow does: the kernel that
the user clicks in stays small and free.
"""

from __future__ import annotations

import importlib
import subprocess
from collections.abc import Callable
from html import escape
from pathlib import Path

import ipywidgets as w

from lfads_nb.datasets import Dataset
from lfads_nb.errors import LfadsError, TrainingError
from lfads_nb.python_commands import module_command
from lfads_nb.sweep import Run
from lfads_nb.sweep.applying import fitting_sessions
from lfads_nb.widgets.background import Progress, TaskBar
from lfads_nb.widgets.theme import button, html, row, stack

_POLL_S = 0.2
_OTHER = "a file ..."


class ApplyRun(w.Accordion):
    """Choose data, apply the run that is looked at, and see the result in viewers of its own.

    Parameters
    ----------
    run : returns the run that is looked at, None if there is none.
    datasets : returns the collection's datasets.
    """

    def __init__(
        self, run: Callable[[], Run | None], datasets: Callable[[], list[Dataset]]
    ) -> None:
        self._run, self._datasets = run, datasets
        self.data = w.Dropdown(description="data", style={"description_width": "initial"})
        self.path = w.Text(
            placeholder="/path/to/trials.h5", description="file", continuous_update=False,
            layout=w.Layout(width="420px"),
        )  # fmt: skip
        self.session = w.Dropdown(
            description="as session", style={"description_width": "initial"},
            tooltip="Whose read-in and read-out to use",
        )  # fmt: skip
        self.apply = button("Apply", style="primary", tip="Infer rates and factors of these data")
        self.task = TaskBar()
        self._fits = html()
        self._result = stack()
        body = stack(
            html(
                '<span class="lfads-dim">Infer rates and factors of trials (of any length) or of a '
                "recording that this run was not trained on. The channels have to be the same, in "
                "the same order.</span>"
            ),
            row(self.data, self.path, self.session, self.apply),
            self._fits, self.task, self._result,
        )  # fmt: skip
        super().__init__([body], selected_index=None)
        self.set_title(0, "Apply this run to other data")
        self.add_class("lfads-apply")
        self.data.observe(lambda _change: self.check(), "value")
        self.path.observe(lambda _change: self.check(), "value")
        self.observe(lambda _change: self.offer(), "selected_index")
        self.apply.on_click(lambda _button: self._start())

    def offer(self) -> None:
        """List the collection's datasets; called when the box is opened."""
        if self.selected_index is None:
            return
        names = [*(dataset.name for dataset in self._datasets()), _OTHER]
        if list(self.data.options) != names:
            self.data.options, self.data.value = names, names[0]
        self.check()

    def check(self) -> None:
        """Say which of the run's sessions the chosen data fit."""
        is_file = self.data.value == _OTHER
        self.path.layout.display = "" if is_file else "none"
        run = self._run()
        fitting: list[str] = []
        words = "Name a file." if is_file else ""
        if run is None:
            words = "This run was stopped early and has no weights: choose one that is done."
        try:
            dataset = self._chosen()
            if run is not None and dataset is not None:
                n_channels = dataset.info.n_channels
                fitting = fitting_sessions(run, n_channels)
                words = _words(fitting, n_channels, run)
        except LfadsError as error:
            words = str(error)
        self.session.options = fitting
        self.session.layout.display = "" if len(fitting) > 1 else "none"
        self.apply.disabled = not fitting or self.task.is_busy
        self._fits.value = f'<span class="lfads-dim">{escape(words)}</span>'

    def _chosen(self) -> Dataset | None:
        if self.data.value == _OTHER:
            text = self.path.value.strip()
            return Dataset(None, text) if text else None
        return next((d for d in self._datasets() if d.name == self.data.value), None)

    def _start(self) -> None:
        run, dataset = self._run(), self._chosen()
        self.apply.disabled = True
        if run is None or dataset is None:
            return
        name = dataset.name if self.data.value != _OTHER else str(dataset.path)
        command = [
            *module_command("lfads_nb"), "infer", str(run.folder.path), name,
            "--session", str(self.session.value),
        ]  # fmt: skip
        self.task.start(
            f"Applying {run.name} to {dataset.name}",
            lambda progress: _run_process(command, progress),
            on_done=self._show,
            on_end=self.check,
        )

    def _show(self, folder: Path) -> None:
        viewers = importlib.import_module("lfads_nb.widgets.viewers").Viewers
        for old in self._result.children:
            old.close()
        self._result.children = [
            html(f"<b>What the run infers</b> <code>{escape(str(folder))}</code>"),
            viewers(folder),
        ]


def _words(fitting: list[str], n_channels: int, run: Run) -> str:
    if fitting:
        which = f"session {fitting[0]}" if len(fitting) == 1 else "sessions " + ", ".join(fitting)
        return f"{n_channels} channels: fits {which} by number; that they are the same is yours."
    have = ", ".join(f"{d.name} ({d.info.n_channels})" for d in run.datasets)
    return f"{n_channels} channels fit no session of this run: {have}."


def _run_process(command: list[str], progress: Progress) -> Path:
    """Run the command to its end, and return the folder that it names.

    Raises
    ------
    TrainingError
        It failed; with its own last words.
    """
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while True:
            try:
                out, errors = process.communicate(timeout=_POLL_S)
                break
            except subprocess.TimeoutExpired:
                progress.check()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    lines = [line for line in out.splitlines() if line.strip()]
    if process.returncode or not lines:
        said = [line for line in errors.splitlines() if line.strip()]
        raise TrainingError(said[-1] if said else f"the process ended with {process.returncode}")
    return Path(lines[-1])
