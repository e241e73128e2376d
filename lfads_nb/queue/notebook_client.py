"""Papermill's way to execute a notebook, with bounds to what its cells may say."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine

from lfads_nb.queue.output_limits import CellOutputs, shorten_text

ENGINE = "lfads_nb"


class LimitedEngine(Engine):
    """Executes a notebook in a kernel whose manager is given."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        start_timeout: float,
        input_path: Any = None,  # noqa: ARG003  papermill gives it to every engine
        **options: Any,
    ) -> None:
        """Execute the cells; see `nbclient.NotebookClient` for the options."""
        client = LimitedClient(
            nb_man, kernel_name=kernel_name, startup_timeout=start_timeout, **options
        )
        client.execute()


class LimitedClient(PapermillNotebookClient):
    """Keeps the outputs of every cell within the bounds of `CellOutputs`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limits: dict[int, CellOutputs] = {}

    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> NotebookNode | None:
        """Take in one output of a cell."""
        content = msg["content"]
        if msg["msg_type"] == "stream":
            content["text"] = shorten_text(content["text"])
        elif msg["msg_type"] == "error":
            content["evalue"] = shorten_text(content["evalue"])
            content["traceback"] = [shorten_text(line) for line in content["traceback"]]
        out = super().output(outs, msg, display_id, cell_index)
        if out is not None:
            limits = self._limits.setdefault(cell_index, CellOutputs(outs))
            self._move_displays(cell_index, limits.added(out))
        return out

    def clear_output(self, outs: list[NotebookNode], msg: dict[str, Any], cell_index: int) -> None:
        """Forget the outputs of a cell."""
        super().clear_output(outs, msg, cell_index)
        self._limits.pop(cell_index, None)

    def _move_displays(self, cell_index: int, new_places: dict[int, int]) -> None:
        """Have displays that are updated later found where they stand now."""
        if not new_places:
            return
        for places in self._display_id_map.values():
            if cell_index in places:
                old = places[cell_index]
                places[cell_index] = [new_places[place] for place in old if place in new_places]
