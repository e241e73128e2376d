"""What is asked of SLURM for each run, checked before it gets near a script."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

from lfads_nb.errors import QueueError

# None of them can end a line, quote, or be taken for something by a shell.
_ALLOWED = re.compile(r"[A-Za-z0-9_.,:@+/=\[\]()&|*%-]+")
_TIME = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")
_NAMES = {"cpus": "cpus-per-task"}
_WARN_S = 120
_SHORTEST_WARNED_S = 600


@dataclass(frozen=True)
class Slurm:
    """What each run's job asks SLURM for; what is left out is for the cluster to choose.

    Parameters
    ----------
    partition, account, qos, constraint : names on your cluster.
    time : longest duration of a job, as SLURM writes it: minutes, `hours:minutes:seconds`,
        `days-hours`. A run that needs longer goes on in the next job.
    gres : generic resources, such as `gpu:1`.
    cpus : cores of a run; its numeric libraries use as many threads.
    mem : memory of a run, such as `16G`.
    array_limit : jobs at once, at most.
    requeue : whether a job that is preempted or out of time is queued again, and goes on from its
        checkpoint.

    Raises
    ------
    QueueError
        A value cannot be what SLURM takes.
    """

    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    time: str = ""
    gres: str = ""
    cpus: int | None = None
    mem: str = ""
    array_limit: int | None = None
    requeue: bool = True

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("cpus", "array_limit"):
                if value is not None and (type(value) is not int or value < 1):
                    raise QueueError(f"{field.name} must be a number from 1 up, got {value!r}")
            elif field.name != "requeue" and not _is_plain(value):
                raise QueueError(
                    f"{field.name} cannot be {value!r}: SLURM's names and amounts have letters, "
                    "digits and signs such as : , _ - and nothing else"
                )
        if self.time and self.time not in ("UNLIMITED", "INFINITE") and self.seconds is None:
            raise QueueError(
                f"time cannot be {self.time!r}: give minutes (90), hours (4:00:00), or days (1-12)"
            )

    @property
    def seconds(self) -> int | None:
        """How long a job may take; None if that is not said."""
        found = _TIME.fullmatch(self.time)
        if found is None:
            return None
        days, *parts = found.groups()
        numbers = [int(part) for part in parts if part is not None]
        if days is not None:
            hours, minutes, seconds = [*numbers, 0, 0][:3]
            return ((int(days) * 24 + hours) * 60 + minutes) * 60 + seconds
        if len(numbers) == 1:
            return numbers[0] * 60
        if len(numbers) == 2:
            return numbers[0] * 60 + numbers[1]
        return (numbers[0] * 60 + numbers[1]) * 60 + numbers[2]

    def directives(self) -> list[str]:
        """Return the `#SBATCH` lines that say it."""
        asked: dict[str, Any] = {
            _NAMES.get(field.name, field.name): getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("array_limit", "requeue")
        }
        lines = [f"#SBATCH --{name}={value}" for name, value in asked.items() if value]
        lines.append("#SBATCH --requeue" if self.requeue else "#SBATCH --no-requeue")
        seconds = self.seconds
        if seconds is None or seconds >= _SHORTEST_WARNED_S:
            # SLURM may be up to a minute early: a short job would hear of its end at its start.
            lines.append(f"#SBATCH --signal=B:USR1@{_WARN_S}")
        return lines


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) and (not value or _ALLOWED.fullmatch(value) is not None)
