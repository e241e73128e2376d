"""What the kinds of line in a plot mean, in words beside a sample of each."""

from __future__ import annotations

import html
from collections.abc import Iterable

_SAMPLES = {
    "single trial": "stroke-width='1' opacity='0.6'",
    "average": "stroke-width='3'",
    "true rate": "stroke-width='2' stroke-dasharray='6 3'",
    "smoothed data": "stroke-width='2' stroke-dasharray='1.5 3'",
    "data": "stroke-width='1.3'",
    "model": "stroke-width='3'",
    "reference": "stroke-width='1.5' stroke-dasharray='6 3'",
}
_BANDS = (
    "± s.e.m.", "± s.d. of samples", "prior ± s.d.", "mean ± s.d. of the inferred trials",
    "± s.d. of single trials",
)  # fmt: skip


_SHAPES = ("<circle cx='5' cy='5' r='3.6'/>", "<rect x='1.5' y='1.5' width='7' height='7'/>",
           "<path d='M5 0.6 9.2 8.4 0.8 8.4Z'/>")  # fmt: skip
"""Of the marks of events, as the layers draw them."""


def key_html(title: str, kinds: Iterable[str], events: Iterable[str] = ()) -> str:
    """Return a plot's title, the kinds of line in it and the events that are marked, as HTML."""
    kinds = [f"<span class='lfads-key'>{_sample(kind)}{html.escape(kind)}</span>" for kind in kinds]
    marks = [
        "<span class='lfads-key'><svg width='10' height='10' aria-hidden='true' "
        f"fill='currentColor'>{shape}</svg>{html.escape(event)}</span>"
        for shape, event in zip(_SHAPES, events, strict=False)
    ]
    heading = f"<span class='lfads-plot-title'>{html.escape(title)}</span> &nbsp; "
    return heading + "".join([*kinds, *marks])


def _sample(kind: str) -> str:
    if kind in _BANDS:
        inside = "<rect y='1' width='26' height='8' fill='currentColor' opacity='0.25'/>"
    else:
        inside = f"<path d='M0 5H26' stroke='currentColor' fill='none' {_SAMPLES[kind]}/>"
    return f"<svg width='26' height='10' aria-hidden='true'>{inside}</svg>"
