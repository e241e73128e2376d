"""`DatasetCollection`: the sessions that runs choose from, in a fixed order."""

from __future__ import annotations

import copy
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, overload

from lfads_nb.datasets.choosing import choose
from lfads_nb.datasets.dataset import Dataset
from lfads_nb.datasets.loaders import Loader
from lfads_nb.datasets.scanning import scan_folder
from lfads_nb.datasets.splitting import interleaved_split
from lfads_nb.errors import CollectionError
from lfads_nb.plain_text import plain_text

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)


class MaxBatchSize(NamedTuple):
    """How large a batch may be, so that every dataset of a collection can fill it.

    Parameters
    ----------
    compatible : the largest that TF1 LFADS accepts: it wants strictly more trials than that in
        the training and in the validation set of every dataset. 0 if there is none.
    run_manager : the largest that the run manager recommends, floor(trials / (ratio + 1)). One
        more than is legal when trials divide exactly.
    trials : trials of the smallest dataset. lfads_nb itself takes any batch size; larger ones than
        a set make one smaller batch of it.
    """

    compatible: int
    run_manager: int
    trials: int


class _BatchSettings(Protocol):
    batch_size: int
    train_to_test_ratio: int


_SHOWN_ROWS = 200


class DatasetCollection:
    """Sessions in one folder (or elsewhere), under distinct names.

    Parameters
    ----------
    path : folder that the datasets' paths are relative to; `~` is expanded.
    name : the collection's name; the folder's when not given.
    comment : free text.

    Examples
    --------
    >>> dc = DatasetCollection("~/lorenz_example/datasets", name="lorenz_example")
    >>> ds = dc.add("dataset001.h5")
    """

    def __init__(
        self, path: str | os.PathLike[str], name: str | None = None, *, comment: str = ""
    ) -> None:
        self.path = Path(os.path.abspath(Path(path).expanduser()))
        self.name = self.path.name if name is None else name
        self.comment = comment
        self._datasets: list[Dataset] = []

    @property
    def datasets(self) -> list[Dataset]:
        """All datasets, in the order in which they were added."""
        return list(self._datasets)

    @property
    def names(self) -> list[str]:
        """The datasets' names, in order."""
        return [dataset.name for dataset in self._datasets]

    def add(
        self,
        dataset: str | os.PathLike[str] | Dataset,
        *,
        name: str | None = None,
        loader: Loader | None = None,
        comment: str = "",
    ) -> Dataset:
        """Add a dataset; one of the same name is replaced in its place.

        Parameters
        ----------
        dataset : path relative to the collection's folder, or a `Dataset`.
        name, loader, comment : as for `Dataset`, with a path only.

        Returns
        -------
        dataset : the one that was added.

        Raises
        ------
        CollectionError
            When the name cannot be used, or the dataset belongs to another collection.
        """
        if not isinstance(dataset, Dataset):
            dataset = Dataset(None, dataset, name=name, loader=loader, comment=comment)
        if dataset.collection not in (None, self):
            raise CollectionError(
                f"dataset {dataset.name!r} belongs to collection {dataset.collection.name!r}: add "
                "its file instead, or copy the collection."
            )
        dataset.collection = self
        self._put(dataset)
        if dataset._can_peek() and not dataset.path.exists():
            _log.warning("dataset %s: there is no file %s yet", dataset.name, dataset.path)
        return dataset

    def _put(self, dataset: Dataset) -> None:
        if dataset in self._datasets:
            return
        if dataset.name in self.names:
            place = self.names.index(dataset.name)
            _log.info("dataset %s replaces the one of the same name", dataset.name)
            self._datasets[place].collection = None
            self._datasets[place] = dataset
        else:
            self._datasets.append(dataset)

    def add_all(self, pattern: str = "*", *, loader: Loader | None = None) -> list[Dataset]:
        """Add every file in the folder that matches a pattern and has a known format.

        Parameters
        ----------
        pattern : like `*.mat` or `2024*`; `**/*.h5` looks into subfolders.
        loader : loads these files; they may then have any format.

        Returns
        -------
        datasets : those that were added, sorted by name with numbers in numeric order.

        Raises
        ------
        CollectionError
            When two files would have the same name, or the folder is not there.
        """
        found = scan_folder(self.path, pattern)
        for file in found:
            if loader is None and file.problem:
                _log.info("left out %s: %s", file.path.name, file.problem)
        files = [file.path for file in found if loader is not None or not file.problem]
        new = [Dataset(None, file.relative_to(self.path), loader=loader) for file in files]
        first: dict[str, Dataset] = {}
        for dataset in new:
            if (other := first.setdefault(dataset.name, dataset)) is not dataset:
                raise CollectionError(
                    f"{other.rel_path} and {dataset.rel_path} would both be dataset "
                    f"{dataset.name!r}: choose by a narrower pattern, or add them one by one under "
                    "other names."
                )
        known = set(self.names)  # looked at once: there may be thousands
        for dataset in new:
            if dataset.name in known:
                self.add(dataset)
            else:
                dataset.collection = self
                self._datasets.append(dataset)
        return new

    def find(self, which: Any = None) -> list[Dataset]:
        """Find datasets.

        Parameters
        ----------
        which : names, patterns with `*`, `?` or `[...]`, indices, datasets, or several of these;
            or a mask with one bool per dataset; None finds all.

        Raises
        ------
        CollectionError
            When any of them is not in the collection; the message lists all that are missing.
        """
        return choose(self._datasets, which, owner=f"dataset collection {self.name!r}")

    def match(self, names: Sequence[str]) -> list[Dataset]:
        """Find datasets by exact name, in the order of `names`.

        Raises
        ------
        CollectionError
            When any is not in the collection.
        """
        missing = [name for name in names if name not in self]
        if missing:
            raise CollectionError(
                f"dataset collection {self.name!r} has no {', '.join(map(repr, missing))}; it has "
                f"{', '.join(self.names) or 'no datasets'}."
            )
        return [self._datasets[self.names.index(name)] for name in names]

    def filter(self, keep: Callable[[Dataset], bool] | Any) -> list[Dataset]:
        """Keep only some datasets, in place; nothing on disk is touched.

        Parameters
        ----------
        keep : function of a dataset, or whatever `find` takes.

        Returns
        -------
        removed : the datasets that are no longer in the collection.
        """
        chosen = list(filter(keep, self._datasets)) if callable(keep) else self.find(keep)
        return self.remove([dataset for dataset in self._datasets if dataset not in chosen])

    def filter_having_minimum_trials(self, n_trials: int) -> list[Dataset]:
        """Keep datasets of at least `n_trials` trials; returns those removed."""
        return self.filter(lambda dataset: dataset.n_trials >= n_trials)

    def filter_for_batch_size(
        self, params: _BatchSettings | Iterable[_BatchSettings]
    ) -> list[Dataset]:
        """Keep datasets with enough trials for the batch sizes of all these settings.

        Parameters
        ----------
        params : settings with `batch_size` and `train_to_test_ratio`.

        Returns
        -------
        removed : datasets with fewer than batch_size x (ratio + 1) trials for any setting.
        """
        settings = list(params) if isinstance(params, Iterable) else [params]
        needed = max(
            (math.ceil(p.batch_size * (p.train_to_test_ratio + 1)) for p in settings), default=0
        )
        return self.filter_having_minimum_trials(needed)

    def remove(self, which: Any) -> list[Dataset]:
        """Take datasets out of the collection (see `find`); nothing on disk is touched."""
        removed = self.find(which)
        self._datasets = [dataset for dataset in self._datasets if dataset not in removed]
        for dataset in removed:
            dataset.collection = None
        return removed

    def clear(self) -> None:
        """Take all datasets out of the collection; nothing on disk is touched."""
        self.remove(None)

    def load_info(self, *, reload: bool = False, full: bool = False) -> None:
        """Load every dataset's description; the first that cannot be read raises `DataError`."""
        for dataset in self._datasets:
            dataset.load_info(reload=reload, full=full)

    def info_table(self, *, reload: bool = False, full: bool = False) -> pd.DataFrame:
        """Describe all datasets in a table; what is wrong with one does not stop the others.

        Parameters
        ----------
        reload, full : as for `Dataset.load_info`.

        Returns
        -------
        table : a row per dataset (index: names) with columns subject, date, save_tags, trials,
            channels, bins, bin_ms, conditions, mean_rate_hz, and problem, which is empty if the
            dataset can be used.
        """
        from lfads_nb.datasets.info_table import info_table

        return info_table(self._datasets, reload=reload, full=full)

    def max_batch_size(self, train_to_test_ratio: int = 4) -> MaxBatchSize:
        """How large a batch can be for all datasets; see `MaxBatchSize` for whose limits.

        Raises
        ------
        CollectionError
            When there are no datasets.
        """
        if not self._datasets:
            raise CollectionError(f"dataset collection {self.name!r} has no datasets yet.")
        smallest = min(dataset.n_trials for dataset in self._datasets)
        split = interleaved_split(smallest, train_to_test_ratio)
        return MaxBatchSize(
            compatible=min(len(split.train), len(split.valid)) - 1,
            run_manager=smallest // (train_to_test_ratio + 1),
            trials=smallest,
        )

    def copy(self) -> DatasetCollection:
        """Copy the collection with its datasets; files are shared."""
        other = copy.copy(self)
        other._datasets = []
        for dataset in self._datasets:
            twin = copy.copy(dataset)
            twin.collection = None
            other.add(twin)
        return other

    def to_json(self) -> dict[str, Any]:
        """Plain values from which `from_json` makes the collection again."""
        return {
            "path": str(self.path),
            "name": self.name,
            "comment": self.comment,
            "datasets": [dataset.to_json() for dataset in self._datasets],
        }

    @classmethod
    def from_json(
        cls, content: Mapping[str, Any], *, folder: Path | None = None
    ) -> DatasetCollection:
        """Make the collection that `to_json` described; its files need not be there.

        Parameters
        ----------
        content : what `to_json` gave.
        folder : the run collection whose file this is, which trust in own code is given for.

        Raises
        ------
        CollectionError
            When the content is damaged, or a dataset is of a subclass that cannot be imported.
        """
        path, name, datasets = content.get("path"), content.get("name"), content.get("datasets")
        if not isinstance(path, str) or "\0" in path or not isinstance(name, str):
            raise CollectionError("the dataset collection has no path and name that could be one")
        if not isinstance(datasets, list):
            raise CollectionError("the dataset collection has no list of datasets")
        collection = cls(path, plain_text(name), comment=plain_text(content.get("comment", "")))
        for dataset in datasets:
            collection.add(Dataset.from_json(dataset, folder=folder))
        return collection

    def __len__(self) -> int:
        return len(self._datasets)

    def __iter__(self) -> Iterator[Dataset]:
        return iter(self.datasets)

    def __contains__(self, dataset: object) -> bool:
        return dataset in self._datasets or dataset in self.names

    @overload
    def __getitem__(self, which: str | int) -> Dataset: ...

    @overload
    def __getitem__(self, which: slice) -> list[Dataset]: ...

    def __getitem__(self, which: str | int | slice) -> Dataset | list[Dataset]:
        if isinstance(which, slice):
            return self._datasets[which]
        if isinstance(which, str):
            return self.match([which])[0]
        return self._datasets[which]

    def __repr__(self) -> str:
        lines = [
            f'{type(self).__name__} "{self.name}"',
            f"  {len(self)} dataset{'' if len(self) == 1 else 's'} in {self.path}",
            *(f"  [{i:2d}] {dataset!r}" for i, dataset in enumerate(self._datasets)),
        ]
        return plain_text("\n".join(lines))

    def _repr_html_(self) -> str:
        from lfads_nb.datasets.info_table import info_table

        shown = self._datasets[:_SHOWN_ROWS]
        table = info_table(shown, only_cheap=True) if shown else None
        n_more = len(self) - len(shown)
        return (
            f"<b>{type(self).__name__} &ldquo;{escape(self.name)}&rdquo;</b><br>"
            f"<small>{len(self)} dataset{'' if len(self) == 1 else 's'} in "
            f"{escape(str(self.path))}</small>"
            + (table.to_html(escape=True, na_rep="") if table is not None else "")
            + (f"<small>... and {n_more} more: info_table() lists all</small>" if n_more else "")
        )
