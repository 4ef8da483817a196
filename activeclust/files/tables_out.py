"""Writes tables for spreadsheet programs: CSV and ``.xlsx``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from activeclust.errors import MissingDependency
from activeclust.resources.output import write_atomically, write_text

#: maximum number of characters in a cell of a spreadsheet
_MOST = 32_767


def table_csv(columns: Mapping[str, Sequence[Any]]) -> str:
    """A table as CSV; missing values are blank.

    Examples
    --------
    >>> print(table_csv({"row": [0, 1], "text": ["a, b", None]}))
    row,text
    0,"a, b"
    1,
    <BLANKLINE>
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_plain(value) for value in line] for line in zip(*columns.values(), strict=True))
    return out.getvalue()


def write_table(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write a table as ``.xlsx`` or, for every other name, as CSV in UTF-8.

    CSV that is not ASCII begins with a byte order mark; without it Excel assumes another encoding.

    Parameters
    ----------
    path : Path
    columns : mapping of str to sequence of length n

    Raises
    ------
    MissingDependency
        For ``.xlsx`` where openpyxl is not installed.
    """
    if path.suffix.lower() == ".xlsx":
        _write_sheet(path, columns)
        return
    text = table_csv(columns)
    write_text(path, text, "utf-8" if text.isascii() else "utf-8-sig")


def check_table_name(path: Path) -> None:
    """Check before a long computation that a table of that name can be written.

    Raises
    ------
    MissingDependency
        For ``.xlsx`` where openpyxl is not installed.
    """
    if path.suffix.lower() == ".xlsx":
        _openpyxl()


def _openpyxl() -> Any:
    try:
        import openpyxl
    except ImportError as error:
        raise MissingDependency("Writing .xlsx needs openpyxl: pip install 'activeclust[excel]'.") from error
    return openpyxl


def _write_sheet(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    openpyxl = _openpyxl()
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("clusters")

    def cell(value: Any) -> Any:
        value = _plain(value)
        if not isinstance(value, str):
            return value
        made = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)[:_MOST])
        made.data_type = "s"  # a text that begins with = is not a formula
        return made

    sheet.append([cell(name) for name in columns])
    for line in zip(*columns.values(), strict=True):
        sheet.append([cell(value) for value in line])
    with write_atomically(path) as file:
        book.save(file)


def _plain(value: Any) -> Any:
    """A cell's value as a built-in Python type; None if it is missing."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:
        return None
    return value if isinstance(value, (str, int, float, bool)) else str(value)
