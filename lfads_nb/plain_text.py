"""Text from files, before it is shown or becomes a file's name.

A terminal obeys escape sequences, and characters that turn the direction of writing make a name
look like another: neither has a place in a reason, a comment or a name.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from lfads_nb.errors import CollectionError

# What a terminal takes for a command (ECMA-48): CSI ... letter, OSC ... end, two-byte escapes.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# Direction marks, embeddings, overrides and isolates; invisible spaces; line and paragraph ends.
_INVISIBLE = "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
_CONTROLS = "\x00-\x1f\x7f-\x9f"
_UNSHOWN = re.compile(rf"[{_INVISIBLE}\ud800-\udfff\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NOT_IN_NAMES = re.compile(rf"[/\\:*?\"<>|{_CONTROLS}{_INVISIBLE}]")

# The longest file name made of it is model_runs_<name>.h5_valid_posterior_sample_and_average, and
# file systems stop at 255 bytes.
_LONGEST_NAME = 180


def plain_text(text: Any) -> str:
    """Return text without terminal escapes, control characters and turns of direction.

    Line ends and tabs stay.
    """
    return _UNSHOWN.sub("", _ESCAPES.sub("", str(text).replace("\r\n", "\n")))


class PlainFormatter(logging.Formatter):
    """Logs quote files, and files may hold what a terminal obeys."""

    def format(self, record: logging.LogRecord) -> str:
        return plain_text(super().format(record))


def problem_of_name(name: Any, *, longest: int) -> str:
    """Say what keeps a name from being a file's or a folder's, "" if nothing does.

    Parameters
    ----------
    name : what a user or a file gave as name.
    longest : bytes that it may have.
    """
    if not isinstance(name, str):
        return f"is a {type(name).__name__}, not text"
    try:
        n_bytes = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return "is not valid text"
    if not name.strip():
        return "is empty"
    if n_bytes > longest:
        return f"has {n_bytes} bytes, more than {longest}"
    if name != name.strip() or name.startswith("."):
        return "starts or ends with a blank or starts with a dot"
    if found := _NOT_IN_NAMES.search(name):
        return f"holds {found.group()!r}"
    return ""


def check_name(name: Any, what: str) -> str:
    """Return a name if it can be a folder's or a file's; refuse it in words otherwise.

    Raises
    ------
    CollectionError
        Empty, too long, starting with a dot, or with a character that some file system refuses or
        nobody can see.
    """
    if problem := problem_of_name(name, longest=200):
        shown = name if isinstance(name, str) and len(name) <= 60 else f"{str(name)[:40]}..."
        raise CollectionError(
            f"{shown!r} cannot name a {what}: it {problem}. It becomes a folder, so it must not "
            'start with a dot or a blank, end with a blank, or hold any of / \\ : * ? " < > | or '
            "characters that cannot be seen"
        )
    return name


def check_dataset_name(name: Any) -> str:
    """Return a dataset's name if file names can be made of it.

    Raises
    ------
    CollectionError
        When it is empty, too long, not text that files can have, or holds `/ \\ : * ? " < > |`, or
        what nobody can see.
    """
    if problem := problem_of_name(name, longest=_LONGEST_NAME):
        is_short = not isinstance(name, str) or len(name) <= 60
        raise CollectionError(_bad_name(name if is_short else name[:40] + "...", problem))
    return name


def _bad_name(name: Any, why: str) -> str:
    return (
        f"the dataset name {str(name)[:60]!r} {why}. It becomes part of file names: rename the "
        "file, or give the dataset another name (name=...)."
    )
