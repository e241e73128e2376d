"""`RunSpec`: a named choice of datasets that one model is trained on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lfads_nb.datasets import Dataset, DatasetCollection
from lfads_nb.errors import CollectionError
from lfads_nb.plain_text import check_name

if TYPE_CHECKING:
    from lfads_nb.sweep.run import Run


class RunSpec:
    """A named subset of the datasets of one collection; several datasets make a stitched run.

    Parameters
    ----------
    name : becomes a folder's name.
    dataset_collection : where the datasets come from.
    datasets : datasets, names, patterns, indices, or a boolean mask over the collection.
    run_class : a subclass of `Run` that overrides its hooks, if you have one.

    Raises
    ------
    CollectionError
        If the name cannot be a folder, or a dataset is not in the collection.
    """

    def __init__(
        self,
        name: str,
        dataset_collection: DatasetCollection,
        datasets: Iterable[Dataset | str | int | bool] | Dataset | str,
        *,
        run_class: type[Run] | None = None,
    ) -> None:
        self.name = check_name(name, "run spec")
        self.dataset_collection = dataset_collection
        self.datasets = tuple(dataset_collection.find(datasets))
        self.run_class = run_class
        if not self.datasets:
            raise CollectionError(f"run spec {name!r} has no datasets: choose at least one")

    @property
    def dataset_names(self) -> tuple[str, ...]:
        return tuple(dataset.name for dataset in self.datasets)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RunSpec):
            return NotImplemented
        return (
            self.name == other.name
            and self.dataset_names == other.dataset_names
            and self.dataset_collection is other.dataset_collection
        )

    def __hash__(self) -> int:
        return hash((self.name, self.dataset_names))

    def __repr__(self) -> str:
        count = len(self.datasets)
        return f"<RunSpec {self.name!r} ({count} dataset{'s' if count != 1 else ''})>"
