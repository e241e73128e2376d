"""The turns of a population's members, given to the queue."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lfads_nb.queue.batches import LaunchOptions
from lfads_nb.queue.home import QueueHome
from lfads_nb.queue.launching import queue_folders
from lfads_nb.queue.population_launch import MEMBERS_VARIABLE, member_options
from lfads_nb.queue.reading import StatusReader
from lfads_nb.queue.status import RunStatus
from lfads_nb.sweep.folders import PopulationFolder, RunFolder


class QueuedTurns:
    """Gives turns to the queue.

    Parameters
    ----------
    population : its folder.
    options : of each launch.
    """

    def __init__(self, population: PopulationFolder, options: LaunchOptions) -> None:
        self._options = replace(options, driver=str(population.path), template=None)
        self._template = options.template
        self._readers: dict[Path, StatusReader] = {}

    @classmethod
    def from_environment(
        cls, population: PopulationFolder, environment: Mapping[str, str] = os.environ
    ) -> QueuedTurns:
        """Launch as the population's launch asked for."""
        told = json.loads(environment.get(MEMBERS_VARIABLE, "{}"))
        options = (
            LaunchOptions.from_json(told)
            if told
            else member_options(LaunchOptions(), share_gpus=True)
        )
        return cls(population, options)

    def start(self, members: Sequence[RunFolder]) -> None:
        """Queue the members; each takes the turn that its folder asks for."""
        self._launch(members, self._options)

    def start_run(self, run: RunFolder) -> None:
        """Queue the winner as an ordinary run."""
        ordinary = replace(
            self._options,
            runner=LaunchOptions.runner,
            pack_runner=LaunchOptions.pack_runner,
            template=self._template,
        )
        self._launch([run], ordinary)

    def _launch(self, folders: Sequence[RunFolder], options: LaunchOptions) -> None:
        absolute = [RunFolder(folder.path.absolute()) for folder in folders]
        queue_folders(absolute, QueueHome.find(), options)

    def state(self, member: RunFolder) -> RunStatus:
        """Return where a member is; its file is read when it has changed."""
        reader = self._readers.get(member.path)
        if reader is None:
            reader = self._readers[member.path] = StatusReader([member])
        return reader.read()[0]
