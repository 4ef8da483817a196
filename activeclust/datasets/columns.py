"""Columns of a table as numbers: nothing guessed in silence, every step said in a sentence.

Numbers are standardised, categories one-hot, dates become their age and where they stand in the day, week
and year, texts TF-IDF with truncated SVD; a column of vectors stays as it is. A date, a text or a vector
beside other columns weighs as much as one number.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

import numpy as np

from activeclust.datasets.embedding import text_reader
from activeclust.errors import InvalidInput
from activeclust.validation import counted, some_rows

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "category", "date", "text", "vector"]

#: a column of text with more distinct values than this is prose or an identifier, not a category
MOST_CATEGORIES = 100
#: what has this many words in the middle value, and as many values as no category has, is prose
PROSE_WORDS = 3
DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
#: a number with a decimal comma; a column of them alone is taken for nothing else
_COMMA = re.compile(r"[-+]?\d+,\d+")
_YEAR = 365.2425 * 86400.0
#: what repeats in a date, in seconds
_CYCLES = {"hour": 86400.0, "weekday": 7 * 86400.0, "season": _YEAR}


class TableEncoder:
    """All columns of a table as numbers, and of rows that come later in the same way.

    What is learned from the first table is kept: means and scales, medians and most frequent categories for gaps,
    the categories, the words of texts. A category that the first table did not hold is none of its categories.

    Parameters
    ----------
    what : str
        How messages name the table.
    impute : bool
        Fill missing values (median, most frequent category) instead of refusing them.
    text : str, optional
        A column that is text whatever it looks like.
    words : bool
        Compare texts by their words, also where a sentence model is installed.

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
        """The columns of ``frame`` (n, columns) as (n, d) float32, and what was done, one sentence a kind.

        Raises
        ------
        InvalidInput
            For a column that is of no kind, and for missing values that are not to be filled.
        """
        self.kinds = {
            name: "text" if name == self.text else kind_of(frame[name], name, self.what)
            for name in frame.columns
        }
        self._check_gaps(frame, fitting=True)
        of = {kind: [name for name in self.kinds if self.kinds[name] == kind] for kind in _BLOCKS}
        self._blocks = []
        for kind, of_kind in _BLOCKS.items():
            groups = [of[kind]] if kind in ("number", "category") else [[name] for name in of[kind]]
            self._blocks += [of_kind(names, self.what) for names in groups if names]
        for block in self._blocks:
            if isinstance(block, _Texts):
                block.words = self.words
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
        """(m, d) float32 of other rows with the same columns, in any order; gaps as in :meth:`fit`."""
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
        """Columns that need a value in every row; an absent text is an empty one."""
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


# ---------------------------------------------------------------- which kind a column is of


