"""A user's own loaders: functions from path to `Counts`, and how they survive in a file.

A loader is kept as `module:name`, never pickled. One that was typed into a notebook has no module
to be found in: the collection still opens, and says so once the loader is needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lfads_nb.datasets.counts import Counts
from lfads_nb.errors import CollectionError
from lfads_nb.imports import import_reference, reference_to

Loader = Callable[[Path], Counts]


@dataclass(frozen=True)
class StoredLoader:
    """A loader as a file has it: imported when it is first called.

    Parameters
    ----------
    function : `module:name`, or None if it cannot be found in another process.
    keywords : arguments besides the path, plain values.
    was : how the loader showed itself when it was stored.
    """

    function: str | None
    keywords: Mapping[str, Any]
    was: str

    def __call__(self, path: Path) -> Counts:
        """Import the loader and load a file by it.

        Raises
        ------
        CollectionError
            When it cannot be imported.
        """
        if self.function is None:
            raise CollectionError(
                f"the loader {self.was} of {path.name} was not kept: only functions in an "
                "importable module can be (and functools.partial of them, with keyword arguments "
                "of plain values). Put it into a module, or set dataset.loader again."
            )
        return import_reference(self.function, "loader")(path, **self.keywords)

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
        function, keywords = loader.func, loader.keywords
    reference = reference_to(function)
    if not _is_plain(keywords):
        reference, keywords = None, {}
    was = getattr(function, "__qualname__", type(function).__name__)
    return StoredLoader(reference, keywords, was).to_json()


def loader_from_json(content: Mapping[str, Any] | None) -> StoredLoader | None:
    """Make a loader of what `loader_to_json` gave; nothing is imported yet."""
    if content is None:
        return None
    return StoredLoader(content["function"], content["keywords"], content["was"])


def _is_plain(keywords: Mapping[str, Any]) -> bool:
    try:
        json.dumps(keywords)
    except (TypeError, ValueError):
        return False
    return True
