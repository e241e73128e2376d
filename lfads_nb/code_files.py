"""Python files by content: where a module's code lies, what it is, and loading exactly that.

Modules are looked for on the Python path without its working folder and without the folder that
named them: a file that came along with data is never found. What was found is loaded from the very
bytes that were looked at, not from a cached compilation that anybody may have put beside it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from lfads_nb.errors import CollectionError
from lfads_nb.regular_files import read_bytes

_MAX_SOURCE_BYTES = 16 * 2**20


@dataclass(frozen=True)
class CodeFiles:
    """The source files that importing a module runs: its packages' and its own.

    Parameters
    ----------
    modules : names from the outermost package to the module.
    paths : their files, in the same order.
    """

    modules: tuple[str, ...]
    paths: tuple[Path, ...]

    @property
    def path(self) -> Path:
        """The module's own file."""
        return self.paths[-1]

    def read(self) -> tuple[bytes, ...]:
        """Read all of them.

        Raises
        ------
        CollectionError
            One cannot be read.
        """
        try:
            return tuple(read_bytes(path, at_most=_MAX_SOURCE_BYTES) for path in self.paths)
        except OSError as error:
            raise CollectionError(
                f"the code in {self.path} cannot be read: {error.strerror or error}"
            ) from error

    def digest(self, contents: Sequence[bytes] | None = None) -> str:
        """Return the SHA-256 of the files' contents, in hexadecimal."""
        digest = hashlib.sha256()
        for name, content in zip(self.modules, contents or self.read(), strict=True):
            digest.update(f"{name} {len(content)}\n".encode() + content)
        return digest.hexdigest()

    def load(self, contents: Sequence[bytes]) -> ModuleType:
        """Load the module from these contents, unless it is loaded from its file already.

        Raises
        ------
        CollectionError
            Another module has its name, or its code fails.
        """
        parent: ModuleType | None = None
        for name, path, content in zip(self.modules, self.paths, contents, strict=True):
            module = sys.modules.get(name)
            if module is None:
                module = _execute(name, path, content, is_package=path.name == "__init__.py")
                if parent is not None:
                    setattr(parent, name.rpartition(".")[2], module)
            elif not _is_from(module, path):
                raise CollectionError(
                    f"the module {name!r} is to come from {path}, but another one of that name is "
                    f"in use here ({getattr(module, '__file__', None)}): restart the kernel, or "
                    "rename one of them"
                )
            parent = module
        assert parent is not None, "a module has a name"
        return parent


class _ExactLoader(importlib.machinery.SourceFileLoader):
    """Compiles the source that it is given: neither the file nor its cache is read again."""

    def __init__(self, name: str, path: str, content: bytes) -> None:
        super().__init__(name, path)
        self._content = content

    def get_code(self, fullname: str) -> Any:  # noqa: ARG002
        return self.source_to_code(self._content, self.path)

    def get_data(self, path: str) -> bytes:
        return self._content if path == self.path else super().get_data(path)


def _execute(name: str, path: Path, content: bytes, *, is_package: bool) -> ModuleType:
    loader = _ExactLoader(name, str(path), content)
    spec = importlib.util.spec_from_file_location(
        name, path, loader=loader,
        submodule_search_locations=[str(path.parent)] if is_package else None,
    )  # fmt: skip
    assert spec is not None, "a loader was given"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(name, None)
        if not isinstance(error, Exception):
            raise
        raise CollectionError(
            f"the code in {path} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    return module


def _is_from(module: ModuleType, path: Path) -> bool:
    try:
        return os.path.samefile(module.__file__ or "", path)
    except (AttributeError, OSError):
        return False


def find_code_files(module: str, *, not_in: Path | None) -> CodeFiles | None:
    """Find the source of a module without running anything; None if there is none to be found.

    Parameters
    ----------
    module : its dotted name.
    not_in : a folder in which it must not lie; the working folder is left out anyway.
    """
    places: Sequence[str] | None = import_places(not_in)
    names, paths = [], []
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        name = ".".join(parts[:depth])
        spec = _find_spec(name, places, not_in)
        if spec is None:
            return None
        locations = spec.submodule_search_locations
        if spec.origin is not None and spec.has_location:
            if not spec.origin.endswith(".py"):
                return None
            names.append(name)
            paths.append(Path(spec.origin).absolute())
        elif locations is None:
            return None
        places = list(locations) if locations is not None else []
    return CodeFiles(tuple(names), tuple(paths)) if names and names[-1] == module else None


def code_files_of(module: ModuleType) -> CodeFiles | None:
    """Return the source files of a module that is loaded; None if it has none."""
    names, paths = [], []
    parts = module.__name__.split(".")
    for depth in range(1, len(parts) + 1):
        name = ".".join(parts[:depth])
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is None and depth < len(parts):
            continue  # a package without a file of its own
        if not isinstance(file, str) or not file.endswith(".py"):
            return None
        names.append(name)
        paths.append(Path(file).absolute())
    return CodeFiles(tuple(names), tuple(paths))


def import_places(not_in: Path | None) -> list[str]:
    """Return the Python path without the working folder and without what lies in a folder."""
    here = os.path.realpath(os.getcwd())
    kept = []
    for place in sys.path:
        real = os.path.realpath(place or ".")
        if not place or real == here or (not_in is not None and _is_inside(real, not_in)):
            continue
        kept.append(place)
    return kept


def _is_inside(path: str, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _find_spec(name: str, places: Sequence[str] | None, not_in: Path | None) -> ModuleSpec | None:
    """Find a module as Python would, on other places; installed editable packages too."""
    is_top = "." not in name
    for finder in sys.meta_path if is_top else [PathFinder]:
        if finder in (BuiltinImporter, FrozenImporter):
            continue
        if finder is PathFinder:
            spec = PathFinder.find_spec(name, places)
        elif type(finder).__module__.startswith("_pytest."):
            continue  # finds what PathFinder finds, on the whole path
        else:
            spec = finder.find_spec(name, None)
        origin = spec.origin if spec is not None else None
        if spec is not None and not (not_in and origin and _is_inside(origin, not_in)):
            return spec
    return None
