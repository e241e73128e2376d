"""HDF5 files that others may have made: read whole, and never through them into other files.

HDF5 can send a reader to any file of the machine by an external link, by external storage, or by a
virtual dataset, and opening that file may wait for ever or show what was nobody's to see.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from lfads_nb.regular_files import check_regular

# MATLAB keeps the contents of cells here, often tens of thousands: they are checked one by one
# when they are read (`refuse_stored_elsewhere`).
_MATLAB_CELLS = b"#refs#/"


def open_hdf5(path: Path, *, check_sizes: bool = False, **options: Any) -> h5py.File:
    """Open an HDF5 file for reading.

    Parameters
    ----------
    path : the file.
    check_sizes : refuse it too if an array in it claims more bytes than can be stored.
    **options : of `h5py.File`.

    Raises
    ------
    OSError
        It is missing, no regular file, no whole HDF5 file, or refers to other files.
    """
    check_regular(path)
    file = h5py.File(path, "r", **options)
    try:
        with damage_as_os_error(path):
            refuse_other_files(file)
        if check_sizes:
            refuse_impossible_sizes(file)
    except BaseException:
        file.close()
        raise
    return file


@contextmanager
def damage_as_os_error(path: Path) -> Iterator[None]:
    """Have what h5py raises over damaged parts of a file be an `OSError`, as a damaged start is."""
    try:
        yield
    except (KeyError, RuntimeError, ValueError) as error:
        said = error.args[0] if error.args else error
        raise OSError(errno.EIO, f"it is damaged: {said}", str(path)) from error


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


def refuse_impossible_sizes(file: h5py.File) -> None:
    """Make sure that no array claims to be larger than what is stored of it can be.

    Raises
    ------
    OSError
        One does, and would fill the memory with zeros.
    """

    def look(name: bytes) -> str | None:
        found = h5py.h5o.open(file.id, name)
        if not isinstance(found, h5py.h5d.DatasetID):
            return None
        return claims_too_much(h5py.Dataset(found)) or None

    with damage_as_os_error(Path(file.filename)):
        claim = h5py.h5o.visit(file.id, look)
    if claim:
        raise OSError(errno.EINVAL, claim, file.filename)


# Nothing packs tighter than a run of equal bytes by deflate.
_TIGHTEST = 1100
_HARMLESS_BYTES = 1 << 26


def claims_too_much(item: h5py.Dataset) -> str:
    """Say that an array claims to be larger than it can be; "" if it does not."""
    claimed, stored = item.size * item.dtype.itemsize, item.id.get_storage_size()
    if claimed <= max(_HARMLESS_BYTES, _TIGHTEST * max(stored, 1)):
        return ""
    return f"{item.name} claims {claimed / 1e9:.3g} GB, but {stored} bytes of it are stored"


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
