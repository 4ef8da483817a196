"""Tables as the bytes of a file: CSV, spreadsheet, JSON lines, parquet.

Every function takes columns of equal length and returns the content of a file. A missing value is blank, null or
missing, as the format has it; a text is never changed into a formula or a number.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from activeclust.errors import MissingDependency

Columns = Mapping[str, Sequence[Any]]
_MOST = 32_767  # characters in a cell of a spreadsheet


def table_csv(columns: Columns, separator: str = ",") -> str:
    """A table as delimited text.

    Examples
    --------
    >>> print(table_csv({"row": [0, 1], "text": ["a, b", None]}))
    row,text
    0,"a, b"
    1,
    <BLANKLINE>
    """
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_plain(value) for value in line] for line in zip(*columns.values(), strict=True))
    return out.getvalue()


def _delimited(columns: Columns, separator: str) -> bytes:
    """In UTF-8, with a byte order mark unless it is ASCII; without it Excel assumes another encoding."""
    text = table_csv(columns, separator)
    return text.encode("utf-8" if text.isascii() else "utf-8-sig", "replace")


def _json_lines(columns: Columns) -> bytes:
    """One object per row; halves of surrogate pairs, bytes of a file name that is not UTF-8, are written as escapes."""
    lines = (
        json.dumps(dict(zip(columns, map(_json, line), strict=True)), ensure_ascii=False, allow_nan=False)
        for line in zip(*columns.values(), strict=True)
    )
    return b"".join(line.encode("utf-8", "backslashreplace") + b"\n" for line in lines)


def _json(value: Any) -> Any:
    """Lists, such as vectors, stay lists."""
    value = value.tolist() if getattr(value, "ndim", 0) else value
    if isinstance(value, (list, tuple)):
        return [_json(inner) for inner in value]
    if isinstance(value, Mapping):
        return {str(name): _json(inner) for name, inner in value.items()}
    value = _plain(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _parquet(columns: Columns) -> bytes:
    """A column with values of several types is text."""
    pyarrow, parquet = _pyarrow()
    made = {}
    for name, values in columns.items():
        plain = [value if isinstance(value, (list, tuple)) else _plain(value) for value in values]
        try:
            made[name] = pyarrow.array(plain)
        except (pyarrow.ArrowException, UnicodeEncodeError, OverflowError):
            texts = [None if v is None else str(v).encode("utf-8", "replace").decode() for v in plain]
            made[name] = pyarrow.array(texts)
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(made), file)
    return file.getvalue()


def _pyarrow() -> Any:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingDependency(
            "Writing .parquet needs pyarrow: pip install 'activeclust[parquet]'."
        ) from error
    return pyarrow, parquet


def _spreadsheet(columns: Columns) -> bytes:
    openpyxl = _openpyxl()
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("clusters")

    def cell(value: Any) -> Any:
        value = _plain(value)
        if not isinstance(value, str):
            return value
        text = value.encode("utf-8", "replace").decode()
        made = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("\ufffd", text)[:_MOST])
        made.data_type = "s"  # a text that begins with = is not a formula
        return made

    sheet.append([cell(name) for name in columns])
    for line in zip(*columns.values(), strict=True):
        sheet.append([cell(value) for value in line])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _openpyxl() -> Any:
    try:
        import openpyxl
    except ImportError as error:
        raise MissingDependency("Writing .xlsx needs openpyxl: pip install 'activeclust[excel]'.") from error
    return openpyxl


def _plain(value: Any) -> Any:
    """A cell's value as a built-in Python type; None if it is missing."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:
        return None
    return value if isinstance(value, (str, int, float, bool)) else str(value)


#: By the end of a file's name.
TABLE_FORMATS: dict[str, Callable[[Columns], bytes]] = {
    ".csv": partial(_delimited, separator=","),
    ".tsv": partial(_delimited, separator="\t"),
    ".xlsx": _spreadsheet,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}
#: What a format needs that may not be installed; raises MissingDependency.
NEEDED: dict[str, Callable[[], Any]] = {".xlsx": _openpyxl, ".parquet": _pyarrow}
