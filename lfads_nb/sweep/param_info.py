"""What there is to say about a hyperparameter beyond its value.

A field of `RunParams` is declared once, with `param(...)`. The form, the validation, the hashes,
the template notebook and the tables in the docs are all made from that one declaration.
"""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field
from pydantic.fields import FieldInfo

from lfads_nb.sweep.hashing import MatlabType

Tier = Literal["common", "occasional", "rare"]
Affects = Literal["data", "params", "nothing"]
Kind = Literal["int", "float", "bool", "text", "choice", "other"]

GROUPS = (
    "data", "training", "regularization", "external inputs", "controller", "encoders",
    "generator", "factors", "output", "stitching", "posterior", "logistics", "debug", "own",
)  # fmt: skip

_BOUNDS = ("ge", "gt", "le", "lt")


@dataclass(frozen=True)
class ParamInfo:
    """One hyperparameter as declared.

    `affects` says which hash the value enters: "data" (both hashes), "params" (only the run's) or
    "nothing". `legacy` is the run manager's property name ("" for a parameter that it never had)
    and `matlab_type` the class that it held the value in.
    """

    name: str
    kind: Kind
    default: Any
    description: str
    unit: str
    group: str
    tier: Tier
    legacy: str
    matlab_type: MatlabType
    affects: Affects
    choices: tuple[str, ...]
    optional: bool
    minimum: float | None
    minimum_allowed: bool
    maximum: float | None
    maximum_allowed: bool

    @property
    def legal_range(self) -> str:
        """The legal values in words, such as `a whole number, at least 0`."""
        kinds = {"int": "a whole number", "float": "a number", "bool": "true or false"}
        text = kinds.get(self.kind, "text" if self.kind == "text" else "a value")
        if self.choices:
            text = "one of " + ", ".join(repr(choice) for choice in self.choices)
        if self.minimum is not None:
            text += f", {'at least' if self.minimum_allowed else 'above'} {self.minimum:g}"
        if self.maximum is not None:
            text += f", {'at most' if self.maximum_allowed else 'below'} {self.maximum:g}"
        return text + (", or None" if self.optional else "")


def param(
    default: Any,
    description: str,
    *,
    group: str,
    tier: Tier = "rare",
    unit: str = "",
    legacy: str = "",
    matlab_type: MatlabType = "double",
    affects: Affects = "params",
    **bounds: Any,
) -> Any:
    """Declare a field of `RunParams` (or of a subclass).

    Parameters
    ----------
    default, description, unit : what the form shows.
    group : one of `GROUPS`.
    tier : how often it is tuned; the form folds "occasional" and "rare" away.
    legacy, matlab_type : the run manager's property; they enter the hash.
    affects : which hash the value enters, see `ParamInfo`.
    **bounds : `ge`, `gt`, `le`, `lt`.
    """
    extra: dict[str, Any] = {
        "group": group,
        "tier": tier,
        "unit": unit,
        "legacy": legacy,
        "matlab_type": matlab_type,
        "affects": affects,
    }
    return Field(default, description=description, json_schema_extra=extra, **bounds)


def describe_field(name: str, field: FieldInfo) -> ParamInfo:
    """Read a field's declaration; a subclass's plain field gets the run manager's defaults.

    A property that a user adds without a word about it affects both hashes (features.md C6).
    """
    declared = field.json_schema_extra
    extra: dict[str, Any] = dict(declared) if isinstance(declared, dict) else {}
    annotation, optional = _without_none(field.annotation)
    choices = typing.get_args(annotation) if typing.get_origin(annotation) is Literal else ()
    bounds = {
        bound: getattr(constraint, bound)
        for constraint in field.metadata
        for bound in _BOUNDS
        if getattr(constraint, bound, None) is not None
    }
    kind: Kind = "choice" if choices else _KINDS.get(annotation, "other")
    return ParamInfo(
        name=name,
        kind=kind,
        default=field.default,
        description=field.description or "",
        unit=extra.get("unit", ""),
        group=extra.get("group", "own"),
        tier=extra.get("tier", "common"),
        legacy=extra.get("legacy", ""),
        matlab_type=extra.get("matlab_type", _MATLAB_TYPES[kind]),
        affects=extra.get("affects", "data"),
        choices=choices,
        optional=optional,
        minimum=bounds.get("ge", bounds.get("gt")),
        minimum_allowed="ge" in bounds,
        maximum=bounds.get("le", bounds.get("lt")),
        maximum_allowed="le" in bounds,
    )


_KINDS: dict[Any, Kind] = {int: "int", float: "float", bool: "bool", str: "text"}
_MATLAB_TYPES: dict[str, MatlabType] = {
    "int": "double", "float": "double", "bool": "logical", "text": "char", "choice": "char",
    "other": "cell",
}  # fmt: skip


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        rest = [a for a in typing.get_args(annotation) if a is not type(None)]
        if len(rest) == 1:
            return rest[0], True
    return annotation, False
