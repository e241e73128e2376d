"""`fitlog.csv` and the console line of an epoch, as TF1 writes them (files_on_disk.md 5.6, 5.10).

Figures that TF1 did not have follow as further label/value pairs, only where their option is on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lfads_nb.atomic_files import disk_full, write_text
from lfads_nb.regular_files import open_regular


@dataclass(frozen=True)
class EpochFigures:
    """One epoch; costs in nats per trial, summed over bins and channels."""

    epoch: int
    step: int
    total: tuple[float, float]
    """Training and validation."""
    recon: tuple[float, float]
    kl: tuple[float, float]
    l2: float
    kl_weight: float
    l2_weight: float
    learning_rate: float
    extra: Mapping[str, float] = field(default_factory=dict)

    def csv_line(self) -> str:
        """Return the line of `fitlog.csv`, without its end."""
        more = "".join(f", {name},{value:.5f}" for name, value in self.extra.items())
        return (
            f"epoch,{self.epoch}, step,{self.step}, total,{_pair(self.total, ',')},"
            f"       recon,{_pair(self.recon, ',')}, kl,{_pair(self.kl, ',')}, l2,{self.l2:.5f},"
            f"       klweight,{self.kl_weight:.2f}, l2weight,{self.l2_weight:.2f}{more}"
        )

    def console_line(self) -> str:
        """Return the line for the run's log."""
        more = "".join(f", {name}: {value:.5f}" for name, value in self.extra.items())
        return (
            f"Epoch:{self.epoch}, step:{self.step} (TRAIN, VALID): "
            f"total: {_pair(self.total, ', ')}, recon: {_pair(self.recon, ', ')}, "
            f"kl: {_pair(self.kl, ', ')}, l2: {self.l2:.5f}, kl weight: {self.kl_weight:.2f}, "
            f"l2 weight: {self.l2_weight:.2f}{more}"
        )


def _pair(values: tuple[float, float], separator: str) -> str:
    return separator.join(f"{value:.2f}" for value in values)


def append_line(path: Path, figures: EpochFigures) -> None:
    """Add an epoch to a fit log, whole or not at all.

    Raises
    ------
    DiskFullError
        If there is no room for it.
    """
    line = figures.csv_line() + "\n"
    before = path.stat().st_size if path.exists() else 0
    try:
        with open_regular(path, follow_links=False, append=True) as file:
            file.write(line.encode("ascii"))
    except OSError as error:
        with suppress(OSError):
            os.truncate(path, before)
        raise disk_full(path, error, len(line)) or error from error


def cut_after(path: Path, step: int) -> None:
    """Drop the epochs after a step, whose weights were lost: training comes by them again."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="ascii").splitlines():
        parts = [part.strip() for part in line.split(",")]
        if "step" in parts and int(parts[parts.index("step") + 1]) <= step:
            kept.append(line)
    write_text(path, "".join(f"{line}\n" for line in kept))
