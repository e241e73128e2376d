"""A drop-down that also steps by its arrows and by keys."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets as t


class Stepper(anywidget.AnyWidget):
    """Choose one of a row of things; `step_keys` work from anywhere in the viewer."""

    _esm = Path(__file__).parent / "stepper.js"

    label = t.Unicode("").tag(sync=True)
    options = t.List(t.Unicode()).tag(sync=True)
    index = t.Int(0).tag(sync=True)
    step_keys = t.List(t.Unicode(), ["←", "→"]).tag(sync=True)

    def show(self, options: list[str], index: int) -> None:
        """Offer these, with one of them chosen."""
        with self.hold_sync():
            self.options = options
            self.index = index

    @t.validate("index")
    def _within_options(self, proposal: t.Bunch) -> int:
        return max(0, min(int(proposal["value"]), max(len(self.options) - 1, 0)))
