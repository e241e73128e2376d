"""Which code of a user's own may run: the one place where a name in a file becomes code.

A reference in a file runs only if it is

- ours: one of the loaders and classes below;
- registered by an installed package (entry points `lfads_nb.loaders`, `.params`, `.datasets`,
  `.runs`), or handed over by the user's own code in this process (a loader given to `dc.add`, a
  class used or registered here); that a module happens to be imported, as `os` always is, counts
  for nothing;
- trusted by this user for this very folder, with the content that it had then (`consent.py`).

Everything else raises `UntrustedCodeError`; what needs no code goes on without it.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from lfads_nb import consent
from lfads_nb.code_files import CodeFiles, code_files_of, find_code_files, import_places
from lfads_nb.consent import Consent
from lfads_nb.errors import CollectionError, UntrustedCodeError
from lfads_nb.references import NOUNS, Kind, check_reference, reference_to

log = logging.getLogger(__name__)

_DATASETS = "lfads_nb.datasets"
_MATLAB = "lfads_nb.results.matlab"
OURS: dict[Kind, frozenset[str]] = {
    "loader": frozenset({
        f"{_DATASETS}.readers:read_counts", f"{_DATASETS}.hdf5_layout:read_layout",
        f"{_DATASETS}.npzfiles:read_npz", f"{_DATASETS}.matfiles:read_mat",
        f"{_DATASETS}.lfadsfiles:read_lfads_input", f"{_DATASETS}.nwb:read_nwb",
        f"{_MATLAB}.prepared_counts:read_prepared_counts",
    }),
    "params": frozenset({"lfads_nb.sweep.params:RunParams"}),
    "dataset": frozenset({f"{_DATASETS}.dataset:Dataset"}),
    "run": frozenset({"lfads_nb.sweep.run:Run", f"{_MATLAB}.collection:OldRun"}),
}  # fmt: skip
"""What may be named in any file. A function that writes, or runs what it is told, has no place."""

GROUPS: dict[Kind, str] = {
    "loader": "lfads_nb.loaders",
    "params": "lfads_nb.params",
    "dataset": "lfads_nb.datasets",
    "run": "lfads_nb.runs",
}
"""Groups of entry points by which an installed package registers code."""

_handed_over: dict[tuple[Kind, str], Any] = {}
_reading: ContextVar[bool] = ContextVar("lfads_nb_reading", default=False)


@contextmanager
def reading_files() -> Iterator[None]:
    """Mark that objects are made from files: what is made within was not handed over by anyone."""
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


def is_reading() -> bool:
    return _reading.get()


def hand_over(kind: Kind, thing: Any) -> None:
    """Take note that the user's own code uses a loader or class in this process."""
    reference = reference_to(thing)
    if reference is not None and not _reading.get() and "stored_reference" not in _own_vars(thing):
        _handed_over[kind, reference] = thing


def register(thing: Any) -> Any:
    """Allow a loader or class of your own in every collection that this process opens.

    Parameters
    ----------
    thing : a subclass of `RunParams`, `Dataset` or `Run`, or a function from path to `Counts`.

    Returns
    -------
    The same, so that it can be used as a decorator.

    Raises
    ------
    CollectionError
        It is none of these, or was typed into a notebook, where no file can name it.
    """
    kind = _kind_of(thing)
    if reference_to(thing) is None:
        raise CollectionError(
            f"{getattr(thing, '__qualname__', thing)!r} was typed into a notebook or has no name "
            "of its own: put it into a module, and register it from there"
        )
    hand_over(kind, thing)
    return thing


def _kind_of(thing: Any) -> Kind:
    from lfads_nb.datasets import Dataset
    from lfads_nb.sweep import Run, RunParams

    bases: dict[Kind, type] = {"params": RunParams, "dataset": Dataset, "run": Run}
    if isinstance(thing, type):
        for kind, base in bases.items():
            if issubclass(thing, base):
                return kind
    elif callable(thing):
        return "loader"
    raise CollectionError(
        f"{thing!r} cannot be registered: it must be a subclass of RunParams, Dataset or Run, or a "
        "function from a path to Counts"
    )


def find_code(kind: Kind, reference: str, *, folder: Path | None, base: type | None = None) -> Any:
    """Return what a reference in a file names, if it may run.

    Parameters
    ----------
    kind, reference : as the file says.
    folder : the collection's folder, which trust is given for; None if there is none.
    base : what a class must be a subclass of; a loader must be a function.

    Raises
    ------
    UntrustedCodeError
        It may not run here; the message says how it could.
    CollectionError
        It may, but is not there, or is of the wrong kind.
    """
    check_reference(reference, kind)
    found = _handed_over.get((kind, reference))
    if found is None:
        found = _member(_module_for(kind, reference, folder), reference, kind)
    is_right = (
        isinstance(found, type) and issubclass(found, base)
        if base is not None
        else callable(found) and not isinstance(found, type)
    )
    if not is_right:
        wanted = f"a subclass of {base.__name__}" if base is not None else "a function"
        raise CollectionError(f"{reference!r} cannot be a {NOUNS[kind]}: it is not {wanted}")
    return found


