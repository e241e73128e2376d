"""Tables in files, as people save them: CSV with any separator and encoding, Excel workbooks."""

from __future__ import annotations

import codecs
import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lfads_nb.datasets.labels import as_text
from lfads_nb.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_table(
    path: str | os.PathLike[str], *, text_columns: Sequence[str | None] = ()
) -> pd.DataFrame:
    """Read a table with one line of column names.

    Parameters
    ----------
    path : text with values separated by commas, semicolons or tabs, whichever the first line has
        most of, in UTF-8, UTF-16 or Latin-1 (semicolons: decimal commas, too); or an Excel
        workbook, of which the first sheet is read.
    text_columns : columns whose values stay text (keys such as "001").

    Raises
    ------
    DataError
        When the file cannot be read, naming it.
    """
    path = Path(path).expanduser()
    try:
        raw = path.read_bytes()
        if raw.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
            return _read_workbook(path, text_columns)
        return _read_text(raw, text_columns)
    except ImportError as error:
        raise DataError(
            f"the condition table {path} is an Excel workbook, which needs another package "
            f"({error}). Install that, or save the table as CSV."
        ) from error
    except Exception as error:
        raise DataError(f"the condition table {path} cannot be read: {error}") from error


def _read_workbook(path: Path, text_columns: Sequence[str | None]) -> pd.DataFrame:
    import pandas as pd

    return pd.read_excel(path, dtype=dict.fromkeys(filter(None, text_columns), str))


def _read_text(raw: bytes, text_columns: Sequence[str | None]) -> pd.DataFrame:
    import pandas as pd

    text = _decoded(raw)
    if "\0" in text:
        raise ValueError("it holds bytes that are no text")
    if not text.strip():
        raise ValueError("it is empty")
    separator = max(",;\t", key=text.lstrip().partition("\n")[0].count)
    decimal_comma = (
        separator == ";" and re.search(r"\d,\d", text) and not re.search(r"\d\.\d", text)
    )
    frame = pd.read_csv(
        io.StringIO(text),
        sep=separator,
        decimal="," if decimal_comma else ".",
        skipinitialspace=True,
        low_memory=False,  # in pieces, one column could come out as numbers here and text there
        dtype=dict.fromkeys(filter(None, text_columns), str),
    )
    return frame.rename(columns=lambda name: str(name).strip())


def _decoded(raw: bytes) -> str:
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw.decode(encoding)
    return as_text(raw)
