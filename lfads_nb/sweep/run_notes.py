"""`notes.json`: what its users have to say of a run. No process but theirs reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from lfads_nb.atomic_files import write_json
from lfads_nb.errors import RunFolderError
from lfads_nb.plain_text import plain_text
from lfads_nb.regular_files import read_json

SCHEMA = 1
MOST_TAGS, LONGEST_TAG, LONGEST_NOTE = 20, 40, 10_000


@dataclass(frozen=True)
class RunNotes:
    """A star, tags and a note."""

    star: bool = False
    tags: tuple[str, ...] = ()
    note: str = ""

    @classmethod
    def read(cls, folder: Path) -> RunNotes:
        """Read those of a folder; without any, or with a file that is none, they are empty."""
        try:
            content = read_json(folder / "notes.json")
        except (OSError, ValueError):
            return cls()
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            return cls()
        tags, note = content.get("tags"), content.get("note")
        listed = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
        text = plain_text(note)[:LONGEST_NOTE] if isinstance(note, str) else ""
        return cls(content.get("star") is True, tags_of(listed), text)

    def save(self, folder: Path) -> None:
        """Write them into a folder, which is made if it is missing.

        Raises
        ------
        RunFolderError
            It cannot be written to.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / "notes.json", {"schema": SCHEMA, **asdict(self)})
        except OSError as error:
            raise RunFolderError(
                f"the notes in {folder} cannot be written: {error.strerror or error}"
            ) from error

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return self == RunNotes()


def tags_of(words: Iterable[str]) -> tuple[str, ...]:
    """Return tags as they are kept: without blanks around them, each once, not too many."""
    found = dict.fromkeys(plain_text(word).strip()[:LONGEST_TAG] for word in words)
    return tuple(tag for tag in found if tag)[:MOST_TAGS]
