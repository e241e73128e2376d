"""`Dataset`: one session, as a name and a file, whose spikes are loaded on request."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from lfads_nb.datasets.counts import Counts
from lfads_nb.datasets.info import DatasetInfo
from lfads_nb.datasets.loaders import Loader, StoredLoader, loader_from_json, loader_to_json
from lfads_nb.datasets.readers import peek_info, read_counts
from lfads_nb.errors import CollectionError, DataError, LfadsError, UntrustedCodeError
from lfads_nb.own_code import find_code, hand_over, is_reading, reading_files, unwrapped
from lfads_nb.plain_text import check_dataset_name, plain_text
from lfads_nb.references import Kind, check_reference, reference_to


class OwningCollection(Protocol):
    """What a dataset knows of the `DatasetCollection` that it is in."""

    path: Path
    name: str

    @property
    def names(self) -> list[str]:
        """Names of all its datasets, in order."""

    def add(self, dataset: Dataset) -> Dataset:
        """Take a dataset in; one of the same name is replaced."""


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
        collection: OwningCollection | None,
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
        self.is_from_file = is_reading()
        for kind, code in self.own_code():
            hand_over(kind, code)
        self.comment = comment
        self.collection: OwningCollection | None = None
        self._info: DatasetInfo | None = None
        self._info_of: tuple[int, int] | None = None
        if collection is not None:
            collection.add(self)

    def own_code(self) -> list[tuple[Kind, Any]]:
        """Return its loader and class, as far as they are a user's own and no file named them."""
        used: list[tuple[Kind, Any]] = []
        if self.loader is not None and not isinstance(self.loader, StoredLoader):
            used.append(("loader", unwrapped(self.loader)))
        if type(self) is not Dataset and not self.is_from_file:
            used.append(("dataset", type(self)))
        return used

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
        except LfadsError:
            raise
        except Exception as error:
            raise DataError(
                f"its loader failed on {self.path.name}: {type(error).__name__}: {error}"
                f"{_place(error)}.",
                dataset=self.name,
            ) from error
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
        cls,
        content: Mapping[str, Any],
        collection: OwningCollection | None = None,
        *,
        folder: Path | None = None,
    ) -> Dataset:
        """Make the dataset that `to_json` described; its file need not be there.

        One of a class of a user's own that may not run here comes back as a `StoredDataset`.

        Parameters
        ----------
        content : what `to_json` gave.
        collection : to join.
        folder : the run collection whose file this is, which trust in own code is given for.

        Raises
        ------
        CollectionError
            When it is of a subclass that cannot be imported, or the content is damaged.
        """
        try:
            name, path = check_dataset_name(content["name"]), content["path"]
            loader = loader_from_json(content.get("loader"), folder)
            comment = plain_text(content.get("comment", ""))
        except (KeyError, TypeError, AttributeError) as error:
            raise CollectionError(f"the description of a dataset is damaged: {error!r}") from error
        if not isinstance(path, str) or "\0" in path:
            raise CollectionError(f"dataset {name!r} has no path that could be one: {path!r}")
        found = _class_of(content, cls, folder)
        with reading_files():
            if isinstance(found, UntrustedCodeError):
                return StoredDataset(collection, path, name=name, content=content, why=found)
            return found(collection, path, name=name, loader=loader, comment=comment)

    def __repr__(self) -> str:
        return plain_text(f'{type(self).__name__} "{self.name}" ({self.rel_path})')


class StoredDataset(Dataset):
    """A dataset of a user's own class that may not run here: it is shown, and kept as it is.

    Parameters
    ----------
    collection, path, name : as for `Dataset`.
    content : what the file says of it.
    why : why its class may not run.
    """

    def __init__(
        self,
        collection: OwningCollection | None,
        path: str | os.PathLike[str],
        *,
        name: str,
        content: Mapping[str, Any],
        why: UntrustedCodeError,
    ) -> None:
        self._content, self._why = dict(content), why
        super().__init__(None, path, name=name, comment=plain_text(content.get("comment", "")))
        if collection is not None:
            collection.add(self)

    def load_counts(self) -> Counts:
        """Raise what would have to be done first."""
        raise self._why

    load_alignment_counts = load_counts

    def to_json(self) -> dict[str, Any]:
        own = super().to_json()
        return {**self._content, **{key: own[key] for key in ("name", "path", "comment")}}


def _class_of(
    content: Mapping[str, Any], default: type[Dataset], folder: Path | None
) -> type[Dataset] | UntrustedCodeError:
    """Return a dataset's class, or why it may not run."""
    if "class" not in content:
        return default
    if content["class"] is None:
        raise CollectionError(
            f"dataset {content['name']!r} is a {plain_text(content.get('class_was'))}, a class "
            "that was typed into a notebook: put it into a module and make the collection again."
        )
    try:
        reference = check_reference(content["class"], "dataset")
        return find_code("dataset", reference, folder=folder, base=Dataset)
    except UntrustedCodeError as error:
        return error


def _place(error: Exception) -> str:
    """Where in the loader an error came from: its last line that is not a library's."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    if not own:
        return ""
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno}, in {own[-1].name})"
