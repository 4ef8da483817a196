"""Columns of one kind as numbers, one class per kind; what is learned from the first table applies to later rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from activeclust.datasets.column_kinds import Kind
from activeclust.datasets.embedding import text_reader
from activeclust.errors import InvalidInput
from activeclust.validation import counted, some_rows

if TYPE_CHECKING:
    import pandas as pd

_YEAR = 365.2425 * 86400.0
#: the cycles of a date, in seconds
_CYCLES = {"hour": 86400.0, "weekday": 7 * 86400.0, "season": _YEAR}


class Block(ABC):
    """Columns of one kind.

    Parameters
    ----------
    names : list of str
        The columns; one for each block of dates, texts or vectors.
    what : str
        How messages name the table.
    words : bool
        Compare texts by their words even if a sentence model is installed.
    """

    def __init__(self, names: list[str], what: str, *, words: bool = False) -> None:
        self.names, self.name, self.what, self.words = names, names[0], what, words

    @abstractmethod
    def fit(self, frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
        """The columns as numbers (n, d), and what was done."""

    @abstractmethod
    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Those of other rows, as learned from the first."""

    def beside_others(self, X: np.ndarray) -> np.ndarray:
        """The numbers on the scale that they have beside other columns."""
        return X


class _Standardised:
    """Columns of floats standardised, gaps filled by the median."""

    def __init__(self) -> None:
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        # an array under every global transform_output of scikit-learn
        self._steps = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).set_output(
            transform="default"
        )

    def fit(self, table: np.ndarray) -> np.ndarray:
        largest = np.nanmax(np.abs(table), axis=0)
        # a power of two, so that nothing is rounded and squares do not overflow
        self._unit = np.exp2(np.floor(np.log2(np.where(largest > 0, largest, 1.0))))
        return self._steps.fit_transform(table / self._unit)

    def transform(self, table: np.ndarray) -> np.ndarray:
        return self._steps.transform(table / self._unit)


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
    """A date: its age, and sine and cosine of each cycle (day, week, year) that they cover; total variance one."""

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
    """A text, encoded by a sentence model if one is installed, else by its words."""

    def fit(self, frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
        self._reduction = text_reader(f"column {self.name!r}", words=self.words)
        X, said = self._reduction.fit(as_text(frame[self.name]))
        return X, list(said)

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        return self._reduction.transform(as_text(frame[self.name]))


class _Vectors(Block):
    """A column of vectors: unchanged if it is the only column, else scaled to total variance one."""

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


#: the block of each kind, in the order of the encoded columns
BLOCKS: dict[Kind, type[Block]] = {
    "number": _Numbers,
    "category": _Categories,
    "date": _Dates,
    "text": _Texts,
    "vector": _Vectors,
}


def _total_deviation(X: np.ndarray) -> float:
    """Square root of the total variance of columns; 1 if nothing varies."""
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
        raise InvalidInput(
            f"Column {name!r} looks like dates, but one of them is not a date: {error}"
        ) from error


def as_text(column: pd.Series) -> list[str]:
    """The values as strings, missing values as empty strings."""
    return ["" if gap else str(v) for v, gap in zip(column.tolist(), column.isna(), strict=True)]
