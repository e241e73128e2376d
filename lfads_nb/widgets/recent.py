"""The collections that were open lately, in a file that is safe to delete."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from lfads_nb.atomic_files import write_json
from lfads_nb.errors import RunFolderError
from lfads_nb.regular_files import read_json
from lfads_nb.state_home import state_home
from lfads_nb.sweep import CollectionFolder, RunCollection, RunFolder

log = logging.getLogger(__name__)
MAX_KEPT = 12
_DEPTH = 3
_MOST_FOLDERS = 2000
_MOST_LISTED = 50


def recent_file() -> Path:
    """Return where the list is kept."""
    return state_home() / "recent.json"


def recent_collections() -> list[Path]:
    """Return the folders of collections that were open lately and are still there, latest first."""
    try:
        content = read_json(recent_file())
    except (OSError, ValueError):
        return []
    if not isinstance(content, list):
        return []
    paths = [Path(item) for item in content if isinstance(item, str)]
    # A damaged list may hold what no file system takes as a name: `Path.exists` would raise.
    return [path for path in paths if os.path.exists(CollectionFolder(path).json)]


def remember(path: Path) -> None:
    """Put a collection's folder first."""
    others = [str(known) for known in recent_collections() if known != path]
    try:
        recent_file().parent.mkdir(parents=True, exist_ok=True)
        write_json(recent_file(), [str(path), *others][:MAX_KEPT])
    except OSError as error:
        log.warning("the list of recent collections was not kept: %s", error)


def collections_below(folder: Path) -> list[Path]:
    """Find collections in a folder, up to three levels down, the latest first.

    A folder with very many others is searched in part only: this is an offer, not an inventory.
    """
    found: list[tuple[float, Path]] = []
    level, seen = [folder], 0
    for _ in range(_DEPTH + 1):
        below = []
        for each in level:
            try:
                json = CollectionFolder(each).json
                if json.is_file():
                    found.append((json.stat().st_mtime, each))
                    continue
                below += sorted(p for p in each.iterdir() if _is_plain_folder(p))
            except OSError:
                continue
        seen += len(below)
        if seen > _MOST_FOLDERS:
            break
        level = below
    return [path for _, path in sorted(found, key=lambda item: -item[0])]


@dataclass(frozen=True)
class FoundCollection:
    """A collection as a list shows it.

    `n_runs` counts the runs that were prepared, `n_lost` those of `n_done` whose outputs were
    deleted since; `changed` is seconds since the epoch.
    """

    path: Path
    n_runs: int
    n_done: int
    n_lost: int
    changed: float


def found_collections(*folders: Path) -> list[FoundCollection]:
    """Return the collections that were open lately, and those below folders, the latest first."""
    paths = dict.fromkeys(recent_collections())
    for folder in folders:
        if folder.is_dir():
            paths.update(dict.fromkeys(collections_below(folder)))
    found = []
    for path in list(paths)[:_MOST_LISTED]:
        try:
            changed = CollectionFolder(path).json.stat().st_mtime
            runs = [RunFolder(each.parent) for each in path.glob("param_*/*/run.json")]
        except OSError:
            continue
        done = [run for run in runs if run.done.exists()]
        lost = sum(run.lacks_outputs for run in done)
        found.append(FoundCollection(path, len(runs), len(done), lost, changed))
    return sorted(found, key=lambda each: -each.changed)


def _is_plain_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not path.name.startswith(".")


def open_any(path: str | Path) -> RunCollection:
    """Open a collection: ours, the only one below a folder, or one of the Matlab run manager.

    Raises
    ------
    RunFolderError
        There is none, or several; the message lists those.
    """
    folder = Path(path).expanduser().absolute()
    if CollectionFolder(folder).json.exists():
        return RunCollection.load(folder)
    below = collections_below(folder) if folder.is_dir() else []
    if len(below) == 1:
        return RunCollection.load(below[0])
    if below:
        names = ", ".join(str(p.relative_to(folder)) for p in below[:12])
        raise RunFolderError(f"{folder} holds several collections: open one of {names}")
    if folder.is_dir() and any(folder.glob("param_*")):
        return RunCollection.from_matlab(folder)
    return RunCollection.load(folder)
