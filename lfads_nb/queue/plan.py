"""Which run starts where, and why the others wait: decided from plain facts, without any clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from lfads_nb.queue.devices import Device

# How far behind runs that do not fit now a smaller one is looked for.
LOOK_AHEAD = 200


@dataclass(frozen=True)
class Wish:
    """A run that wants to start. `memory_mb` tells its need on a kind of device."""

    run: str
    batch: str
    memory_mb: Callable[[str], float]
    gpu_list: tuple[int, ...] | None = None
    alone: bool = True
    max_of_batch: int | None = None


@dataclass(frozen=True)
class Occupant:
    """A run that is on a device; `unclaimed_mb` is what it has asked for and not yet taken."""

    device: str
    batch: str
    alone: bool
    unclaimed_mb: float = 0.0


@dataclass(frozen=True)
class Plan:
    """The runs to start now, each with its device, and why those looked at must wait."""

    starts: list[tuple[Wish, Device]] = field(default_factory=list)
    waits: dict[str, str] = field(default_factory=dict)


def make_plan(
    wishes: Iterable[Wish], devices: Sequence[Device], occupants: Sequence[Occupant]
) -> Plan:
    """Give free devices to the first runs that fit, in their order.

    A run takes the device with the fewest runs, of those the one with the most free memory. One
    that does not fit lets smaller ones pass.
    """
    room = _Room(devices, occupants)
    plan = Plan()
    for looked_at, wish in enumerate(wishes):
        if room.is_full or looked_at >= LOOK_AHEAD:
            break
        device, reason = room.find(wish)
        if device is None:
            plan.waits[wish.run] = reason
        else:
            room.give(device, wish)
            plan.starts.append((wish, device))
    return plan


class _Room:
    """What is free while a plan is made."""

    def __init__(self, devices: Sequence[Device], occupants: Sequence[Occupant]) -> None:
        self._devices = devices
        self._tasks = Counter(occupant.device for occupant in occupants)
        self._batches = Counter(occupant.batch for occupant in occupants)
        self._taken_alone = {occupant.device for occupant in occupants if occupant.alone}
        pools = {device.key: device.pool for device in devices}
        self._free = {device.pool: device.free_mb for device in devices}
        for occupant in occupants:
            if occupant.device in pools:
                self._free[pools[occupant.device]] -= occupant.unclaimed_mb

    @property
    def is_full(self) -> bool:
        return not any(self._has_slot(device) for device in self._devices)

    def _has_slot(self, device: Device) -> bool:
        return self._tasks[device.key] < device.slots and device.key not in self._taken_alone

    def find(self, wish: Wish) -> tuple[Device | None, str]:
        if wish.max_of_batch is not None and self._batches[wish.batch] >= wish.max_of_batch:
            return None, f"{wish.max_of_batch} runs of its launch are running, its limit"
        allowed = [d for d in self._devices if wish.gpu_list is None or d.index in wish.gpu_list]
        if not allowed:
            return None, f"none of its GPUs ({_numbers(wish.gpu_list)}) is on this machine now"
        free = [d for d in allowed if self._has_slot(d) and not (wish.alone and self._tasks[d.key])]
        if not free:
            return None, f"waits for {_names(allowed)}"
        fitting = [d for d in free if wish.memory_mb(d.kind) <= self._free[d.pool]]
        if not fitting:
            return None, self._too_small(wish, free)
        best = min(fitting, key=lambda d: (self._tasks[d.key], -self._free[d.pool]))
        return best, ""

    def _too_small(self, wish: Wish, devices: list[Device]) -> str:
        largest = max(devices, key=lambda d: self._free[d.pool])
        has = "has" if largest.kind == "gpu" else "memory has"
        name = largest.label if largest.kind == "gpu" else "the machine's"
        return (
            f"needs {gigabytes(wish.memory_mb(largest.kind))}, {name} {has} "
            f"{gigabytes(max(0.0, self._free[largest.pool]))} free"
        )

    def give(self, device: Device, wish: Wish) -> None:
        self._tasks[device.key] += 1
        self._batches[wish.batch] += 1
        self._free[device.pool] -= wish.memory_mb(device.kind)
        if wish.alone:
            self._taken_alone.add(device.key)


def never_fits(wish: Wish, devices: Sequence[Device]) -> str:
    """Say with the numbers why a run can never start on these devices; "" if it can."""
    allowed = [d for d in devices if wish.gpu_list is None or d.index in wish.gpu_list]
    if not allowed:
        there = _numbers([d.index for d in devices if d.index is not None]) or "none"
        return f"gpu_list asks for GPU {_numbers(wish.gpu_list)}, and the GPUs here are: {there}"
    largest = max(allowed, key=lambda d: d.total_mb)
    needed = wish.memory_mb(largest.kind)
    if needed <= largest.total_mb:
        return ""
    where = f"the largest device ({largest.label}, {largest.name})"
    return (
        f"needs {gigabytes(needed)} of memory, and {where} has {gigabytes(largest.total_mb)} in all"
    )


def gigabytes(megabytes: float) -> str:
    return f"{megabytes / 1024:.1f} GB"


def _names(devices: Sequence[Device]) -> str:
    if any(device.kind == "cpu" for device in devices):
        return "a free place on the processor"
    return "a free GPU" if len(devices) > 1 else f"{devices[0].label} to be free"


def _numbers(indices: Sequence[int | None] | None) -> str:
    return ", ".join(str(index) for index in indices or ())
