"""Classes and functions of a user's own, kept in files as `module:name`."""

from __future__ import annotations

import importlib
from typing import Any

from lfads_nb.errors import CollectionError


def reference_to(thing: Any) -> str | None:
    """Return `module:name` if that finds the thing again in another process, else None."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if not module or not name or module == "__main__" or "<" in name:
        return None
    return f"{module}:{name}"


def import_reference(reference: str, what: str) -> Any:
    """Import what `reference_to` named.

    Raises
    ------
    CollectionError
        If it cannot be imported; the message names the reference and what it is for.
    """
    module_name, _, name = reference.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise CollectionError(
            f"the {what} {reference!r} cannot be imported ({error}): put its module on the Python "
            "path, or install it in this environment"
        ) from error
    return found
