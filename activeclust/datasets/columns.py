"""The columns of a table as one array of numbers; every step is reported in a sentence.

Numbers are standardised, categories one-hot encoded, dates become their age and their position in the day, week
and year, texts become vectors (a sentence model, or TF-IDF with truncated SVD); a column of vectors is used unchanged.
Beside other columns, a date, a text or a vector has the same weight as one number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from activeclust.datasets.column_blocks import BLOCKS, Block
from activeclust.datasets.column_kinds import Kind, kind_of
from activeclust.errors import InvalidInput
from activeclust.validation import some_rows

if TYPE_CHECKING:
    import pandas as pd


class TableEncoder:
    """Encodes all columns of a table as numbers, and later rows in the same way.

    Everything learned from the first table is kept: means and scales, medians and most frequent categories for missing
    values, the categories, the words of texts. An unknown category is encoded as zeros.

    Parameters
    ----------
    what : str
        How messages name the table.
    impute : bool
        Fill missing values (median, most frequent category) instead of refusing them.
    text : str, optional
        A column to encode as text in any case.
    words : bool
        Compare texts by their words even if a sentence model is installed.

    Attributes
    ----------
    kinds : dict of str to str
        What each column is: ``"number"``, ``"category"``, ``"date"``, ``"text"`` or ``"vector"``.

    Examples
    --------
    >>> import pandas as pd
    >>> encoder = TableEncoder("t.csv")
    >>> X, notes = encoder.fit(pd.DataFrame({"size": [1, 2, 4], "colour": ["red", "blue", "red"]}))
    >>> X.shape, notes
    ((3, 3), ('Standardised: size.', 'One-hot encoded: colour.'))
    >>> encoder.transform(pd.DataFrame({"size": [2], "colour": ["green"]})).shape
    (1, 3)
    """

    def __init__(
        self, what: str, *, impute: bool = False, text: str | None = None, words: bool = False
    ) -> None:
        self.what, self.impute, self.text, self.words = what, impute, text, words
        self.kinds: dict[str, Kind] = {}
        self._blocks: list[Block] = []

    def fit(self, frame: pd.DataFrame) -> tuple[np.ndarray, tuple[str, ...]]:
        """The columns of ``frame`` (n, columns) as (n, d) float32, and what was done, one sentence per kind.

        Raises
        ------
        InvalidInput
            For a column of unclear kind, and for missing values without ``impute``.
        """
        self.kinds = {
            name: "text" if name == self.text else kind_of(frame[name], name, self.what)
            for name in frame.columns
        }
        self._check_gaps(frame, fitting=True)
        of = {kind: [name for name in self.kinds if self.kinds[name] == kind] for kind in BLOCKS}
        self._blocks = []
        for kind, of_kind in BLOCKS.items():
            groups = [of[kind]] if kind in ("number", "category") else [[name] for name in of[kind]]
            self._blocks += [of_kind(names, self.what, words=self.words) for names in groups if names]
        parts, notes = [], []
        for block in self._blocks:
            X, said = block.fit(frame)
            parts.append(X if len(self._blocks) == 1 else block.beside_others(X))
            notes += said
        if self.impute:
            filled = [name for name in self._gapless if frame[name].isna().any()]
            notes += [f"Gaps filled in: {', '.join(filled)}."] if filled else []
        return np.hstack(parts, dtype=np.float32), tuple(notes)

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """(m, d) float32 of other rows with the same columns, in any order; missing values as in :meth:`fit`."""
        missing = [name for name in self.kinds if name not in frame.columns]
        if missing:
            raise InvalidInput(
                f"{self.what} had the columns {', '.join(map(str, self.kinds))}; these rows have no "
                f"{', '.join(map(str, missing))}."
            )
        self._check_gaps(frame, fitting=False)
        parts = []
        for block in self._blocks:
            X = block.transform(frame)
            parts.append(X if len(self._blocks) == 1 else block.beside_others(X))
        return np.hstack(parts, dtype=np.float32)

    @property
    def _gapless(self) -> list[str]:
        """Columns that need a value in every row; a missing text is an empty one."""
        return [name for name in self.kinds if self.kinds[name] != "text"]

    def _check_gaps(self, frame: pd.DataFrame, *, fitting: bool) -> None:
        holes = frame[self._gapless].isna()
        if self.impute:
            empty = [name for name in holes.columns if fitting and holes[name].all()]
            if empty:
                raise InvalidInput(f"Column {empty[0]!r} of {self.what} holds no value at all: leave it out.")
            return
        rows = np.flatnonzero(holes.any(axis=1))
        if len(rows):
            columns = ", ".join(str(name) for name in holes.columns if holes[name].any())
            raise InvalidInput(
                f"{self.what} misses values in {some_rows(rows)}, columns: {columns}. "
                "Drop those rows, or fill them with --impute (median, most frequent category)."
            )
