"""Files of demo data, of one of two kinds; a file that is there already is not made again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.hdf5_layout import read_metadata, write_counts
from lfads_nb.datasets.lorenz import DemoRecipe, DemoSession, make_demo_session
from lfads_nb.datasets.reaching import ReachingRecipe, ReachingSession, make_reaching_session
from lfads_nb.errors import DataError

DemoKind = Literal["lorenz", "reaching"]


@dataclass(frozen=True)
class _Kind:
    """How to make sessions of one kind; raise `version` when a recipe comes to give other data."""

    recipe: type
    make: Callable[[Any, int], Any]
    extra: Callable[[Any], dict[str, Any]]
    file_stem: str
    version: int = 1


def _lorenz_arrays(session: DemoSession) -> dict[str, Any]:
    return {"W": session.W, "b": session.b, "lorenz_trajectories": session.latents}


def _reaching_arrays(session: ReachingSession) -> dict[str, Any]:
    return {"W": session.weights, "b": session.log_rates, "latents": session.latents}


_KINDS: Mapping[str, _Kind] = {
    "lorenz": _Kind(DemoRecipe, make_demo_session, _lorenz_arrays, "dataset"),
    "reaching": _Kind(ReachingRecipe, make_reaching_session, _reaching_arrays, "reaching"),
}


def generate_demo_datasets(
    path: str | os.PathLike[str],
    n_datasets: int = 3,
    *,
    kind: DemoKind = "lorenz",
    seed: int = 0,
    n_conditions: int | None = None,
    trials_per_condition: tuple[int, int] | None = None,
    channels: tuple[int, int] | None = None,
    bin_ms: float | None = None,
    duration_ms: int | None = None,
    mean_rate_hz: float | None = None,
) -> list[Path]:
    """Write sessions of made-up spikes: `dataset001.h5`, ... or `reaching001.h5`, ...

    All sessions share their conditions and dynamics and differ in neurons and trials, so that they
    can be stitched. Files that are there already and came from the same parameters are left as
    they are.

    Parameters
    ----------
    path : folder, made if it is not there; `~` is expanded.
    n_datasets : how many sessions; the first ones do not depend on it.
    kind : "lorenz", spikes driven by a chaotic Lorenz system, as the run manager's demo; or
        "reaching", a made-up motor cortex with hand velocity and position, reaction times, aborted
        trials and held-out units (see `lfads_nb.datasets.reaching`).
    seed : the same seed gives the same spikes.
    n_conditions : initial states of the Lorenz system (65), targets of the reaches (8).
    trials_per_condition, channels : lowest and highest, drawn per session ((20, 30) and (25, 35);
        reaching (28, 36) and (60, 150)).
    bin_ms : bin width in ms, a whole number (1; reaching 5); spikes are made at 1 ms and summed.
    duration_ms : length of a Lorenz trial in ms (1000).
    mean_rate_hz : geometric mean of the neurons' rates at rest, in spikes/s (5; reaching 6); their
        arithmetic mean is higher.

    Returns
    -------
    paths : the files.

    Raises
    ------
    DataError
        When a parameter makes no sense.
    """
    if kind not in _KINDS:
        raise DataError(f"is {kind!r}; there are {', '.join(_KINDS)}.", field="kind")
    made_by = _KINDS[kind]
    given = {
        "seed": int(seed),
        "n_conditions": n_conditions,
        "trials_per_condition": _pair(trials_per_condition),
        "channels": _pair(channels),
        "bin_ms": None if bin_ms is None else float(bin_ms),
        "duration_ms": None if duration_ms is None else int(duration_ms),
        "mean_rate_hz": None if mean_rate_hz is None else float(mean_rate_hz),
    }
    given = {name: value for name, value in given.items() if value is not None}
    if unknown := set(given) - {field.name for field in fields(made_by.recipe)}:
        raise DataError(f"is not a setting of {kind} data.", field=sorted(unknown)[0])
    if n_datasets < 1:
        raise DataError(f"is {n_datasets}; make at least one.", field="n_datasets")
    recipe = made_by.recipe(**given)
    folder = Path(path).expanduser()
    paths = [folder / f"{made_by.file_stem}{number + 1:03d}.h5" for number in range(n_datasets)]
    stored = {"generator": kind, "recipe": made_by.version, **asdict(recipe)}
    stored = {key: list(v) if isinstance(v, tuple) else v for key, v in stored.items()}
    for number, file in enumerate(paths):
        origin = {**stored, "number": number}
        if not _comes_from(file, origin):
            session = made_by.make(recipe, number)
            counts: Counts = session.counts
            metadata = {**counts.metadata, "generator": origin}
            write_counts(file, counts._with(metadata=metadata), extra=made_by.extra(session))
    return paths


def _pair(values: tuple[int, int] | None) -> tuple[int, int] | None:
    return None if values is None else (int(values[0]), int(values[1]))


def _comes_from(file: Path, generator: Mapping[str, Any]) -> bool:
    try:
        return file.exists() and read_metadata(file).get("generator") == generator
    except (OSError, KeyError, ValueError):
        return False
