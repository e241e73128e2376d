"""The script that does what was clicked: the same collection in a few lines of the public API."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from lfads_nb.datasets import Dataset, DatasetCollection
from lfads_nb.datasets.dataset import StoredDataset
from lfads_nb.datasets.loaders import loader_to_json
from lfads_nb.references import reference_to
from lfads_nb.sweep import RunCollection, RunParams, RunSpec, grid
from lfads_nb.sweep.stored_params import StoredParams
from lfads_nb.sweep.stored_run import StoredRun

_WIDTH = 96


def script_of(collection: RunCollection) -> str:
    """Return Python code that makes the same collection, prepares and launches it.

    Where its own code is not trusted here, it is a comment that says so: what that code would be
    called with is not known without it.
    """
    if _has_untrusted_code(collection):
        return "# It names Python code that is not trusted here: the script follows once it is.\n"
    lines = _dataset_lines(collection.dataset_collection)
    lines += [
        "",
        f"rc = RunCollection({str(collection.root)!r}, {collection.name!r}, dc)",
        *(line for _, own in groupby(collection.params, type) for line in _params_lines(list(own))),
        *_spec_lines(collection),
        "",
        "rc.prepare()",
        "queue = rc.launch()",
        "queue.wait()",
    ]
    return "\n".join([*_import_lines(collection), "", *lines]) + "\n"


def _has_untrusted_code(collection: RunCollection) -> bool:
    return (
        any(isinstance(params, StoredParams) for params in collection.params)
        or any(isinstance(dataset, StoredDataset) for dataset in collection.dataset_collection)
        or any(
            spec.run_class is not None and issubclass(spec.run_class, StoredRun)
            for spec in collection.run_specs
        )
    )


def _import_lines(collection: RunCollection) -> list[str]:
    names = ["DatasetCollection", "RunCollection", "RunParams", "RunSpec"]
    lines = [f"from lfads_nb import {', '.join(names)}"]
    own: set[type] = {type(p) for p in collection.params if type(p) is not RunParams}
    own |= {type(d) for d in collection.dataset_collection if type(d) is not Dataset}
    own |= {s.run_class for s in collection.run_specs if s.run_class is not None}
    for cls in sorted(own, key=lambda cls: cls.__qualname__):
        lines.append(_import_of(reference_to(cls), cls.__qualname__))
    loaders = [c for d in collection.dataset_collection if (c := loader_to_json(d.loader))]
    references = {content["function"] for content in loaders}
    lines += [_import_of(reference, "the loader") for reference in sorted(references, key=str)]
    if any(content["keywords"] for content in loaders):
        lines.insert(0, "from functools import partial\n")
    return lines


def _import_of(reference: str | None, what: str) -> str:
    if reference is None:
        return f"# {what} was typed into a notebook: bring its definition here"
    module, name = reference.split(":")
    return f"from {module} import {name}"


def _loader_text(content: dict[str, Any]) -> str:
    if content["function"] is None:
        return "your_loader"
    name = content["function"].split(":")[1]
    if not content["keywords"]:
        return name
    return f"partial({', '.join([name, *_arguments(content['keywords'])])})"


def _dataset_lines(datasets: DatasetCollection) -> list[str]:
    lines = [f"dc = DatasetCollection({str(datasets.path)!r}, name={datasets.name!r})"]
    for dataset in datasets:
        lines.append(_dataset_line(dataset))
    return lines


def _dataset_line(dataset: Dataset) -> str:
    path = dataset.rel_path.as_posix()
    extras = []
    if dataset.name != dataset.rel_path.stem.replace(",", "_"):
        extras.append(f"name={dataset.name!r}")
    if content := loader_to_json(dataset.loader):
        extras.append(f"loader={_loader_text(content)}")
    if dataset.comment:
        extras.append(f"comment={dataset.comment!r}")
    inside = ", ".join([repr(path), *extras])
    if type(dataset) is Dataset:
        return f"dc.add({inside})"
    return f"dc.add({type(dataset).__name__}(None, {inside}))"


def _params_lines(settings: Sequence[RunParams]) -> list[str]:
    """Write settings of one class as one sweep where they are a full grid, else one by one."""
    cls = type(settings[0]).__name__
    own = [params.non_defaults() for params in settings]
    shared = {k: v for k, v in own[0].items() if all(k in o and o[k] == v for o in own)}
    varying = _varying(settings, shared)
    if len(settings) > 1 and _is_grid(settings, varying):
        swept = _arguments(varying)
        return [
            f"par = {_call(cls, _arguments(shared))}",
            f"rc.add_params({_call('par.sweep', swept)})",
        ]
    lines = [f"par = {_call(cls, _arguments(shared))}"]
    for params in settings:
        changes = {k: v for k, v in params.non_defaults().items() if k not in shared}
        made = _call("par.copy", _arguments(changes)) if changes else "par"
        lines.append(f"rc.add_params({made})")
    return lines


def _varying(settings: Sequence[RunParams], shared: dict[str, Any]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for params in settings for name in params.non_defaults())
    return {
        name: list(dict.fromkeys(getattr(params, name) for params in settings))
        for name in names
        if name not in shared
    }


def _is_grid(settings: Sequence[RunParams], varying: dict[str, list[Any]]) -> bool:
    if math.prod(len(values) for values in varying.values()) != len(settings):
        return False
    made = grid(settings[0], varying)
    return [params.set_values() for params in made] == [p.set_values() for p in settings]


def _spec_lines(collection: RunCollection) -> list[str]:
    return [_spec_line(spec, collection) for spec in collection.run_specs]


def _spec_line(spec: RunSpec, collection: RunCollection) -> str:
    everything = list(spec.dataset_names) == collection.dataset_collection.names
    names = "dc.names" if everything and len(spec.datasets) > 1 else repr(list(spec.dataset_names))
    extra = f", run_class={spec.run_class.__qualname__}" if spec.run_class is not None else ""
    return f"rc.add_run_spec(RunSpec({spec.name!r}, dc, {names}{extra}))"


def _arguments(values: dict[str, Any]) -> list[str]:
    return [f"{name}={value!r}" for name, value in values.items()]


def _call(function: str, arguments: list[str]) -> str:
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= _WIDTH:
        return line
    inside = "".join(f"    {argument},\n" for argument in arguments)
    return f"{function}(\n{inside})"
