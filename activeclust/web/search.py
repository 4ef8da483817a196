"""Rows found by what one types: a row's number, its name in the file, or words in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def find_rows(
    text: str, items: Sequence[Any] | np.ndarray, names: Sequence[str] | None, limit: int
) -> list[int]:
    """Rows that ``text`` means, at most ``limit``: that number, then those of that name, then those that hold it.

    Parameters
    ----------
    text : str
        Upper and lower case count as the same.
    items : sequence of length n
        What people look at: texts, mappings of columns, paths, arrays.
    names : sequence of str of length n, optional
        The rows' ids or file names.
    limit : int

    Examples
    --------
    >>> find_rows("1", ["one", "two", "1 and 2"], ["a", "b", "c"], 9)
    [1, 2]
    >>> find_rows("B", ["one", "two", "Bob"], ["a", "b", "c"], 9)
    [1, 2]
    """
    wanted = text.strip().casefold()
    if not wanted:
        return []
    n = len(items)
    number = wanted.removeprefix("row").strip().replace(",", "")
    found: dict[int, None] = {}
    if number.isascii() and number.isdigit() and len(number) < 12 and int(number) < n:
        found[int(number)] = None
    if names is not None:
        found |= dict.fromkeys(row for row, name in enumerate(names) if name.casefold() == wanted)
    for row in range(n):
        if len(found) >= limit:
            break
        if wanted in _words(items[row]) or (names is not None and wanted in names[row].casefold()):
            found[row] = None
    return list(found)[:limit]


def _words(item: Any) -> str:
    if isinstance(item, Path):
        return item.name.casefold()
    if isinstance(item, Mapping):
        return "\n".join(str(value) for value in item.values()).casefold()
    return "" if isinstance(item, np.ndarray) else str(item).casefold()