def kind_of(column: pd.Series, name: str, what: str) -> Kind:
    """The kind of a column, or :class:`InvalidInput` saying why it is of none."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return "category"
    if pd.api.types.is_datetime64_any_dtype(column):
        return "date"
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        return "number"
    values = column.dropna()
    if len(values) and isinstance(values.iloc[0], (np.ndarray, list)):
        return "vector"
    held = pd.api.types.infer_dtype(values)  # of Python's objects
    if held in ("integer", "floating", "mixed-integer-float", "decimal", "boolean"):
        return "category" if held == "boolean" else "number"
    strings = values.map(str)
    if len(strings) and strings.map(lambda s: bool(DATE.fullmatch(s.strip()))).all():
        return "date"
    if len(strings) and strings.map(lambda s: bool(_COMMA.fullmatch(s.strip()))).all():
        raise InvalidInput(
            f"Column {name!r} of {what} holds numbers with decimal commas, such as {strings.iloc[0]!r}: read the file "
            "with --decimal , (decimal=',')."
        )
    odd = pd.to_numeric(strings, errors="coerce").isna()
    if 0 < odd.sum() < len(strings) / 2:
        raise InvalidInput(
            f"Column {name!r} of {what} is not numeric: {strings[odd].iloc[0]!r} in "
            f"{some_rows(strings.index[odd].to_numpy())}, numbers in the others. "
            "Mend it, leave the cell blank (--impute fills it), or leave the column out with --drop."
        )
    if _few_enough(strings):
        return "category"
    if _is_prose(strings):
        return "text"
    raise InvalidInput(
        f"Column {name!r} of {what} is not numeric and holds {strings.nunique():,} different values in "
        f"{counted(len(strings), 'row')}, too many to be categories: leave it out with --drop, name it "
        "with --id-column or --label-column, or with --text-column where it is text."
    )


def find_text_column(frame: pd.DataFrame) -> str | None:
    """The one column that is prose; None where there is none or more than one."""
    found = []
    for name in frame.columns:
        values = frame[name].dropna()
        if len(values) and isinstance(values.iloc[0], str) and not _few_enough(values) and _is_prose(values):
            found.append(name)
    return found[0] if len(found) == 1 else None


def as_text(column: pd.Series) -> list[str]:
    """The values as strings, gaps as empty ones."""
    return ["" if gap else str(v) for v, gap in zip(column.tolist(), column.isna(), strict=True)]


def _few_enough(strings: pd.Series) -> bool:
    return strings.nunique() <= min(MOST_CATEGORIES, max(2, len(strings) // 2))


def _is_prose(strings: pd.Series) -> bool:
    return bool(np.median([len(value.split()) for value in strings.head(1000)]) >= PROSE_WORDS)


# ---------------------------------------------------------------- kinds to numbers


class Block(ABC):
    """Columns of one kind.

    Parameters
    ----------
    names : list of str
        The columns; one for each block of dates, texts or vectors.
    what : str
        How messages name the table.
    """

    def __init__(self, names: list[str], what: str) -> None:
        self.names, self.name, self.what = names, names[0], what

    @abstractmethod
    def fit(self, frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
        """The columns as numbers (n, d), and what was done."""

    @abstractmethod
    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Those of other rows, as learned from the first."""

    def beside_others(self, X: np.ndarray) -> np.ndarray:
        """The numbers on the scale that they have where there are other columns."""
        return X


class _Standardised:
    """Columns of floats standardised, gaps filled by the median."""

    def __init__(self) -> None:
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        # whatever scikit-learn's global transform_output is
        self._steps = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).set_output(
            transform="default"
        )

    def fit(self, table: np.ndarray) -> np.ndarray:
        return self._steps.fit_transform(table)

    def transform(self, table: np.ndarray) -> np.ndarray:
        return self._steps.transform(table)


