"""Reads files of JSON objects, one per row: a list of them, or one on each line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from activeclust.errors import DataFileError
from activeclust.files.delimited import find_encoding

if TYPE_CHECKING:
    import pandas as pd

JSON_FILES = (".json", ".jsonl", ".ndjson")
_EXPECTED = 'a list of objects, or an object on each line, such as {"text": "no signal", "price": 12.5}'


def read_json(path: Path, encoding: str | None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table in a file of objects; a key is a column, and an object within an object gives columns ``outer.inner``.

    Parameters
    ----------
    path : Path
        ``.json``, ``.jsonl`` or ``.ndjson``.
    encoding : str or None
        None to find it, as for delimited text.

    Returns
    -------
    frame : DataFrame
        A key that an object lacks, or that is null, is missing.
    notes : tuple of str

    Raises
    ------
    DataFileError
        For a file that is not JSON, or holds something else than objects; the message names the line or the row.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "rows.jsonl"
    ...     _ = path.write_text('{"a": 1, "b": {"c": "x"}}\\n{"a": 2}\\n')
    ...     read_json(path, None)[0].to_dict("list")
    {'a': [1, 2], 'b.c': ['x', nan]}
    """
    import pandas as pd

    if path.stat().st_size == 0:
        raise DataFileError(f"{path} is empty.")
    with path.open("rb") as raw:
        found = find_encoding(raw, path.name, encoding)
    with path.open(encoding=found.name) as file:
        first = next((line for line in file if line.strip()), "")
        file.seek(0)
        records = list(_listed(file.read(), path) if first.lstrip().startswith("[") else _by_line(file, path))
    return pd.json_normalize(records), found.notes


def _by_line(file: TextIO, path: Path) -> Iterator[dict]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield _object(_parsed(line.strip(), f"{path}, line {number},"), f"{path}, line {number},")


def _listed(text: str, path: Path) -> Iterator[dict]:
    for number, record in enumerate(_parsed(text, f"{path}")):
        yield _object(record, f"{path}, row {number} (counted from 0),")


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        at = f"{error.msg} at character {error.colno}" + (
            f" of line {error.lineno}" if error.lineno > 1 else ""
        )
        raise DataFileError(f"{where} is not JSON: {at}. Expected {_EXPECTED}.") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        raise DataFileError(f"{where} cannot be read: {error}.") from error


def _object(record: Any, where: str) -> dict:
    if not isinstance(record, dict):
        raise DataFileError(f"{where} holds {_kind(record)}; expected {_EXPECTED}.")
    return record


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