def _module_for(kind: Kind, reference: str, folder: Path | None) -> Any:
    module = reference.partition(":")[0]
    if reference in OURS[kind]:
        return importlib.import_module(module)
    if reference in _registered(GROUPS[kind], tuple(import_places(folder))):
        files = find_code_files(module, not_in=folder)
        if files is not None:
            return files.load(files.read())
    given = _consent_for(kind, reference, folder)
    contents = given.files.read()
    if given.files.digest(contents) != given.sha256:
        raise UntrustedCodeError(
            kind, reference, folder, f"its code in {given.files.path} has changed since you "
            "trusted it",
        )  # fmt: skip
    return given.files.load(contents)


def _consent_for(kind: Kind, reference: str, folder: Path | None) -> Consent:
    if folder is not None:
        for given in consent.consents(folder):
            if (given.kind, given.reference) == (kind, reference):
                return given
    raise UntrustedCodeError(kind, reference, folder, "you have not trusted it for this folder")


def _member(module: Any, reference: str, kind: Kind) -> Any:
    name = reference.partition(":")[2]
    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
    # What a module merely imports (`my_module:os.system`) is not its own.
    if found is None or reference_to(found) != reference:
        raise CollectionError(
            f"{module.__file__} defines no {NOUNS[kind]} {name!r}: it was renamed or removed"
        )
    return found


@lru_cache(maxsize=32)
def _registered(group: str, places: tuple[str, ...]) -> frozenset[str]:
    return frozenset(
        f"{point.module}:{point.attr}"
        for distribution in metadata.distributions(path=list(places))
        for point in distribution.entry_points
        if point.group == group
    )


# --------------------------------------------------------------------------------------- consent


@dataclass(frozen=True)
class NamedCode:
    """A reference in a collection's files, and whether it may run.

    Parameters
    ----------
    kind, reference : as the file says.
    path : the file with its code, None if it cannot be found.
    problem : why it may not run; "" if it may.
    """

    kind: Kind
    reference: str
    path: Path | None
    problem: str

    @property
    def can_be_trusted(self) -> bool:
        return bool(self.problem) and self.path is not None

    def __str__(self) -> str:
        where = f" in {self.path}" if self.path else ", whose file cannot be found"
        return f"{NOUNS[self.kind]} {self.reference}{where}"


def look_at(kind: Kind, reference: str, folder: Path) -> NamedCode:
    """Say whether a reference may run for a folder; nothing is run or imported.

    Raises
    ------
    CollectionError
        It cannot be a reference.
    """
    check_reference(reference, kind)
    module = reference.partition(":")[0]
    if (kind, reference) in _handed_over or reference in OURS[kind]:
        return NamedCode(kind, reference, None, "")
    files = find_code_files(module, not_in=folder)
    path = files.path if files else None
    if files and reference in _registered(GROUPS[kind], tuple(import_places(folder))):
        return NamedCode(kind, reference, path, "")
    try:
        given = _consent_for(kind, reference, folder)
    except UntrustedCodeError as error:
        return NamedCode(kind, reference, path, error.reason)
    try:
        if given.files.digest() == given.sha256:
            return NamedCode(kind, reference, given.files.path, "")
    except CollectionError as error:
        return NamedCode(kind, reference, path, str(error))
    return NamedCode(kind, reference, given.files.path, "its code has changed since you trusted it")


def trust(folder: Path, codes: Iterable[NamedCode]) -> None:
    """Remember that the user trusts code, as it is now, for a folder.

    Raises
    ------
    CollectionError
        Its file cannot be found, or it is a part of Python itself.
    """
    given = []
    for code in codes:
        if code.reference.partition(":")[0].partition(".")[0] in sys.stdlib_module_names:
            raise CollectionError(
                f"{code.reference!r} is a part of Python itself and no {NOUNS[code.kind]} for data"
            )
        files = _files_to_trust(code, folder)
        if files is None:
            raise CollectionError(
                f"the code of {code.reference!r} cannot be found, so it cannot be trusted: install "
                "its module in this environment, or import it in your own script and hand it over "
                "with lfads_nb.register(...)"
            )
        given.append(Consent.to(code.kind, code.reference, files))
    consent.remember(folder, given)


def _files_to_trust(code: NamedCode, folder: Path) -> CodeFiles | None:
    for given in consent.consents(folder):
        if (given.kind, given.reference) == (code.kind, code.reference):
            return given.files  # the same file, with its new content
    return find_code_files(code.reference.partition(":")[0], not_in=folder)


def remember_handed_over(folder: Path, used: Iterable[tuple[Kind, Any]]) -> None:
    """Remember what the user's own code has handed over for a folder.

    The processes of the queue, and the bench in another session, then load the same code. What
    cannot be remembered is no error here: they say so when they need it.

    Parameters
    ----------
    folder : the collection's.
    used : the kind of each loader or class, and itself; what nobody handed over is left out.
    """
    given = []
    for kind, thing in dict.fromkeys(used):
        reference = reference_to(thing)
        if reference is None or reference in OURS[kind] or (kind, reference) not in _handed_over:
            continue
        module = sys.modules.get(reference.partition(":")[0])
        try:
            files = code_files_of(module) if module is not None else None
            if files is not None:
                given.append(Consent.to(kind, reference, files))
        except CollectionError as error:
            log.warning("%s", error)
    if given:
        try:
            consent.remember(folder, given)
        except CollectionError as error:
            log.warning("%s", error)


def _own_vars(thing: Any) -> dict[str, Any]:
    return dict(vars(thing)) if inspect.isclass(thing) else {}


def unwrapped(loader: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that a `functools.partial` calls, or the loader itself."""
    return getattr(loader, "func", loader)
