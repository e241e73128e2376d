"""The collections that were open lately, in a file that is safe to delete."""

from __future__ import annotations

import logging
from pathlib import Path

from lfads_nb.atomic_files import write_json
from lfads_nb.regular_files import read_json
from lfads_nb.state_home import state_home
from lfads_nb.sweep import CollectionFolder

log = logging.getLogger(__name__)
MAX_KEPT = 12


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
    return [path for path in paths if CollectionFolder(path).json.exists()]


def remember(path: Path) -> None:
    """Put a collection's folder first."""
    others = [str(known) for known in recent_collections() if known != path]
    try:
        recent_file().parent.mkdir(parents=True, exist_ok=True)
        write_json(recent_file(), [str(path), *others][:MAX_KEPT])
    except OSError as error:
        log.warning("the list of recent collections was not kept: %s", error)
