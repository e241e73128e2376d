"""What a collection is made of: settings, populations and run specs, put in and found again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from lfads_nb.datasets import DatasetCollection
from lfads_nb.datasets.choosing import choose
from lfads_nb.errors import CollectionError
from lfads_nb.own_code import hand_over, is_reading
from lfads_nb.plain_text import check_name
from lfads_nb.references import Kind
from lfads_nb.sweep.params import RunParams
from lfads_nb.sweep.population import Population
from lfads_nb.sweep.run_spec import RunSpec

log = logging.getLogger(__name__)
Item = TypeVar("Item")


class CollectionContents:
    """Settings, populations and run specs under a name; see `RunCollection`, which has the runs.

    Parameters
    ----------
    name : the collection's; it must be fit for a folder.
    dataset_collection : where the run specs choose from.
    params, run_specs, populations : to start with.
    comment : a note of your own.
    """

    def __init__(
        self,
        name: str,
        dataset_collection: DatasetCollection,
        *,
        params: Iterable[RunParams] = (),
        run_specs: Iterable[RunSpec] = (),
        populations: Iterable[Population] = (),
        comment: str = "",
    ) -> None:
        self.name = check_name(name, "run collection")
        self.dataset_collection = dataset_collection
        self.comment = comment
        self.params: list[RunParams] = []
        self.run_specs: list[RunSpec] = []
        self.populations: list[Population] = []
        self._used_here: set[tuple[Kind, type]] = set()
        self.add_params(params)
        self.add_run_spec(run_specs)
        self.add_population(populations)

    def _make_runs(self) -> None:
        """Follow a change of settings or run specs; a collection on disk makes its runs again."""

    # -------------------------------------------------------------------------------- changing

    def add_params(self, params: RunParams | Iterable[RunParams]) -> None:
        """Add settings; one with the same hash is replaced (in place, with a warning)."""
        for item in [params] if isinstance(params, RunParams) else list(params):
            if not isinstance(item, RunParams):
                raise CollectionError(f"add_params takes RunParams, got {item!r}")
            if type(item) is not RunParams:
                self._note_use("params", type(item))
            _put(self.params, item, key=lambda p: p.param_hash)
        self._make_runs()

    def add_run_spec(self, run_spec: RunSpec | Iterable[RunSpec]) -> None:
        """Add run specs; one with the same name is replaced (in place, with a warning).

        Raises
        ------
        CollectionError
            If a spec chooses from another dataset collection.
        """
        for item in [run_spec] if isinstance(run_spec, RunSpec) else list(run_spec):
            if not isinstance(item, RunSpec):
                raise CollectionError(f"add_run_spec takes RunSpecs, got {item!r}")
            if item.dataset_collection is not self.dataset_collection:
                raise CollectionError(
                    f"run spec {item.name!r} chooses from another dataset collection than "
                    f"{self.name!r}: make it with the same DatasetCollection object"
                )
            if item.run_class is not None:
                self._note_use("run", item.run_class)
            _put(self.run_specs, item, key=lambda s: s.name)
        self._make_runs()

    def _note_use(self, kind: Kind, own_class: type) -> None:
        """Take note of a class of the user's own, unless a file named it."""
        if not is_reading():
            hand_over(kind, own_class)
            self._used_here.add((kind, own_class))

    def add_population(self, population: Population | Iterable[Population]) -> None:
        """Add populations, one for each run spec; one with the same hash is replaced."""
        for item in [population] if isinstance(population, Population) else list(population):
            if not isinstance(item, Population):
                raise CollectionError(f"add_population takes Populations, got {item!r}")
            if type(item.base) is not RunParams:
                self._note_use("params", type(item.base))
            _put(self.populations, item, key=lambda p: p.hash)

    def clear_populations(self) -> None:
        """Forget all populations; nothing on disk is touched."""
        self.populations.clear()

    def clear_params(self) -> None:
        """Forget all settings; nothing on disk is touched."""
        self.params.clear()
        self._make_runs()

    def clear_run_specs(self) -> None:
        """Forget all run specs; nothing on disk is touched."""
        self.run_specs.clear()
        self._make_runs()

    def clear_all(self) -> None:
        """Forget all settings, populations and run specs; nothing on disk is touched."""
        self.clear_params()
        self.clear_populations()
        self.clear_run_specs()

    def filter_params(self, keep: Callable[[RunParams], bool] | Sequence[Any]) -> None:
        """Keep the settings that a function, a mask, or names, hashes or indices choose."""
        self.params = _filtered(self.params, keep, self.find_params)
        self._make_runs()

    def filter_run_specs(self, keep: Callable[[RunSpec], bool] | Sequence[Any]) -> None:
        """Keep the run specs that a function, a mask, or names or indices choose."""
        self.run_specs = _filtered(self.run_specs, keep, self.find_run_specs)
        self._make_runs()

    # --------------------------------------------------------------------------------- finding

    def find_params(self, wanted: Any = None) -> list[RunParams]:
        """Find settings by object, index, hash, `param_` name or label, or a list of these.

        Raises
        ------
        CollectionError
            If one is not there; the message lists what is.
        """
        if wanted is None:
            return list(self.params)
        return [self._find_one_setting(w) for w in ([wanted] if is_one(wanted) else wanted)]

    def _find_one_setting(self, wanted: Any) -> RunParams:
        if isinstance(wanted, int | np.integer):
            if -len(self.params) <= wanted < len(self.params):
                return self.params[wanted]
        else:
            for params in self.params:
                if wanted == params or wanted in (params.param_hash, params.param_name):
                    return params
            labelled = [params for params in self.params if params.name and params.name == wanted]
            if len(labelled) == 1:
                return labelled[0]
        there = ", ".join(params.param_name for params in self.params) or "none yet"
        raise CollectionError(f"{self.name!r} has no setting {wanted!r}; it has {there}.")

    def find_run_specs(self, wanted: Any = None) -> list[RunSpec]:
        """Find run specs by object, index, name or pattern, or a list of these.

        Raises
        ------
        CollectionError
            If one is not there; the message lists what is.
        """
        return choose(self.run_specs, wanted, owner=repr(self.name))


def _put(items: list[Item], item: Item, key: Callable[[Item], str]) -> None:
    for place, there in enumerate(items):
        if key(there) == key(item):
            if there is not item:
                log.warning("%r replaces the one with the same name", item)
            items[place] = item
            return
    items.append(item)


def is_one(wanted: Any) -> bool:
    return isinstance(wanted, str | int | np.integer | RunParams | RunSpec)


def _filtered(items: list[Item], keep: Any, find: Callable[[Any], list[Item]]) -> list[Item]:
    if callable(keep):
        return [item for item in items if keep(item)]
    chosen = list(keep)
    if chosen and all(isinstance(c, bool | np.bool_) for c in chosen):
        if len(chosen) != len(items):
            raise CollectionError(f"a mask over {len(items)} needs as many values: {len(chosen)}")
        return [item for item, kept in zip(items, chosen, strict=True) if kept]
    return find(chosen)
