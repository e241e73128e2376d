"""What is known of runs before they are launched: their cost, advice, what stands against them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress

from lfads_nb.datasets import DatasetInfo
from lfads_nb.errors import LfadsError
from lfads_nb.queue.estimates import bytes_text, memory_mb, run_size, seconds_per_run
from lfads_nb.queue.live import duration_text
from lfads_nb.queue.plan import gigabytes
from lfads_nb.queue.status import RunStatus
from lfads_nb.sweep import Run, check_params
from lfads_nb.sweep.advice import Advice
from lfads_nb.widgets.panels.advice_box import advise_all


def cost_text(runs: Sequence[Run], statuses: Iterable[RunStatus]) -> str:
    """Say what runs will take, by their sizes and by what runs before them took; "" for none."""
    if not runs:
        return ""
    infos = infos_of(runs)
    known = [run for run in runs if infos.get(run.spec.name)]
    sizes = [(run, run_size(run.params, infos[run.spec.name])) for run in known]
    inputs = {str(run.data_folder): s.inputs for run, s in sizes if not run.is_prepared}
    disk = sum(size.outputs for _, size in sizes) + sum(inputs.values())
    memory = [memory_mb(run.params, infos[run.spec.name], "gpu") for run in known]
    parts = [f"about {bytes_text(disk)} of disk"]
    if memory:
        parts.append(f"up to {gigabytes(max(memory))} of memory for a run")
    per_run = seconds_per_run(statuses)
    parts.append(
        "time not known until a first run has ended"
        if per_run is None
        else f"about {duration_text(per_run * len(runs))} of one device's time"
    )
    return "; ".join(parts)


def advice_on(runs: Sequence[Run]) -> list[Advice]:
    """Return advice on what would be launched."""
    infos = infos_of(runs)
    groups = [
        list(zip(run.spec.dataset_names, infos[run.spec.name], strict=True))
        for run in {run.spec.name: run for run in runs}.values()
        if run.spec.name in infos
    ]
    settings = {run.params.param_hash: run.params for run in runs}
    return advise_all(list(settings.values()), groups)


def data_problems(runs: Sequence[Run]) -> list[str]:
    """Say what of the runs would crash, once for each kind of problem."""
    infos, found = infos_of(runs), Counter[str]()
    for run in runs:
        if run.spec.name not in infos:
            found[f"a dataset of {run.spec.name} cannot be read, see Datasets"] += 1
            continue
        named = list(zip(run.spec.dataset_names, infos[run.spec.name], strict=True))
        for problem in check_params(run.params, named):
            if problem.severity == "error":
                found[f"{problem.field}: {problem.message}"] += 1
    return [text + (f" (in {n} runs)" if n > 1 else "") for text, n in found.items()]


def infos_of(runs: Sequence[Run]) -> dict[str, list[DatasetInfo]]:
    """Describe the datasets of each run spec, by name, without those that cannot be read."""
    found: dict[str, list[DatasetInfo]] = {}
    for spec in {run.spec.name: run.spec for run in runs}.values():
        with suppress(LfadsError):
            found[spec.name] = [dataset.info for dataset in spec.datasets]
    return found
