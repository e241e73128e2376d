"""A user's own loaders: functions from path to `Counts`, and how they survive in a file.

A loader is kept as `module:name`, never pickled, and runs only where `own_code` allows it. One that
was typed into a notebook has no module to be found in: the collection still opens, and says so once
the loader is needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lfads_nb.datasets.counts import Counts
from lfads_nb.errors import CollectionError, DataError, LfadsError
from lfads_nb.own_code import OURS, find_code, unwrapped
from lfads_nb.plain_text import plain_text
from lfads_nb.references import check_reference, reference_to

Loader = Callable[[Path], Counts]


@dataclass(frozen=True)
class StoredLoader:
    """A loader as a file has it: looked for when it is first called, if it may run.

    Parameters
    ----------
    function : `module:name`, or None if it cannot be found in another process.
    keywords : arguments besides the path, plain values.
    was : how the loader showed itself when it was stored.
    folder : the collection whose file has it; trust is given for a folder.
    """

    function: str | None
    keywords: Mapping[str, Any]
    was: str
    folder: Path | None = None

    def __call__(self, path: Path) -> Counts:
        """Import the loader and load a file by it.

        Raises
        ------
        UntrustedCodeError
            When it may not run here.
        CollectionError
            When it cannot be imported.
        """
        if self.function is None:
            raise CollectionError(
                f"the loader {self.was} of {path.name} was not kept: only functions in an "
                "importable module can be (and functools.partial of them, with keyword arguments "
                "of plain values). Put it into a module, or set dataset.loader again."
            )
        function = find_code("loader", self.function, folder=self.folder)
        if self.function not in OURS["loader"]:
            return function(path, **self.keywords)
        try:
            return function(path, **self.keywords)
        except LfadsError:
            raise
        except Exception as error:
            # Arguments from a file may be of any kind; what our own loaders make of that is no bug.
            raise DataError(
                f"{path.name} cannot be read by {self.was} with the arguments that the collection "
                f"keeps: {type(error).__name__}: {error}"
            ) from error

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return {"function": self.function, "keywords": dict(self.keywords), "was": self.was}


def loader_to_json(loader: Loader | None) -> dict[str, Any] | None:
    """Describe a loader in plain values: a function, or a `functools.partial` of one."""
    if loader is None:
        return None
    if isinstance(loader, StoredLoader):
        return loader.to_json()
    function, keywords = loader, {}
    if isinstance(loader, partial) and not loader.args:
        function, keywords = unwrapped(loader), loader.keywords
    reference = reference_to(function)
    if not _is_plain(keywords):
        reference, keywords = None, {}
    was = getattr(function, "__qualname__", type(function).__name__)
    return StoredLoader(reference, keywords, was).to_json()


def loader_from_json(
    content: Mapping[str, Any] | None, folder: Path | None = None
) -> StoredLoader | None:
    """Make a loader of what `loader_to_json` gave; nothing is imported yet.

    Raises
    ------
    CollectionError
        What the file says cannot be a loader.
    """
    if content is None:
        return None
    if not isinstance(content, Mapping):
        raise CollectionError(f"a loader is a table of values, not a {type(content).__name__}")
    function, keywords = content.get("function"), content.get("keywords", {})
    if function is not None:
        check_reference(function, "loader")
    if not isinstance(keywords, Mapping) or not all(str(name).isidentifier() for name in keywords):
        raise CollectionError("the arguments of a loader are a table of names and values")
    return StoredLoader(function, keywords, plain_text(content.get("was", "loader")), folder)


def _is_plain(keywords: Mapping[str, Any]) -> bool:
    try:
        json.dumps(keywords)
    except (TypeError, ValueError):
        return False
    return True
