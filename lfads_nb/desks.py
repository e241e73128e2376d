"""What systems differ in, said once: signals, and who owns a file.

Everything is developed on Linux; the rest of the package asks here, so that it imports and reads
folders on Windows too, which has neither user ids nor most signals.
"""

from __future__ import annotations

import ntpath
import os
import posixpath
import signal
from pathlib import PurePath, PureWindowsPath

KILL: signal.Signals = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Ends a process for good."""
HANGUP: tuple[signal.Signals, ...] = (signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()
"""What a terminal that closes sends, where there is such a thing."""


def belongs_to_this_user(found: os.stat_result) -> bool:
    """Whether a file is this user's own; where there are no user ids, folders say who may write."""
    return not hasattr(os, "getuid") or found.st_uid == os.getuid()


def may_have_been_made_by_root_or_this_user(found: os.stat_result) -> bool:
    """Whether no third person made a file."""
    return belongs_to_this_user(found) or found.st_uid == 0


def stored_path(path: PurePath, start: PurePath) -> str:
    """Write an absolute path as our files hold it, so that every system can read it.

    Relative to `start`, so that both can be moved together, and with forward slashes; absolute
    where no relative path leads there, as from one drive to another.
    """
    system = ntpath if isinstance(path, PureWindowsPath) else posixpath
    try:
        text = system.relpath(str(path), str(start))
    except ValueError:
        text = str(path)
    return type(path)(text).as_posix()
