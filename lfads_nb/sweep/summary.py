"""A collection in words: `summary.txt`, what it prints, and its table in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from lfads_nb.plain_text import plain_text
from lfads_nb.sweep.param_info import GROUPS
from lfads_nb.sweep.params import RunParams, format_value

if TYPE_CHECKING:
    from lfads_nb.sweep.run_collection import RunCollection


def summary_text(collection: RunCollection, *, brief: bool = False) -> str:
    """Describe a collection: datasets, run specs, settings with hashes and values.

    Parameters
    ----------
    collection : what to describe.
    brief : only the values that differ from their defaults, as when it is printed.
    """
    datasets = collection.dataset_collection
    lines = [
        f'RunCollection "{collection.name}" ({_count(collection.n_runs, "run")} total)',
        f'  Dataset collection "{datasets.name}" ({_count(len(datasets), "dataset")}) '
        f"in {datasets.path}",
        f"  Path: {collection.path}",
    ]
    if collection.comment:
        lines.append(f"  Comment: {collection.comment}")
    if not brief:
        lines += ["", f"  {_count(len(datasets), 'dataset')}"]
        lines += [f"  [{i} {d.name}] {d.path}" for i, d in enumerate(datasets)]
    lines += ["", f"  {_count(len(collection.params), 'parameter setting')}"]
    for i, params in enumerate(collection.params):
        label = f' "{params.name}"' if params.name else ""
        lines.append(
            f"  [{i} {params.param_name} {params.data_name}]{label} {params.differences_text()}"
        )
        if not brief:
            lines += [f"      {line}" for line in params_text(params)]
    lines += ["", f"  {_count(len(collection.run_specs), 'run spec')}"]
    for i, spec in enumerate(collection.run_specs):
        names = ", ".join(spec.dataset_names)
        lines.append(f"  [{i} {spec.name}] {_count(len(spec.datasets), 'dataset')}: {names}")
    return plain_text("\n".join(lines)) + ("" if brief else "\n")


def params_text(params: RunParams) -> list[str]:
    """Return every value of a setting, group by group."""
    info = type(params).param_info()
    lines = []
    for group in GROUPS:
        names = [name for name, item in info.items() if item.group == group]
        if names:
            lines.append(f"{group}:")
            lines += [f"  {name}: {format_value(getattr(params, name))}" for name in names]
    return lines


def summary_html(collection: RunCollection) -> str:
    """Describe a collection as an HTML table."""
    done = {run.params.param_hash: 0 for run in collection.runs}
    lost = dict(done)
    for run in collection.runs:
        done[run.params.param_hash] += run.is_done
        lost[run.params.param_hash] += run.is_done and run.folder.lacks_outputs
    n_specs = len(collection.run_specs)
    rows = "".join(
        f"<tr><td>{i}</td><td><code>{escape(p.param_name)}</code></td>"
        f"<td><code>{escape(p.data_name)}</code></td>"
        f"<td style='text-align:left'>{escape(p.differences_text())}</td>"
        f"<td>{done.get(p.param_hash, 0)} of {n_specs}"
        f"{_without_outputs(lost.get(p.param_hash, 0))}</td></tr>"
        for i, p in enumerate(collection.params)
    )
    specs = "".join(
        f"<li><code>{escape(spec.name)}</code>: {escape(', '.join(spec.dataset_names))}</li>"
        for spec in collection.run_specs
    )
    datasets = collection.dataset_collection
    return (
        f"<div><b>RunCollection {escape(collection.name)}</b>: {_count(n_specs, 'run spec')} "
        f"&times; {_count(len(collection.params), 'setting')} = "
        f"{_count(collection.n_runs, 'run')}<br>"
        f"<small>{escape(str(collection.path))} &middot; datasets from "
        f"{escape(str(datasets.path))}</small>"
        "<table><thead><tr><th></th><th>setting</th><th>data</th><th>differs from the defaults in"
        f"</th><th>runs done</th></tr></thead><tbody>{rows}</tbody></table>"
        f"<ul>{specs}</ul></div>"
    )


def _without_outputs(n: int) -> str:
    return f" ({n} without outputs: launch again)" if n else ""


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
