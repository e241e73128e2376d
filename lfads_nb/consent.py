"""What a user has trusted: which code may run for which folder, remembered in the user's own state.

One private file for each folder says which references were trusted and the hash of the code that
they led to then. A file that changed, a folder that moved, or another reference is asked about
again. This is the only module that reads and writes these files.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from lfads_nb.atomic_files import write_json
from lfads_nb.code_files import CodeFiles
from lfads_nb.desks import belongs_to_this_user
from lfads_nb.errors import CollectionError, LfadsError
from lfads_nb.references import NOUNS, Kind, check_reference
from lfads_nb.regular_files import read_json
from lfads_nb.state_home import HOME_VARIABLE, state_home

SCHEMA = 1


@dataclass(frozen=True)
class Consent:
    """One reference that the user trusts for one folder.

    Parameters
    ----------
    kind, reference : what it is, and its name.
    modules, paths : the source files that it led to.
    sha256 : the hash of their contents.
    """

    kind: Kind
    reference: str
    modules: tuple[str, ...]
    paths: tuple[str, ...]
    sha256: str

    @classmethod
    def to(cls, kind: Kind, reference: str, files: CodeFiles) -> Consent:
        """Make the consent to code as it is now."""
        paths = tuple(str(path) for path in files.paths)
        return cls(kind, reference, files.modules, paths, files.digest())

    @property
    def files(self) -> CodeFiles:
        return CodeFiles(self.modules, tuple(Path(path) for path in self.paths))


def consents(folder: Path) -> list[Consent]:
    """Return what is trusted for a folder; nothing if the file is not the user's own."""
    path = _file_of(folder)
    try:
        if not (_is_private(path.parent) and _is_private(path)):
            return []
        content = read_json(path)
        if content["schema"] != SCHEMA or content["folder"] != _key(folder):
            return []
        return [_from_json(item) for item in content["trusted"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError, LfadsError):
        return []


def remember(folder: Path, given: Iterable[Consent]) -> None:
    """Trust references for a folder; the latest word on a reference counts.

    Raises
    ------
    CollectionError
        It cannot be written down.
    """
    new = list(given)
    known = {(c.kind, c.reference): c for c in consents(folder)}
    if all(known.get((c.kind, c.reference)) == c for c in new):
        return
    known |= {(c.kind, c.reference): c for c in new}
    _write(folder, list(known.values()))


def forget(folder: Path) -> None:
    """Trust nothing for a folder any more."""
    _file_of(folder).unlink(missing_ok=True)


def _write(folder: Path, trusted: list[Consent]) -> None:
    path = _file_of(folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.chmod(0o700)
        if not _is_private(path.parent):
            raise CollectionError(
                f"{path.parent} is not a folder of your own: set {HOME_VARIABLE} to one"
            )
        content = [asdict(consent) for consent in trusted]
        write_json(path, {"schema": SCHEMA, "folder": _key(folder), "trusted": content})
        path.chmod(0o600)
    except OSError as error:
        raise CollectionError(
            f"what you trust cannot be remembered in {path.parent}: {error.strerror or error}"
        ) from error


def _file_of(folder: Path) -> Path:
    name = hashlib.sha256(_key(folder).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return state_home() / "trusted" / f"{name}.json"


def _key(folder: Path) -> str:
    return os.path.realpath(folder)


def _is_private(path: Path) -> bool:
    """Whether only this user can have written a file or folder."""
    found = path.lstat()
    return (
        belongs_to_this_user(found)
        and not stat.S_ISLNK(found.st_mode)
        and not found.st_mode & 0o022
    )


def _from_json(item: Any) -> Consent:
    kind = cast(Kind, item["kind"])
    if kind not in NOUNS:
        raise ValueError("it is of no known kind")
    return Consent(
        kind,
        check_reference(item["reference"], kind),
        tuple(str(module) for module in item["modules"]),
        tuple(str(path) for path in item["paths"]),
        str(item["sha256"]),
    )
