"""How a population gets into the queue: its driver as one entry, each turn as another.

The driver's entry takes no device; the turns' entries name their driver, so that what is asked of
the population (pause, cancel, priority) reaches them too.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from lfads_nb.queue.batches import LaunchOptions
from lfads_nb.queue.home import HOME_VARIABLE, QueueHome
from lfads_nb.queue.packing import TURN_PACK_RUNNER
from lfads_nb.sweep.folders import PopulationFolder, RunFolder

DRIVER = "lfads_nb.queue.population_runner"
TURN_RUNNER = "lfads_nb.queue.turn_runner"
MEMBERS_VARIABLE = "LFADS_NB_MEMBERS"
"""Environment variable that says how the members' turns are to be launched."""


def is_population(folder: RunFolder) -> bool:
    """Whether a folder is a population's."""
    return PopulationFolder(folder.path).population_json.exists()


def member_options(options: LaunchOptions, *, share_gpus: bool) -> LaunchOptions:
    """Return how a population's turns are launched, from how the population is."""
    runner, pack_runner = options.runner, options.pack_runner
    return replace(
        options,
        runner=TURN_RUNNER if runner == LaunchOptions.runner else runner,
        pack_runner=TURN_PACK_RUNNER if pack_runner == LaunchOptions.pack_runner else pack_runner,
        one_task_per_gpu=options.one_task_per_gpu and not share_gpus,
    )


def driver_options(options: LaunchOptions, home: QueueHome, *, share_gpus: bool) -> LaunchOptions:
    """Return how a population's driver is launched: here, without a device, for this very queue."""
    members = asdict(member_options(options, share_gpus=share_gpus))
    told = {MEMBERS_VARIABLE: json.dumps(members), HOME_VARIABLE: str(home.path.parent)}
    return replace(
        options, runner=DRIVER, drives=True, cluster=None,
        environment={**options.environment, **told},
    )  # fmt: skip
