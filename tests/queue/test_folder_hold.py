"""A folder is held itself, whatever its name comes to mean."""

import errno
import os

import pytest

from lfads_nb.errors import RunFolderError
from lfads_nb.queue.folder_hold import FolderHold


def test_a_folder_that_is_renamed_or_replaced_is_not_in_its_place(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    hold = FolderHold(folder)
    assert hold.is_in_place()
    folder.rename(tmp_path / "b")
    assert not hold.is_in_place()
    assert hold.path_now() == tmp_path / "b"
    folder.mkdir()
    assert not hold.is_in_place()
    (tmp_path / "b").rmdir()
    assert hold.path_now() is None
    hold.close()
    with pytest.raises(RunFolderError, match="cannot be opened"):
        FolderHold(tmp_path / "none")


def test_a_network_drive_that_does_not_answer_has_lost_nothing(tmp_path, monkeypatch):
    hold = FolderHold(tmp_path)

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "stat", fail)
    assert hold.is_in_place()
    monkeypatch.undo()
    hold.close()
