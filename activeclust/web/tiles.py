"""Tiles: rows with the few columns that distinguish them from the rest of their cluster."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from activeclust.annotators.printable import is_vector, shown
from activeclust.web.items import cut, is_picture, item_json
from activeclust.web.page_state import PageState

TELLING = 4  #: columns that a tile shows
SAMPLE = 2_000  #: rows of a cluster from which its middle is taken
WIDEST_TABLE = 1_000  #: columns that are looked at
MANY_CHARACTERS = 40  #: mean characters from which on a column is a text, which always tells
MANY_WORDS = 3  #: mean words from which on a column of distinct values is a text, not an id
LEAST_IDS = 40  #: rows from which on distinct values are ids


class Tiles:
    """Rows of one data set as JSON for the page's tiles.

    Parameters
    ----------
    items : sequence of length n
    key : str
        Tells data sets apart where browsers keep pictures.
    """

    def __init__(self, items: Sequence[Any] | np.ndarray, key: str) -> None:
        self.items, self.key = items, key
        self._lock = threading.Lock()
        self._columns: TellingColumns | None = None
        self._looked = False

    def item(self, row: int, state: PageState) -> dict[str, Any]:
        """A row's item, with the columns that distinguish it from the rest of its cluster."""
        made = item_json(self.items[row], row, self.key)
        if made["kind"] in ("columns", "numbers") and (columns := self._telling()) is not None:
            made["brief"] = columns.of(row, state)
        return made

    def of(self, row: int, state: PageState, **more: Any) -> dict[str, Any]:
        """A row as a tile."""
        return {
            "row": row,
            "item": self.item(row, state),
            "p": round(float(state.confidence[row]), 4),
            **more,
        }

    def many(self, rows: Sequence[int], state: PageState) -> list[dict[str, Any]]:
        """Rows as tiles."""
        return [self.of(row, state) for row in rows]

    def _telling(self) -> TellingColumns | None:
        with self._lock:
            if not self._looked:
                frame = _frame(self.items)
                self._columns = None if frame is None else TellingColumns(frame)
                self._looked = True
        return self._columns


def _frame(items: Any) -> Any:
    """The items as a table, or None."""
    import pandas as pd

    frame = getattr(items, "frame", None)
    if frame is not None:
        return frame if frame.ndim == 2 and frame.shape[1] <= WIDEST_TABLE else None
    if isinstance(items, np.ndarray):
        fits = items.ndim == 2 and not is_picture(items[0]) and items.shape[1] <= WIDEST_TABLE
        return pd.DataFrame(items) if fits else None
    if all(isinstance(item, Mapping) for item in items):
        return pd.DataFrame(list(items))
    return None


class TellingColumns:
    """The columns of a table that distinguish a row from the other rows of its cluster.

    A number tells by its distance from the cluster's median, in units of the column's spread over all rows;
    a name by how rare it is in the cluster; a text always; an id or a vector never.

    Parameters
    ----------
    frame : pandas.DataFrame

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"a": [1, 1, 1, 9], "b": [0, 1, 2, 1], "c": ["x", "x", "x", "x"]})
    >>> TellingColumns(frame).ranked(3, np.arange(4))
    ['a', 'b', 'c']
    """

    def __init__(self, frame: Any) -> None:
        import pandas as pd

        self.frame, self.names = frame, [str(name) for name in frame.columns]
        self._numbers: dict[int, np.ndarray] = {}
        self._texts: set[int] = set()
        self._silent: set[int] = set()  # ids, which every row has of its own, and vectors
        for i in range(frame.shape[1]):
            column = frame.iloc[:, i]
            if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
                self._sort(i, column.head(SAMPLE))
            else:
                self._numbers[i] = column.to_numpy(dtype=float, na_value=np.nan)
        self._spread = {
            i: float(np.nanstd(values)) or 1.0 for i, values in self._numbers.items() if len(values)
        }
        self._kept: dict[tuple[int, int], tuple[dict[int, float], dict[int, dict[str, float]]]] = {}
        self._lock = threading.Lock()

    def _sort(self, i: int, sample: Any) -> None:
        """Whether a column is a text, an id or a vector, by its first values."""
        written = sample.astype(str)
        distinct = len(sample) > LEAST_IDS and written.is_unique
        if sample.map(is_vector).any():
            self._silent.add(i)
        elif written.str.len().mean() >= MANY_CHARACTERS or (
            distinct and written.str.split().str.len().mean() >= MANY_WORDS
        ):
            self._texts.add(i)
        elif distinct:
            self._silent.add(i)

    def of(self, row: int, state: PageState) -> list[list[str]]:
        """Names and values of the most distinctive columns, in the table's order."""
        code = int(state.codes[row])
        scores = self._scores(row, self._middle(state.version, code, np.flatnonzero(state.codes == code)))
        best = np.argsort(-scores, kind="stable")[:TELLING].tolist()
        chosen = sorted(i for i in best if scores[i] >= 0)
        return [[self.names[i], cut(shown(self.frame.iloc[row, i]), 200)] for i in chosen]

    def ranked(self, row: int, members: np.ndarray) -> list[str]:
        """Columns in decreasing order of distinctiveness among the rows of a cluster."""
        return [self.names[i] for i in np.argsort(-self._scores(row, self._found(members)), kind="stable")]

    def _scores(self, row: int, middle: tuple[dict[int, float], dict[int, dict[str, float]]]) -> np.ndarray:
        medians, shares = middle
        scores = np.zeros(len(self.names))
        for i, values in self._numbers.items():
            far = abs(values[row] - medians[i]) / self._spread[i]
            scores[i] = far if np.isfinite(far) else 0.0
        for i, share in shares.items():
            scores[i] = -np.log(share.get(str(self.frame.iloc[row, i]), 1e-3)) / 2
        scores[list(self._texts)], scores[list(self._silent)] = np.inf, -1.0
        return scores

    def _middle(self, version: int, code: int, members: np.ndarray) -> Any:
        with self._lock:
            if any(key[0] != version for key in self._kept):
                self._kept = {}
            if (version, code) not in self._kept:
                self._kept[version, code] = self._found(members)
            return self._kept[version, code]

    def _found(self, members: np.ndarray) -> tuple[dict[int, float], dict[int, dict[str, float]]]:
        some = members[:: max(1, len(members) // SAMPLE)]
        medians = {}
        for i, values in self._numbers.items():
            known = values[some][~np.isnan(values[some])]
            medians[i] = float(np.median(known)) if len(known) else np.nan
        named = [
            i
            for i in range(len(self.names))
            if i not in self._numbers and i not in self._texts | self._silent
        ]
        shares = {
            i: self.frame.iloc[some, i].astype(str).value_counts(normalize=True).to_dict() for i in named
        }
        return medians, shares