class _Numbers(Block):
    """Numbers and durations, standardised."""

    def fit(self, frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
        self._scale = _Standardised()
        return self._scale.fit(self._table(frame)), [f"Standardised: {', '.join(map(str, self.names))}."]

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        return self._scale.transform(self._table(frame))

    def _table(self, frame: pd.DataFrame) -> np.ndarray:
        return np.stack([_floats(frame[name], name) for name in self.names], axis=1)


class _Categories(Block):
    """Categories, one-hot."""

    def fit(self, frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder

        self._steps = make_pipeline(
            SimpleImputer(strategy="most_frequent"),
            OneHotEncoder(sparse_output=False, handle_unknown="ignore"),
        ).set_output(transform="default")
        X = self._steps.fit_transform(self._table(frame))
        return X, [f"One-hot encoded: {', '.join(map(str, self.names))}."]

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        return self._steps.transform(self._table(frame))

    def _table(self, frame: pd.DataFrame) -> np.ndarray:
        table = np.empty((len(frame), len(self.names)), dtype=object)
        for i, name in enumerate(self.names):
            gap = frame[name].isna()
            table[:, i] = [np.nan if empty else str(v) for v, empty in zip(frame[name], gap, strict=True)]
        return table


class _Dates(Block):
    """A date: its age, and sine and cosine of each cycle that the dates go round; of total variance one."""

    def fit(self, frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
        seconds = self._seconds(frame)
        known = seconds[~np.isnan(seconds)]
        self.cycles = [
            cycle
            for cycle, period in _CYCLES.items()
            if np.ptp(known) >= period and (cycle != "hour" or (known % period).any())
        ]
        self._scale = _Standardised()
        X = self._scale.fit(self._table(seconds))
        self._size = _total_deviation(X)
        said = f"Date {self.name}: its age" + "".join(f", its {cycle}" for cycle in self.cycles) + "."
        return X / self._size, [said]

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        return self._scale.transform(self._table(self._seconds(frame))) / self._size

    def _table(self, seconds: np.ndarray) -> np.ndarray:
        columns = [seconds]
        for cycle in self.cycles:
            turn = 2 * np.pi * seconds / _CYCLES[cycle]
            columns += [np.sin(turn), np.cos(turn)]
        return np.stack(columns, axis=1)

    def _seconds(self, frame: pd.DataFrame) -> np.ndarray:
        import pandas as pd

        column = frame[self.name]
        moments = column if pd.api.types.is_datetime64_any_dtype(column) else _parse(column, self.name)
        if getattr(moments.dtype, "tz", None) is not None:
            moments = moments.dt.tz_convert("UTC").dt.tz_localize(None)
        age = (moments - pd.Timestamp("1970-01-01")).dt.total_seconds()
        return age.to_numpy(np.float64, na_value=np.nan)


class _Texts(Block):
    """A text, by a sentence model where it is installed, else by its words."""

    words = False  #: by its words in any case

    def fit(self, frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
        self._reduction = text_reader(f"column {self.name!r}", words=self.words)
        X, said = self._reduction.fit(as_text(frame[self.name]))
        return X, list(said)

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        return self._reduction.transform(as_text(frame[self.name]))


class _Vectors(Block):
    """A column of vectors: as it is alone, of total variance one beside other columns."""

    def fit(self, frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
        X = self._stacked(frame)
        self.length, self._size = X.shape[1], _total_deviation(X)
        return X, [f"Taken as {counted(self.length, 'column')}: the vectors in {self.name}."]

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        X = self._stacked(frame)
        if X.shape[1] != self.length:
            raise InvalidInput(
                f"The vectors in column {self.name!r} have {counted(X.shape[1], 'entry')}; those of {self.what} "
                f"have {self.length:,}."
            )
        return X

    def beside_others(self, X: np.ndarray) -> np.ndarray:
        return X / self._size

    def _stacked(self, frame: pd.DataFrame) -> np.ndarray:
        column = frame[self.name]
        gaps = np.flatnonzero(column.isna())
        if len(gaps):
            raise InvalidInput(
                f"The vectors in column {self.name!r} of {self.what} are missing in {some_rows(gaps)}, and a vector "
                "cannot be filled in: drop these rows."
            )
        lengths = {len(value) for value in column}
        if len(lengths) != 1:
            raise InvalidInput(
                f"The vectors in column {self.name!r} of {self.what} are of different lengths."
            )
        try:
            return np.stack([np.asarray(value, dtype=np.float32) for value in column])
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                f"Column {self.name!r} of {self.what} holds lists that are not numbers."
            ) from error


#: in the order in which their columns stand beside one another
_BLOCKS: dict[Kind, type[Block]] = {
    "number": _Numbers,
    "category": _Categories,
    "date": _Dates,
    "text": _Texts,
    "vector": _Vectors,
}


def _total_deviation(X: np.ndarray) -> float:
    """Root of the total variance of columns; 1 where nothing varies."""
    total = float(np.sqrt(np.var(X, axis=0, dtype=np.float64).sum()))
    return total if total > 0 else 1.0


def _floats(column: pd.Series, name: str) -> np.ndarray:
    import pandas as pd

    if pd.api.types.is_timedelta64_dtype(column):
        column = column.dt.total_seconds()
    try:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"Column {name!r} was a column of numbers, and now holds others: {error}"
        ) from error
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise InvalidInput(f"Column {name!r} has infinite values in {some_rows(infinite)}.")
    return values


def _parse(column: pd.Series, name: str) -> pd.Series:
    import pandas as pd

    try:
        return pd.to_datetime(column, format="ISO8601", utc=True)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"Column {name!r} looks like dates, and one of them is none: {error}") from error
