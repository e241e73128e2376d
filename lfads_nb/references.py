"""Classes and functions of a user's own, named in files as `module:name`; nothing runs here."""

from __future__ import annotations

import importlib
from typing import Any, Literal

from lfads_nb.errors import CollectionError

Kind = Literal["loader", "params", "dataset", "run"]

NOUNS: dict[Kind, str] = {
    "loader": "loader",
    "params": "class of parameters",
    "dataset": "dataset class",
    "run": "run class",
}
"""What each kind of code is called in messages."""


def reference_to(thing: Any) -> str | None:
    """Return `module:name` if that finds the thing again in another process, else None."""
    stored = vars(thing).get("stored_reference") if isinstance(thing, type) else None
    if stored is not None:
        return stored  # a stand-in for a class that may not run here
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if not module or not name or module == "__main__" or "<" in name:
        return None
    return f"{module}:{name}"


def check_reference(reference: Any, kind: Kind) -> str:
    """Return a reference if it has the form `module:name`.

    Raises
    ------
    CollectionError
        It has not; then it could not even be shown as code safely.
    """
    parts = reference.split(":") if isinstance(reference, str) else []
    if len(parts) != 2 or not all(word.isidentifier() for p in parts for word in p.split(".")):
        raise CollectionError(
            f"{str(reference)[:80]!r} cannot name a {NOUNS[kind]}: it must read module:name"
        )
    return reference


def import_typed(reference: str, kind: Kind) -> Any:
    """Import what the user has typed here, as their own `import` would find it.

    Only for what comes from the keyboard; what a file names goes through `own_code.find_code`.

    Raises
    ------
    CollectionError
        If it cannot be imported; the message names the reference and what it is for.
    """
    module_name, _, name = check_reference(reference, kind).partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise CollectionError(
            f"the {NOUNS[kind]} {reference!r} cannot be imported ({error}): put its module on the "
            "Python path, or install it in this environment"
        ) from error
    return found
