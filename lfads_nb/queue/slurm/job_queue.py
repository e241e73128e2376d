"""A population in a job: its driver, and a queue of the job's own for the members' turns.

A queue's server outlives whoever starts it; this one ends with the job, and what it computes on is
what SLURM gave to the job.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from lfads_nb.desks import KILL
from lfads_nb.errors import QueueError
from lfads_nb.queue.home import QUEUE_VARIABLE, QueueHome
from lfads_nb.queue.population_launch import MEMBERS_VARIABLE


class JobQueue:
    """The queue of one job.

    Parameters
    ----------
    job : SLURM's name for it, such as `123_4`.
    members : the options that the members' turns are launched with, as JSON takes them.
    environment : of the job's processes.
    """

    def __init__(
        self, job: str, members: Mapping[str, Any], environment: Mapping[str, str]
    ) -> None:
        self.environment = {
            **environment, QUEUE_VARIABLE: f"slurm-{job}", MEMBERS_VARIABLE: json.dumps(members),
        }  # fmt: skip
        """For the population's driver."""

    def close(self) -> None:
        """Interrupt what still runs, and leave nothing behind."""
        from lfads_nb.queue.api import Queue

        home = QueueHome.find(self.environment)
        try:
            Queue([], home=home).stop_server()
        except QueueError:
            server = home.server_process()
            if server is not None:
                server.send(KILL)  # the turns' processes see it, and stop by themselves
        with suppress(OSError):
            shutil.rmtree(home.path)
