"""Tables as rows of numbers: numeric columns standardised, categories one-hot, nothing guessed in silence."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.errors import DataFileError, InvalidInput, MissingDependency, UnknownName
from activeclust.rows import check_rows, counted, plain_labels, some_rows

if TYPE_CHECKING:
    import pandas as pd

#: a column of text with more distinct values than this is prose or an identifier, not a category
MOST_CATEGORIES = 100


class TableItems(Sequence):
    """The rows of a table as dicts of the columns, made when looked at."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, row):
        return self.frame.iloc[int(row)].to_dict()


def load_table(
    path: Path,
    *,
    label_column: str | None = None,
    id_column: str | None = None,
    features: Sequence[str] | None = None,
    impute: bool = False,
) -> tuple[np.ndarray, np.ndarray | None, TableItems, tuple[str, ...]]:
    """Read ``.csv``, ``.tsv`` or ``.parquet``: ``(X, y or None, items, notes)``.

    Parameters are those of :func:`activeclust.datasets.load`.
    """
    notes: list[str] = []
    frame = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_text(path, notes)
    if frame.empty:
        raise DataFileError(f"{path} holds no rows.")
    frame.columns = [str(name) for name in frame.columns]
    label = _column(frame, label_column, "label", path)
    ident = _column(frame, id_column, "id", path)
    chosen = _features(frame, features, {label, ident}, path)
    y = None if label is None else plain_labels(frame[label].tolist(), f"column {label!r} of {path.name}")
    numeric, categorical = _kinds(frame, chosen, path)
    _check_gaps(frame, chosen, path, impute)
    X = _transform(frame, numeric, categorical)
    X = check_rows(X, path.name)
    if categorical:
        notes.append(f"One-hot encoded: {', '.join(categorical)}.")
    return X, y, TableItems(frame.drop(columns=[label] if label else [])), tuple(notes)


# ---------------------------------------------------------------- reading


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise MissingDependency(
            f"Reading {path.name} needs pyarrow: pip install 'activeclust[parquet]'."
        ) from error
    except Exception as error:  # pyarrow has its own exception tree, which is not always installed
        raise DataFileError(f"{path} cannot be read as a parquet file: {error}") from error


def _read_text(path: Path, notes: list[str]) -> pd.DataFrame:
    import pandas as pd

    if path.stat().st_size == 0:
        raise DataFileError(f"{path} is empty.")
    try:
        separator = "\t" if path.suffix.lower() == ".tsv" else _separator(path)
        first = next(_lines(path, separator), (1, [""]))[1]
        _check_ragged(path, separator)
        header = not all(_is_number(field) for field in first)
        frame = pd.read_csv(
            path,
            sep=separator,
            header=0 if header else None,
            index_col=False,
            skipinitialspace=True,
            encoding="utf-8-sig",
        )
    except UnicodeDecodeError as error:
        raise DataFileError(f"{path} is not text in UTF-8: {error.reason}.") from error
    except (pd.errors.ParserError, csv.Error) as error:
        raise DataFileError(f"{path} cannot be read as a table: {str(error).strip()}") from error
    if not header:
        frame.columns = [f"column{i}" for i in range(frame.shape[1])]
        notes.append("The first line holds numbers only, so it was read as a row, not as a header.")
    return frame


