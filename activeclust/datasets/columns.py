"""Columns of a table as numbers: nothing guessed in silence, every step said in a sentence.

Numbers are standardised, categories one-hot, dates become their age and where they stand in the day, week
and year, texts TF-IDF with truncated SVD; a column of vectors stays as it is. A date, a text or a vector
beside other columns weighs as much as one number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from activeclust.datasets.reduction import text_rows
from activeclust.errors import InvalidInput
from activeclust.validation import counted, some_rows

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "category", "date", "text", "vector"]

#: a column of text with more distinct values than this is prose or an identifier, not a category
MOST_CATEGORIES = 100
#: what has this many words in the middle value, and as many values as no category has, is prose
PROSE_WORDS = 3
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
_YEAR = 365.2425 * 86400.0
#: what repeats in a date, in seconds
_CYCLES = {"hour": 86400.0, "weekday": 7 * 86400.0, "season": _YEAR}


def encode(
    frame: pd.DataFrame, what: str, *, impute: bool = False, text: str | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """All columns of a table as numbers.

    Parameters
    ----------
    frame : DataFrame (n, columns)
    what : str
        How messages name the table.
    impute : bool
        Fill missing values (median, most frequent category) instead of refusing them.
    text : str, optional
        A column that is text whatever it looks like.

    Returns
    -------
    X : ndarray (n, d) of float32
    notes : tuple of str
        What was done, one sentence a kind of column.

    Raises
    ------
    InvalidInput
        For a column that is none of these, and for missing values that are not to be filled.

    Examples
    --------
    >>> import pandas as pd
    >>> X, notes = encode(pd.DataFrame({"size": [1, 2, 4], "colour": ["red", "blue", "red"]}), "t.csv")
    >>> X.shape, notes
    ((3, 3), ('Standardised: size.', 'One-hot encoded: colour.'))
    """
    kinds: dict[str, Kind] = {
        name: "text" if name == text else kind_of(frame[name], name, what) for name in frame.columns
    }
    _check_gaps(frame[[name for name in kinds if kinds[name] != "text"]], what, impute)
    of = {kind: [name for name in kinds if kinds[name] == kind] for kind in set(kinds.values())}
    blocks, notes = [], []
    if "number" in of:
        blocks.append(_numbers({name: _floats(frame[name], name) for name in of["number"]}))
        notes.append(f"Standardised: {', '.join(of['number'])}.")
    if "category" in of:
        blocks.append(_categories(frame, of["category"]))
        notes.append(f"One-hot encoded: {', '.join(of['category'])}.")
    for name in of.get("date", []):
        block, said = _dates(frame[name], name)
        blocks.append(block)
        notes.append(said)
    for name in of.get("text", []):
        X, said_all = text_rows(as_text(frame[name]), f"column {name!r}")
        blocks.append(X)
        notes += said_all
    for name in of.get("vector", []):
        X = _vectors(frame[name], name, what)
        blocks.append(X if len(frame.columns) == 1 else _of_total_variance_one(X))
        notes.append(f"Taken as {counted(X.shape[1], 'column')}: the vectors in {name}.")
    if impute:
        filled = [name for name in kinds if kinds[name] != "text" and frame[name].isna().any()]
        notes += [f"Gaps filled in: {', '.join(filled)}."] if filled else []
    return np.hstack(blocks, dtype=np.float32), tuple(notes)


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
    strings = values.map(str)
    if len(strings) and strings.map(lambda s: bool(_DATE.fullmatch(s.strip()))).all():
        return "date"
    odd = pd.to_numeric(strings, errors="coerce").isna()
    if 0 < odd.sum() < len(strings) / 2:
        raise InvalidInput(
            f"Column {name!r} of {what} is not numeric: {strings[odd].iloc[0]!r} in "
            f"{some_rows(strings.index[odd].to_numpy())}, numbers in the others."
        )
    if _few_enough(strings):
        return "category"
    if _is_prose(strings):
        return "text"
    raise InvalidInput(
        f"Column {name!r} of {what} is not numeric and holds {strings.nunique():,} different values in "
        f"{counted(len(strings), 'row')}, too many to be categories: leave it out with --features, name it "
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


# ---------------------------------------------------------------- missing values


def _check_gaps(frame: pd.DataFrame, what: str, impute: bool) -> None:
    holes = frame.isna()
    if impute:
        empty = [name for name in frame.columns if holes[name].all()]
        if empty:
            raise InvalidInput(f"Column {empty[0]!r} of {what} holds no value at all: leave it out.")
        return
    rows = np.flatnonzero(holes.any(axis=1))
    if len(rows):
        columns = ", ".join(name for name in frame.columns if holes[name].any())
        raise InvalidInput(
            f"{what} misses values in {some_rows(rows)}, columns: {columns}. "
            "Drop those rows, or fill them with --impute (median, most frequent category)."
        )


# ---------------------------------------------------------------- kinds to numbers


def _numbers(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Columns of floats standardised, gaps filled by the median."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    table = np.stack(list(values.values()), axis=1)
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit_transform(table)


def _floats(column: pd.Series, name: str) -> np.ndarray:
    import pandas as pd

    if pd.api.types.is_timedelta64_dtype(column):
        column = column.dt.total_seconds()
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise InvalidInput(f"Column {name!r} has infinite values in {some_rows(infinite)}.")
    return values


def _categories(frame: pd.DataFrame, names: list[str]) -> np.ndarray:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    table = np.empty((len(frame), len(names)), dtype=object)
    for i, name in enumerate(names):
        gap = frame[name].isna()
        table[:, i] = [np.nan if empty else str(v) for v, empty in zip(frame[name], gap, strict=True)]
    steps = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(sparse_output=False))
    return steps.fit_transform(table)


def _dates(column: pd.Series, name: str) -> tuple[np.ndarray, str]:
    """Age, and sine and cosine of each cycle that the dates go round; (n, 1 to 7)."""
    import pandas as pd

    moments = column if pd.api.types.is_datetime64_any_dtype(column) else _parse(column, name)
    if getattr(moments.dtype, "tz", None) is not None:
        moments = moments.dt.tz_convert("UTC").dt.tz_localize(None)
    seconds = (moments - pd.Timestamp("1970-01-01")).dt.total_seconds().to_numpy(np.float64, na_value=np.nan)
    known = seconds[~np.isnan(seconds)]
    values: dict[str, np.ndarray] = {"age": seconds}
    for cycle, period in _CYCLES.items():
        varies = cycle != "hour" or (known % period).any()
        if np.ptp(known) >= period and varies:
            turn = 2 * np.pi * seconds / period
            values |= {f"{cycle} sine": np.sin(turn), f"{cycle} cosine": np.cos(turn)}
    cycles = [cycle for cycle in _CYCLES if f"{cycle} sine" in values]
    said = f"Date {name}: its age" + "".join(f", its {cycle}" for cycle in cycles) + "."
    return _of_total_variance_one(_numbers(values)), said


def _parse(column: pd.Series, name: str) -> pd.Series:
    import pandas as pd

    try:
        return pd.to_datetime(column, format="ISO8601", utc=True)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"Column {name!r} looks like dates, and one of them is none: {error}") from error


def _vectors(column: pd.Series, name: str, what: str) -> np.ndarray:
    lengths = {len(value) for value in column}
    if len(lengths) != 1:
        raise InvalidInput(f"The vectors in column {name!r} of {what} are of different lengths.")
    try:
        return np.stack([np.asarray(value, dtype=np.float32) for value in column])
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"Column {name!r} of {what} holds lists that are not numbers.") from error


def _of_total_variance_one(X: Any) -> np.ndarray:
    total = np.sqrt(np.var(X, axis=0, dtype=np.float64).sum())
    return X / (total if total > 0 else 1.0)
