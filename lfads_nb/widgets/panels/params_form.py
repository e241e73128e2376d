"""The form of every hyperparameter, made from their declarations.

It is one widget that builds itself in the browser: five hundred core widgets would take seconds.
It knows no rule: what is typed goes to the kernel as text, problems come back as text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from lfads_nb.sweep import ParamInfo, RunParams
from lfads_nb.sweep.param_info import GROUPS
from lfads_nb.widgets.panels.field_values import value_text
from lfads_nb.widgets.panels.sweep_draft import SWEEP_KINDS
from lfads_nb.widgets.theme import CSS

_HIDDEN_GROUPS = {"debug"}  # only their defaults are legal
_HIDDEN = {"version"}  # set by the collection


class ParamsForm(anywidget.AnyWidget):
    """A field for each hyperparameter.

    `values` holds the text of each field that was changed, `sweeps` how a field is swept (the
    attributes of `FieldSweep`), `problems` what is wrong with a field. `edit` counts what was typed
    in the page, which keeps it against older answers; `filled` counts calls of `fill`.
    """

    _esm = Path(__file__).with_name("params_form.js")
    _css = CSS
    fields = t.List(t.Dict()).tag(sync=True)
    values = t.Dict().tag(sync=True)
    sweeps = t.Dict().tag(sync=True)
    problems = t.Dict().tag(sync=True)
    edit = t.Int(0).tag(sync=True)
    filled = t.Int(0).tag(sync=True)
    max_height = t.Unicode("640px").tag(sync=True)

    def __init__(self, params_class: type[RunParams] = RunParams, **traits: Any) -> None:
        super().__init__(fields=describe_fields(params_class), **traits)

    def fill(self, values: dict[str, str], sweeps: dict[str, Any]) -> None:
        """Put this into the form, in place of whatever is typed there."""
        with self.hold_sync():
            self.sweeps, self.values = sweeps, values
            self.filled += 1


def describe_fields(params_class: type[RunParams]) -> list[dict[str, Any]]:
    """Describe the fields of a class for the form, group by group."""
    shown = [
        info
        for info in params_class.param_info().values()
        if info.group not in _HIDDEN_GROUPS and info.name not in _HIDDEN
    ]
    order = {group: place for place, group in enumerate(GROUPS)}
    # a user's own parameters are what they came for
    order["own"] = -1
    return [
        _describe(info)
        for info in sorted(shown, key=lambda info: order.get(info.group, len(order)))
    ]


def _describe(info: ParamInfo) -> dict[str, Any]:
    default = value_text(info.default)
    facts = f"default {default or ('none' if info.optional else 'empty')}{_bounds(info)}"
    kinds = list(SWEEP_KINDS) if info.kind in ("int", "float") else ["list"]
    return {
        "name": info.name,
        "kind": info.kind,
        "choices": ["true", "false"] if info.kind == "bool" else list(info.choices),
        "default": default,
        "unit": info.unit,
        "group": info.group,
        "tier": info.tier if info.group != "own" else "common",
        "description": info.description.replace("`", ""),
        "facts": facts,
        "legacy": info.legacy,
        "tags": _tags(info),
        "sweep_kinds": [] if info.kind == "other" or info.name == "name" else kinds,
    }


def _bounds(info: ParamInfo) -> str:
    """Say the bounds that mean something; those of the run manager's integer types do not."""
    text = ""
    if info.minimum is not None:
        text += f" · {'at least' if info.minimum_allowed else 'above'} {info.minimum:g}"
    if info.maximum is not None and info.maximum < 2**16 - 1:
        text += f" · {'at most' if info.maximum_allowed else 'below'} {info.maximum:g}"
    return text + (" · may be empty" if info.optional else "")


def _tags(info: ParamInfo) -> list[str]:
    if info.affects == "data":
        return ["changes the data"]
    return ["changes no hash"] if info.affects == "nothing" else []
