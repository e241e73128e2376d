"""What stands in the form: one value or a sweep for each field, and the settings that it makes.

Pure: text in, settings and problems in words out. The panel shows both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from lfads_nb.datasets import DatasetInfo
from lfads_nb.errors import ParamsError
from lfads_nb.sweep import ParamInfo, ParamProblem, Range, RunParams, check_params, draw, grid
from lfads_nb.sweep.sweeps import Draws
from lfads_nb.widgets.panels.field_values import parse_list, parse_value, value_text

SweepKind = Literal["list", "range", "log range", "random", "log random"]
SWEEP_KINDS: tuple[SweepKind, ...] = ("list", "range", "log range", "random", "log random")
MAX_SETTINGS = 2000
DRAWS: tuple[Draws, ...] = get_args(Draws)


@dataclass(frozen=True)
class FieldSweep:
    """How one field is swept, as typed: a `list`, or `low` to `high` in `n` steps or at random."""

    kind: SweepKind = "list"
    values: str = ""
    low: str = ""
    high: str = ""
    n: str = "3"

    @property
    def is_random(self) -> bool:
        return "random" in self.kind


@dataclass(frozen=True)
class SweepDraft:
    """The form's content, as typed.

    Parameters
    ----------
    values : text of every field that differs from the default.
    sweeps : fields that take several values.
    n_draws, seed, draws : of the random ones: how many, and how they are spread.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    sweeps: Mapping[str, FieldSweep] = field(default_factory=dict)
    n_draws: int = 10
    seed: int = 0
    draws: Draws = "random"

    def to_json(self) -> dict[str, Any]:
        """Plain values from which `from_json` makes it again."""
        return {
            "values": dict(self.values),
            "sweeps": {name: asdict(sweep) for name, sweep in self.sweeps.items()},
            "n_draws": self.n_draws,
            "seed": self.seed,
            "draws": self.draws,
        }

    @classmethod
    def from_json(cls, content: Any, names: Iterable[str]) -> SweepDraft:
        """Make it again; what does not fit the fields of today is left out."""
        known = set(names)
        if not isinstance(content, dict):
            return cls()
        try:
            draws: Draws = next((d for d in DRAWS if d == content.get("draws")), "random")
            return cls(
                {k: str(v) for k, v in content["values"].items() if k in known},
                {k: FieldSweep(**v) for k, v in content["sweeps"].items() if k in known},
                int(content["n_draws"]),
                int(content["seed"]),
                draws,
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls()

    @classmethod
    def of(cls, params: RunParams) -> SweepDraft:
        """Fill the form with a setting."""
        return cls({name: value_text(value) for name, value in params.non_defaults().items()})


@dataclass(frozen=True)
class DraftResult:
    """What a draft makes.

    Parameters
    ----------
    settings : every setting, none if anything is wrong.
    n_settings : how many there would be, as far as can be told.
    problems : field -> what is wrong with it, errors first.
    general : what is wrong with no field in particular.
    swept : fields that are swept, with their values in words.
    """

    settings: list[RunParams]
    n_settings: int
    problems: dict[str, list[ParamProblem]]
    general: list[str]
    swept: dict[str, str]

    @property
    def errors(self) -> list[str]:
        """Every reason why nothing can be added, in words."""
        found = [
            f"{name}: {problem.message}"
            for name, listed in self.problems.items()
            for problem in listed
            if problem.severity == "error"
        ]
        return [*self.general, *found]


class _Problems:
    """Collects problems by field."""

    def __init__(self) -> None:
        self.by_field: dict[str, list[ParamProblem]] = {}
        self.general: list[str] = []

    def add(self, problem: ParamProblem) -> None:
        listed = self.by_field.setdefault(problem.field, [])
        if problem not in listed:
            listed.append(problem)
            listed.sort(key=lambda item: item.severity)

    def error(self, name: str, message: str) -> None:
        self.add(ParamProblem(name, message))


def read_draft(
    draft: SweepDraft,
    params_class: type[RunParams],
    runs: Sequence[Sequence[tuple[str, DatasetInfo]]] = (),
) -> DraftResult:
    """Make the settings of a draft and hold them against the datasets.

    Parameters
    ----------
    draft : what was typed.
    params_class : class of the settings.
    runs : for each model that would be trained, its datasets' names and infos.
    """
    info, problems = params_class.param_info(), _Problems()
    values = _read_values(draft, info, problems)
    listed, ranges, swept = _read_sweeps(draft, info, problems)
    n = math.prod(len(choices) for choices in listed.values()) * (draft.n_draws if ranges else 1)
    if n > MAX_SETTINGS:
        problems.general.append(
            f"{n:,} settings are more than {MAX_SETTINGS:,}: sweep over fewer values"
        )
    settings: list[RunParams] = []
    if not problems.by_field and not problems.general:
        settings = _make(draft, params_class, values, listed, ranges, problems)
    for params in settings or _without_sweeps(params_class, values):
        for datasets in runs:
            for problem in check_params(params, datasets):
                problems.add(problem)
    result = DraftResult(settings, n, problems.by_field, problems.general, swept)
    if result.errors:
        return DraftResult([], n, problems.by_field, problems.general, swept)
    return result


def _without_sweeps(
    params_class: type[RunParams], values: Mapping[str, Any]
) -> Sequence[RunParams]:
    """Return what can be checked against the data all the same while something else is wrong."""
    try:
        return [params_class(**values)]
    except ParamsError:
        return []


def _read_values(
    draft: SweepDraft, info: Mapping[str, ParamInfo], problems: _Problems
) -> dict[str, Any]:
    values = {}
    for name, text in draft.values.items():
        if name in draft.sweeps:
            continue
        try:
            values[name] = parse_value(info[name], text)
        except ParamsError as error:
            problems.error(name, str(error))
    return values


def _read_sweeps(
    draft: SweepDraft, info: Mapping[str, ParamInfo], problems: _Problems
) -> tuple[dict[str, list[Any]], dict[str, Range], dict[str, str]]:
    listed: dict[str, list[Any]] = {}
    ranges: dict[str, Range] = {}
    words = {}
    for name, sweep in draft.sweeps.items():
        try:
            if sweep.kind == "list":
                listed[name] = parse_list(info[name], sweep.values)
            elif sweep.is_random:
                ranges[name] = _range(info[name], sweep)
                words[name] = f"{sweep.kind} from {sweep.low} to {sweep.high}"
            else:
                listed[name] = _steps(info[name], sweep)
        except ParamsError as error:
            problems.error(name, str(error))
        if name in listed:
            words[name] = ", ".join(value_text(value) for value in listed[name])
    return listed, ranges, words


def _range(info: ParamInfo, sweep: FieldSweep) -> Range:
    if info.kind not in ("int", "float"):
        raise ParamsError("only numbers have a range: give a list of values")
    ends = []
    for text, what in ((sweep.low, "lowest"), (sweep.high, "highest")):
        if not text.strip():
            raise ParamsError(f"give the {what} value of the range")
        ends.append(parse_value(info, text))
    return Range(float(ends[0]), float(ends[1]), log="log" in sweep.kind)


def _steps(info: ParamInfo, sweep: FieldSweep) -> list[Any]:
    try:
        n = int(sweep.n)
    except ValueError:
        raise ParamsError(f"the number of values must be a whole number, not {sweep.n!r}") from None
    if not 1 <= n <= MAX_SETTINGS:
        raise ParamsError(f"the number of values must be 1 to {MAX_SETTINGS}, not {n}")
    values = _range(info, sweep).values(n)
    if info.kind == "int":
        return list(dict.fromkeys(round(value) for value in values))
    return [float(f"{value:.6g}") for value in values]


def _make(
    draft: SweepDraft,
    params_class: type[RunParams],
    values: Mapping[str, Any],
    listed: Mapping[str, list[Any]],
    ranges: Mapping[str, Range],
    problems: _Problems,
) -> list[RunParams]:
    try:
        settings = _combine(params_class(**values), listed)
        if ranges:
            settings = [
                s
                for p in settings
                for s in draw(p, draft.n_draws, ranges, seed=draft.seed, draws=draft.draws)
            ]
    except ParamsError as error:
        names = [n for n in params_class.model_fields if re.search(rf"\b{n}\b", str(error))]
        concerned = [n for n in names if n in values or n in listed or n in ranges] or names
        for name in concerned:
            problems.error(name, str(error))
        if not concerned:
            problems.general.append(str(error))
        return []
    return list({params.param_hash: params for params in settings}.values())


def _combine(params: RunParams, listed: Mapping[str, list[Any]]) -> list[RunParams]:
    return grid(params, listed) if listed else [params]
