"""What was asked of SLURM last from this machine, as the beginning of the next form."""

from __future__ import annotations

import logging
import shutil
from dataclasses import asdict
from pathlib import Path

from lfads_nb.atomic_files import write_json
from lfads_nb.errors import QueueError
from lfads_nb.queue.processes import this_host
from lfads_nb.queue.slurm.settings import Slurm
from lfads_nb.regular_files import read_json
from lfads_nb.state_home import state_home

log = logging.getLogger(__name__)


def is_at_hand() -> bool:
    """Whether jobs can be submitted from here."""
    return shutil.which("sbatch") is not None


def remembered_file() -> Path:
    """Return where it is kept; home folders are often shared by clusters."""
    return state_home() / f"slurm-{this_host()}.json"


def remembered() -> Slurm | None:
    """Return what was asked last; None if nothing was, or nobody can tell any more."""
    try:
        return Slurm(**read_json(remembered_file()))
    except (OSError, ValueError, TypeError, QueueError):
        return None


def remember(slurm: Slurm) -> None:
    """Keep what was asked."""
    try:
        remembered_file().parent.mkdir(parents=True, exist_ok=True)
        write_json(remembered_file(), asdict(slurm))
    except OSError as error:
        log.warning("what was asked of SLURM was not kept: %s", error)
