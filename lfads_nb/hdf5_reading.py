"""HDF5 files that others may have made: read whole, and never through them into other files.

HDF5 can send a reader to any file of the machine by an external link, by external storage, or by a
virtual dataset, and opening that file may wait for ever or show what was nobody's to see.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import h5py

from lfads_nb.regular_files import check_regular

# MATLAB keeps the contents of cells here, often tens of thousands: they are checked one by one
# when they are read (`refuse_stored_elsewhere`).
_MATLAB_CELLS = b"#refs#/"


def open_hdf5(path: Path, **options: Any) -> h5py.File:
    """Open an HDF5 file for reading.

    Parameters
    ----------
    path : the file.
    **options : of `h5py.File`.

    Raises
    ------
    OSError
        It is missing, no regular file, no whole HDF5 file, or refers to other files.
    """
    check_regular(path)
    file = h5py.File(path, "r", **options)
    try:
        refuse_other_files(file)
    except BaseException:
        file.close()
        raise
    return file


def refuse_other_files(file: h5py.File) -> None:
    """Make sure that nothing in a file leads into another one.

    Raises
    ------
    OSError
        Something does; the message names it.
    """
    found = file.id.links.visit(_leads_out, info=True)
    if found is None:
        found = h5py.h5o.visit(
            file.id, lambda name: name if _is_stored_elsewhere(file, name) else None
        )
    if found is not None:
        raise _refusal(found, file.filename)


def refuse_links_at_top(file: h5py.File) -> None:
    """Make sure that no name at the top of a file is a link to another; for a look at many files.

    Raises
    ------
    OSError
        One is.
    """
    leading: list[bytes] = []

    def look(name: bytes, info: Any) -> None:
        if _leads_out(name, info):
            leading.append(name)

    file.id.links.iterate(look, info=True)
    if leading:
        raise _refusal(leading[0], file.filename)


def refuse_stored_elsewhere(dataset: h5py.Dataset) -> None:
    """Make sure that an array's values are in its own file.

    Raises
    ------
    OSError
        They are not.
    """
    if _has_foreign_storage(dataset.id):
        raise _refusal(dataset.name, dataset.file.filename)


def _leads_out(name: bytes, info: Any) -> bytes | None:
    return name if info.type not in (h5py.h5l.TYPE_HARD, h5py.h5l.TYPE_SOFT) else None


def _is_stored_elsewhere(file: h5py.File, name: bytes) -> bool:
    if name.startswith(_MATLAB_CELLS):
        return False
    found = h5py.h5o.open(file.id, name)
    return isinstance(found, h5py.h5d.DatasetID) and _has_foreign_storage(found)


def _has_foreign_storage(dataset: h5py.h5d.DatasetID) -> bool:
    made = dataset.get_create_plist()
    return made.get_external_count() > 0 or made.get_layout() == h5py.h5d.VIRTUAL


def _refusal(name: bytes | str, path: str) -> OSError:
    shown = name.decode(errors="replace") if isinstance(name, bytes) else name
    return OSError(
        errno.ELOOP,
        f"{shown!r} in it leads into another file, which is never followed: copy the values into "
        "one file (h5py's file.copy with expand_external=True, or h5repack)",
        path,
    )
