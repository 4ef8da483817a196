"""Items by their position: the n-th item belongs to the n-th row in every container."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np

from activeclust.errors import InvalidInput


class ItemsByPosition(Sequence[Any]):
    """Items of a pandas Series or DataFrame by their position; the index is ignored.

    After ``sample`` or ``train_test_split`` an index is shuffled, and ``series[3]`` is not the fourth item.
    A row of a DataFrame comes as a dict of column and value, each in its column's own type.

    Parameters
    ----------
    frame : pandas.Series or pandas.DataFrame

    Examples
    --------
    >>> import pandas as pd
    >>> ItemsByPosition(pd.Series(["a", "b"], index=[1, 0]))[0]
    'a'
    """

    def __init__(self, frame: Any) -> None:
        self.frame = frame

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return ItemsByPosition(self.frame.iloc[row])
        if self.frame.ndim == 1:
            return self.frame.iloc[int(row)]
        return {name: self.frame.iloc[int(row), column] for column, name in enumerate(self.frame.columns)}


def items_of(items: Any, n_rows: int) -> Sequence[Any] | np.ndarray:
    """Items as a sequence whose element ``items[n]`` belongs to the n-th row.

    Parameters
    ----------
    items : list, tuple, ndarray, Series, DataFrame, pyarrow array or table, or any sequence of length ``n_rows``
    n_rows : int

    Raises
    ------
    InvalidInput
        For a mapping, a set or an iterator, which have no n-th entry, and for another length.

    Examples
    --------
    >>> items_of(("a", "b"), 2)[1]
    'b'
    """
    if hasattr(items, "to_pandas") and not hasattr(
        items, "iloc"
    ):  # pyarrow, polars: by index they give columns
        items = items.to_pandas()
    if isinstance(items, (str, bytes, Mapping, AbstractSet)) or not (
        hasattr(items, "__len__") and hasattr(items, "__getitem__")
    ):
        raise InvalidInput(
            f"items is a sequence with one entry per row, such as a list or a Series; got {type(items).__name__}."
        )
    if len(items) != n_rows:
        raise InvalidInput(f"items has {len(items):,} entries for {n_rows:,} rows; expected one per row.")
    return ItemsByPosition(items) if hasattr(items, "iloc") else items
