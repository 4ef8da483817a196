"""Rows found by a row number, an id or file name, or words."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from activeclust.web.items import shown_name


class RowTexts:
    """Texts and names of rows, read from the items at the first search.

    Parameters
    ----------
    items : sequence of length n
        What people look at: texts, mappings of columns, paths, arrays.
    names : sequence of str of length n, optional
        The rows' ids or file names.

    Examples
    --------
    >>> texts = RowTexts(["one", "two", "1 and 2"], ["a", "b", "Bob"])
    >>> texts.find("1", 9), texts.find("B", 9)
    ([1, 2], [1, 2])
    >>> texts.holding("o").tolist()
    [True, True, True]
    """

    def __init__(self, items: Sequence[Any] | np.ndarray, names: Sequence[str] | None = None) -> None:
        self.items, self.names = items, names
        self._words: list[str] | None = None
        self._lock = threading.Lock()

    def find(self, text: str, limit: int) -> list[int]:
        """At most ``limit`` rows: the row of that number, rows of that name, rows that contain the text."""
        wanted = text.strip().casefold()
        if not wanted:
            return []
        named = (
            []
            if self.names is None
            else [i for i, name in enumerate(self.names) if name.casefold() == wanted]
        )
        holding = np.flatnonzero(self._with(wanted)).tolist()
        return list(dict.fromkeys((*self._number(wanted), *named, *holding)))[:limit]

    def holding(self, text: str) -> np.ndarray:
        """(n,) bool: rows that contain a text (case-insensitive), and the row of that number."""
        wanted = text.strip().casefold()
        found = self._with(wanted)
        found[self._number(wanted)] = True
        return found

    def _number(self, wanted: str) -> list[int]:
        number = wanted.removeprefix("row").strip().replace(",", "")
        known = number.isascii() and number.isdigit() and len(number) < 12 and int(number) < len(self.items)
        return [int(number)] if known else []

    def _with(self, wanted: str) -> np.ndarray:
        with self._lock:
            if self._words is None:
                self._words = self._read()
        return np.fromiter((wanted in words for words in self._words), dtype=bool, count=len(self._words))

    def _read(self) -> list[str]:
        frame = getattr(self.items, "frame", None)
        if frame is not None:
            columns = [frame] if frame.ndim == 1 else [frame.iloc[:, i] for i in range(frame.shape[1])]
            texts = [
                "\n".join(cells) for cells in zip(*(column.astype(str) for column in columns), strict=True)
            ]
        else:
            texts = [_words(item) for item in self.items]
        if self.names is not None:
            texts = [f"{text}\n{name}" for text, name in zip(texts, self.names, strict=True)]
        return [text.casefold() for text in texts]


def _words(item: Any) -> str:
    if isinstance(item, Path):
        return shown_name(item)
    if isinstance(item, Mapping):
        return "\n".join(str(value) for value in item.values())
    return "" if isinstance(item, np.ndarray) else str(item)
