"""The kind of a column of a table: number, category, date, text or vector; an unclear column is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.validation import counted, some_rows

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "category", "date", "text", "vector"]

#: a column of text with more distinct values than this holds prose or identifiers, not categories
MOST_CATEGORIES = 100
#: a column with too many values for categories is prose if its median value has at least this many words
PROSE_WORDS = 3
DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
#: a number with a decimal comma; a column that holds nothing else is refused
_COMMA = re.compile(r"[-+]?\d+,\d+")


def kind_of(column: pd.Series, name: str, what: str) -> Kind:
    """The kind of a column; :class:`InvalidInput`, with the reason, if it has none."""
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
            "Correct it, leave the cell blank (--impute fills it), or leave the column out with --drop."
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
    """The only column of prose; None if there is none or more than one."""
    found = []
    for name in frame.columns:
        values = frame[name].dropna()
        if len(values) and isinstance(values.iloc[0], str) and not _few_enough(values) and _is_prose(values):
            found.append(name)
    return found[0] if len(found) == 1 else None


def _few_enough(strings: pd.Series) -> bool:
    return strings.nunique() <= min(MOST_CATEGORIES, max(2, len(strings) // 2))


def _is_prose(strings: pd.Series) -> bool:
    return bool(np.median([len(value.split()) for value in strings.head(1000)]) >= PROSE_WORDS)
