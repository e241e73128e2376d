"""`provenance.json`: with what a run was trained, so that a figure can be made again in a year.

Written by the process that trains a run as it starts; read by reports and panels. Nothing here
runs anything: a repository's commit is read from its files, as `git` itself runs what a repository
of somebody else's may name in its settings.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lfads_nb.atomic_files import write_json
from lfads_nb.plain_text import plain_text
from lfads_nb.regular_files import open_regular, read_json
from lfads_nb.sweep.folders import RunFolder

SCHEMA = 1
TRAINED_BY = "Trained by"
"""Name of what says which backend trained on which device, and with how many others."""

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(r"ref: (refs/[\w./-]+)")


def write_provenance(folder: RunFolder, content: Mapping[str, Any]) -> None:
    """Write it into a run's folder.

    Raises
    ------
    OSError
        The folder cannot be written to.
    """
    write_json(folder.provenance_json, {"schema": SCHEMA, **content})


def read_provenance(folder: RunFolder) -> dict[str, str]:
    """Return what is known of a run's making, by words for people; empty where nothing is."""
    try:
        content = read_json(folder.provenance_json)
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        return {}
    found = {
        "Trained": _words(content.get("began")),
        TRAINED_BY: _words(content.get("by")),
        "Versions": _pairs(content.get("versions")),
        "Machine": _words(content.get("machine")),
        "Device": _words(content.get("device")),
        "SLURM job": _words(content.get("job")),
        "Commit": _pairs(content.get("commit")),
        "SHA-256 of the inputs": _pairs(content.get("inputs")),
    }
    return {name: text for name, text in found.items() if text}


def checksums(paths: Sequence[Path]) -> dict[str, str]:
    """Return the SHA-256 of files by their names; one that cannot be read is left out."""
    found = {}
    for path in paths:
        digest = hashlib.sha256()
        try:
            with open_regular(path) as file:
                while block := file.read(2**20):
                    digest.update(block)
        except OSError:
            continue
        found[path.name] = digest.hexdigest()
    return found


def commit_of(folder: Path) -> dict[str, str]:
    """Return the repository that holds a folder and its commit; empty if there is none.

    Changes that were not committed are not looked for: that would take `git`.
    """
    for place in (folder, *folder.parents):
        git = place / ".git"
        try:
            if git.is_file():  # a worktree, or a submodule: its own folder is elsewhere
                git = (place / git.read_text().removeprefix("gitdir:").strip()).resolve()
            if (git / "HEAD").is_file():
                return {str(place): commit} if (commit := _head(git)) else {}
        except (OSError, ValueError):
            return {}
    return {}


def _head(git: Path) -> str:
    text = (git / "HEAD").read_text().strip()
    ref = _REF.fullmatch(text)
    if ref is None:
        return text if _COMMIT.fullmatch(text) else ""
    common = git / "commondir"
    shared = (git / common.read_text().strip()).resolve() if common.is_file() else git
    for home in (git, shared):
        path = home / ref[1]
        if path.is_file():
            commit = path.read_text().strip()
            return commit if _COMMIT.fullmatch(commit) else ""
    packed = shared / "packed-refs"
    for line in packed.read_text().splitlines() if packed.is_file() else ():
        commit, _, name = line.partition(" ")
        if name == ref[1] and _COMMIT.fullmatch(commit):
            return commit
    return ""


def _words(value: Any) -> str:
    return plain_text(value)[:500] if isinstance(value, str) else ""


def _pairs(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    return ", ".join(f"{_words(name)} {_words(text)}" for name, text in list(value.items())[:200])
