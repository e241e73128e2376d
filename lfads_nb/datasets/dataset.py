"""`Dataset`: one session, as a name and a file, whose spikes are loaded on request."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.datasets.loaders import Loader, loader_from_json, loader_to_json
from lfads_nb.datasets.readers import peek_info, read_counts
from lfads_nb.errors import CollectionError, DataError
from lfads_nb.imports import import_reference, reference_to

if TYPE_CHECKING:
    from lfads_nb.datasets.collection import DatasetCollection

_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f:*?\"<>|]")
# The longest file name made of it is model_runs_<name>.h5_valid_posterior_sample_and_average, and
# file systems stop at 255 bytes.
_LONGEST_NAME = 180


class Dataset:
    """One session of a collection.

    Parameters
    ----------
    collection : the collection to join, or None. An equal name there is replaced.
    path : the data file, relative to the collection's folder or absolute.
    name : the session's name, which becomes part of file names and of the names of weights, so
        keep it; the file's stem with `,` turned to `_` when not given.
    loader : function from path to `Counts`, for formats that lfads_nb does not know.
    comment : free text.

    Notes
    -----
    For another source of spikes, pass a `loader` or override `load_counts` in a subclass; for
    other trials or another time window in the alignment of sessions, override
    `load_alignment_counts`. A subclass that lives in a module and keeps this signature comes back
    when a collection is opened again.

    Raises
    ------
    CollectionError
        When the name cannot be used in file names.
    """

    def __init__(
        self,
        collection: DatasetCollection | None,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        loader: Loader | None = None,
        comment: str = "",
    ) -> None:
        self.rel_path = Path(path).expanduser()
        self.name = check_dataset_name(
            self.rel_path.stem.replace(",", "_") if name is None else name
        )
        self.loader = loader
        self.comment = comment
        self.collection: DatasetCollection | None = None
        self._info: DatasetInfo | None = None
        self._info_of: tuple[int, int] | None = None
        if collection is not None:
            collection.add(self)

    @property
    def path(self) -> Path:
        """Absolute path of the data file."""
        folder = self.collection.path if self.collection is not None else Path.cwd()
        return folder / self.rel_path

    @property
    def single_run_name(self) -> str:
        """Name of the run spec that holds this dataset alone: `single_<name>`."""
        return f"single_{self.name}"

    @property
    def index(self) -> int | None:
        """Place in the collection, None if it is in none."""
        return self.collection.names.index(self.name) if self.collection is not None else None

    def load_counts(self) -> Counts:
        """Load the spikes, with all that goes along with them, at their raw bin width.

        Raises
        ------
        DataError
            When the file cannot be read or its content does not fit.
        """
        if self.loader is None:
            counts = read_counts(self.path)
        else:
            counts = self._load_by_loader(self.loader)
        self._remember(DatasetInfo.from_counts(counts))
        return counts.renamed(self.name)

    def _load_by_loader(self, loader: Loader) -> Counts:
        try:
            counts = loader(self.path)
        except DataError as error:
            if error.dataset is not None:
                raise
            raise DataError(str(error), dataset=self.name) from error
        if not isinstance(counts, Counts):
            raise DataError(
                f"its loader returned a {type(counts).__name__}; it must return Counts.",
                dataset=self.name,
            )
        return counts

    def load_alignment_counts(self) -> Counts | None:
        """Load other spikes for aligning sessions only; None means "the same" (the default).

        Override to align on correct trials only, for example, or on another time window.
        """
        return None

    def load_info(self, *, reload: bool = False, full: bool = False) -> DatasetInfo:
        """Describe the dataset, without reading its spikes where the format allows.

        Parameters
        ----------
        reload : ask the file again, even if it seems unchanged.
        full : read the spikes if that is what it takes to know the mean rate.

        Raises
        ------
        DataError
            When the file cannot be read or its content does not fit.
        """
        known = None if reload else self.known_info
        if known is not None and not (full and known.mean_rate_hz is None):
            return known
        if self._can_peek() and not full:
            return self._remember(peek_info(self.path))
        return self._remember(DatasetInfo.from_counts(self.load_counts()))

    @property
    def known_info(self) -> DatasetInfo | None:
        """The description as far as it was read before and the file did not change since."""
        return self._info if self._info_of == self._file_state() else None

    @property
    def has_cheap_info(self) -> bool:
        """Whether the description can be had without reading the spikes."""
        return self.known_info is not None or self._can_peek()

    def _can_peek(self) -> bool:
        return self.loader is None and type(self).load_counts is Dataset.load_counts

    def _remember(self, info: DatasetInfo) -> DatasetInfo:
        self._info, self._info_of = info, self._file_state()
        return info

    def _file_state(self) -> tuple[int, int] | None:
        try:
            state = self.path.stat()
        except OSError:
            return None
        return state.st_mtime_ns, state.st_size

    @property
    def info(self) -> DatasetInfo:
        """The dataset's description, read when first asked for or when the file has changed."""
        return self.load_info()

    @property
    def n_trials(self) -> int:
        """Number of trials."""
        return self.info.n_trials

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.info.n_channels

    def to_json(self) -> dict[str, Any]:
        """Plain values from which `from_json` makes the dataset again."""
        content = {
            "name": self.name,
            "path": self.rel_path.as_posix(),
            "comment": self.comment,
            "loader": loader_to_json(self.loader),
        }
        if type(self) is not Dataset:
            content["class"] = reference_to(type(self))
            content["class_was"] = type(self).__qualname__
        return content

    @classmethod
    def from_json(
        cls, content: Mapping[str, Any], collection: DatasetCollection | None = None
    ) -> Dataset:
        """Make the dataset that `to_json` described; its file need not be there.

        Raises
        ------
        CollectionError
            When it is of a subclass that cannot be imported.
        """
        return _class_of(content, default=cls)(
            collection,
            content["path"],
            name=content["name"],
            loader=loader_from_json(content["loader"]),
            comment=content["comment"],
        )

    def __repr__(self) -> str:
        return f'{type(self).__name__} "{self.name}" ({self.rel_path})'


def _class_of(content: Mapping[str, Any], default: type[Dataset]) -> type[Dataset]:
    if "class" not in content:
        return default
    if content["class"] is None:
        raise CollectionError(
            f"dataset {content['name']!r} is a {content['class_was']}, a class that was typed into "
            "a notebook: put it into a module and make the collection again."
        )
    return import_reference(content["class"], "dataset class")


def check_dataset_name(name: str) -> str:
    """Return a dataset's name if file names can be made of it.

    Raises
    ------
    CollectionError
        When it is empty, too long, not text that files can have, or holds `/ \\ : * ? " < > |`.
    """
    try:
        n_bytes = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        raise CollectionError(_bad_name(name, "is not valid text")) from None
    if not name.strip():
        raise CollectionError(_bad_name(name, "is empty"))
    if n_bytes > _LONGEST_NAME:
        raise CollectionError(
            _bad_name(name[:40] + "...", f"has {n_bytes} bytes, more than {_LONGEST_NAME}")
        )
    if name != name.strip() or name.startswith("."):
        raise CollectionError(_bad_name(name, "starts or ends with a blank or starts with a dot"))
    if found := _UNSAFE.search(name):
        raise CollectionError(_bad_name(name, f"holds {found.group()!r}"))
    return name


def _bad_name(name: str, why: str) -> str:
    return (
        f"the dataset name {name!r} {why}. It becomes part of file names: rename the file, or give "
        "the dataset another name (name=...)."
    )
