"""How posterior means show themselves at a prompt and in a notebook."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from lfads_nb.results.output_fields import FIELDS

if TYPE_CHECKING:
    from lfads_nb.results.posterior_means import PosteriorMeans


def describe(pm: PosteriorMeans) -> str:
    """Return what there is, in a few lines."""
    lines = [f"<PosteriorMeans {pm.name}>"]
    lines += [f"  {label}: {value}" for label, value in _summary(pm)]
    lines += [f"  .{name} {shape} {unit}".rstrip() for name, shape, unit, _ in _rows(pm)]
    return "\n".join(lines)


def describe_html(pm: PosteriorMeans) -> str:
    """Return the same as an HTML table."""
    facts = "; ".join(
        f"{html.escape(label)}: {html.escape(value)}" for label, value in _summary(pm)
    )
    rows = "".join(
        f"<tr><td style='text-align:left'><code>{name}</code></td>"
        f"<td style='text-align:left'>{html.escape(shape)}</td><td>{html.escape(unit)}</td>"
        f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
        for name, shape, unit, text in _rows(pm)
    )
    return (
        f"<div><b>PosteriorMeans {html.escape(pm.name)}</b><br>{facts}"
        "<table><thead><tr><th>array</th><th style='text-align:left'>shape</th><th>unit</th>"
        f"<th style='text-align:left'>what it is</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _summary(pm: PosteriorMeans) -> list[tuple[str, str]]:
    used = {s: int((pm.splits == s).sum()) for s in ("train", "valid", "test")}
    counted = ", ".join(f"{n} {split}" for split, n in used.items() if n)
    time = pm.time_ms
    facts = [
        ("kind", pm.kind),
        ("trials", f"{pm.n_trials} ({counted})"),
        ("bins", f"{pm.n_bins} of {pm.bin_ms:g} ms, {time[0]:g} to {time[-1] + pm.bin_ms:g} ms"),
    ]
    if not pm.is_valid:
        facts.append(("incomplete", "some trials have no outputs yet and are NaN"))
    return facts


def _rows(pm: PosteriorMeans) -> list[tuple[str, str, str, str]]:
    rows = []
    for name in pm.stored_fields:
        field = FIELDS[name]
        sizes = zip(field.axes, pm.field(name).shape, strict=True)
        shape = " x ".join(f"{size} {_AXIS_NAMES[axis]}" for axis, size in sizes)
        unit = pm.rate_unit if field.per_second else field.unit
        rows.append((name, f"({shape})", unit, field.description))
    return rows


_AXIS_NAMES = {
    "trial": "trials", "time_ms": "bins", "neuron": "neurons", "factor": "factors",
    "input": "inputs", "external_input": "external inputs", "generator_unit": "units",
    "ic": "dims",
}  # fmt: skip
