"""Dates as MATLAB writes them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any


def as_iso_date(value: Any) -> str:
    """Turn a MATLAB date number or date text into ISO text; text of another form stays as it is."""
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(value, int | float) and 500_000 < value < 1_000_000:
        # Day 1 of MATLAB is in year 0, day 1 of Python in year 1, a leap year later.
        day = datetime.fromordinal(int(value)) + timedelta(days=value % 1 - 366)
        return day.isoformat(timespec="seconds")
    text = str(value).strip()
    if re.fullmatch(r"\d{1,2}-[A-Za-z]{3}-\d{4}( \d{2}:\d{2}:\d{2})?", text):
        form = "%d-%b-%Y %H:%M:%S" if ":" in text else "%d-%b-%Y"
        try:
            return datetime.strptime(text, form).isoformat()
        except ValueError:  # 31-Foo-2020
            return text
    return text
