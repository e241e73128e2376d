"""HDF5 data sets that cannot be read, told before they are: filters, and sizes that cannot be."""

from __future__ import annotations

import h5py

from lfads_nb.hdf5_reading import claims_too_much

# Registered filters (The HDF Group) that recordings are compressed with.
_FILTERS = {
    32001: "Blosc", 32004: "LZ4", 32008: "Bitshuffle", 32013: "ZFP", 32015: "Zstandard",
    32026: "Blosc2", 32000: "LZF",
}  # fmt: skip


def check_readable(item: h5py.Dataset) -> None:
    """Refuse a data set whose filter is missing, or that claims to be larger than it can be.

    Raises
    ------
    ValueError
        When it does. A damaged shape would otherwise fill the machine's memory with zeros.
    """
    created = item.id.get_create_plist()
    for number in range(created.get_nfilters()):
        code, *_, name = created.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            known = _FILTERS.get(code) or name.decode("latin-1") or "unknown"
            raise ValueError(f"{item.name} needs the required filter {known} (number {code})")
    if claim := claims_too_much(item):
        raise ValueError(claim)