def _lines(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of every line that is not blank."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, delimiter=separator)
        for fields in reader:
            if fields:
                yield reader.line_num, fields


def _separator(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as file:
        line = next((line for line in file if line.strip()), "")
    return max(",;\t", key=line.count)


def _check_ragged(path: Path, separator: str) -> None:
    # pandas fills short lines with NaN and shifts columns when all lines are long: look before it does
    lines = _lines(path, separator)
    number, fields = next(lines, (1, []))
    for line, other in lines:
        if len(other) != len(fields):
            raise DataFileError(
                f"{path} is ragged: line {number} has {counted(len(fields), 'field')}, "
                f"line {line} has {len(other)}."
            )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# ---------------------------------------------------------------- columns


def _column(frame: pd.DataFrame, asked: str | None, default: str, path: Path) -> str | None:
    if asked is not None:
        if asked not in frame.columns:
            raise UnknownName(f"column in {path.name} named", asked, frame.columns)
        return asked
    return next((name for name in frame.columns if name.lower() == default), None)


def _features(
    frame: pd.DataFrame, asked: Sequence[str] | None, taken: set[str | None], path: Path
) -> list[str]:
    if asked is None:
        chosen = [name for name in frame.columns if name not in taken]
    else:
        chosen = [str(_column(frame, name, "", path)) for name in asked]
        both = [name for name in chosen if name in taken]
        if both:
            raise InvalidInput(f"{', '.join(both)}: the label and the id cannot be features too.")
    if not chosen:
        raise InvalidInput(f"{path.name} has no column left to cluster by.")
    return chosen


def _kinds(frame: pd.DataFrame, chosen: list[str], path: Path) -> tuple[list[str], list[str]]:
    """Numeric and categorical columns; anything that is neither is refused."""
    import pandas as pd

    numeric, categorical = [], []
    for name in chosen:
        column = frame[name]
        if pd.api.types.is_bool_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
            categorical.append(name)
        elif pd.api.types.is_numeric_dtype(column):
            numeric.append(name)
        else:
            _check_category(column.dropna(), name, path)
            categorical.append(name)
    return numeric, categorical


def _check_category(column: pd.Series, name: str, path: Path) -> None:
    import pandas as pd

    text = column.map(str)
    odd = pd.to_numeric(text, errors="coerce").isna()
    if 0 < odd.sum() < len(text) / 2:
        raise InvalidInput(
            f"Column {name!r} of {path.name} is not numeric: {text[odd].iloc[0]!r} in "
            f"{some_rows(text.index[odd].to_numpy())}, numbers in the others."
        )
    distinct = text.nunique()
    if distinct > min(MOST_CATEGORIES, max(2, len(text) // 2)):
        raise InvalidInput(
            f"Column {name!r} of {path.name} is not numeric and holds {distinct:,} different values in "
            f"{counted(len(text), 'row')}, too many to be categories: leave it out with --features, or name "
            "it with --id-column or --label-column."
        )


def _check_gaps(frame: pd.DataFrame, chosen: list[str], path: Path, impute: bool) -> None:
    holes = frame[chosen].isna()
    if impute:
        empty = [name for name in chosen if holes[name].all()]
        if empty:
            raise InvalidInput(f"Column {empty[0]!r} of {path.name} holds no value at all: leave it out.")
        return
    rows = np.flatnonzero(holes.any(axis=1))
    if len(rows):
        columns = ", ".join(name for name in chosen if holes[name].any())
        raise InvalidInput(
            f"{path.name} misses values in {some_rows(rows)}, columns: {columns}. "
            "Drop those rows, or fill them with --impute (median, most frequent category)."
        )


def _transform(frame: pd.DataFrame, numeric: list[str], categorical: list[str]) -> np.ndarray:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    values: dict[str, Any] = {}
    for name in numeric:
        values[name] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    for name in categorical:
        gap = frame[name].isna()
        values[name] = np.array(
            [np.nan if empty else str(v) for v, empty in zip(frame[name], gap, strict=True)], dtype=object
        )
    table = type(frame)(values)
    for name in numeric:
        infinite = np.flatnonzero(np.isinf(table[name].to_numpy()))
        if len(infinite):
            raise InvalidInput(f"Column {name!r} has infinite values in {some_rows(infinite)}.")
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    names = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(sparse_output=False))
    steps = ColumnTransformer([("numbers", numbers, numeric), ("names", names, categorical)])
    return np.asarray(steps.fit_transform(table), dtype=np.float32)
