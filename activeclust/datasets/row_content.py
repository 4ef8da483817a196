"""The content of the rows of a table or an array as bytes, which identifies rows without an id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def of_frame(frame: pd.DataFrame) -> Iterator[bytes]:
    """Bytes of each row of a table; numbers of every dtype give the same bytes, so a missing value elsewhere changes
    nothing.

    Examples
    --------
    >>> import pandas as pd
    >>> whole, gap = pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, None]})
    >>> next(of_frame(whole)) == next(of_frame(gap))
    True
    """
    import pandas as pd

    if all(pd.api.types.is_numeric_dtype(dtype) for dtype in frame.dtypes):
        return of_array(frame.to_numpy(dtype=np.float64, na_value=np.nan))
    columns = [_cells(frame.iloc[:, i]) for i in range(frame.shape[1])]
    return (b"\x1f".join(cells) for cells in zip(*columns, strict=True))


def of_array(rows: np.ndarray) -> Iterator[bytes]:
    """Bytes of each row of an array of numbers, the same for every dtype.

    Examples
    --------
    >>> list(of_array(np.eye(2, dtype=np.uint8))) == list(of_array(np.eye(2)))
    True
    """
    step = max(1, 4_000_000 // max(1, int(np.prod(rows.shape[1:]))))
    for start in range(0, len(rows), step):
        part = np.asarray(rows[start : start + step], dtype=np.float64)
        plain = np.where(np.isnan(part), np.nan, part) + 0.0
        yield from (row.tobytes() for row in plain.reshape(len(part), -1))


def of_sparse(matrix: Any) -> Iterator[bytes]:
    """Bytes of each row of a CSR matrix without duplicates: columns and values."""
    for start, end in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        columns, values = matrix.indices[start:end], matrix.data[start:end]
        there = np.flatnonzero(values)
        there = there[np.argsort(columns[there], kind="stable")]
        yield columns[there].astype(np.int64).tobytes() + values[there].astype(np.float64).tobytes()


def _cells(column: pd.Series) -> Sequence[bytes]:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return (np.where(np.isnan(values), np.nan, values) + 0.0).view("V8").tolist()
    gaps = column.isna() if column.dtype != object else [_is_gap(value) for value in column]
    return [b"" if gap else _cell(value) for value, gap in zip(column, gaps, strict=True)]


def _is_gap(value: Any) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def _cell(value: Any) -> bytes:
    if isinstance(value, (list, np.ndarray)):
        return np.asarray(value).astype(str).tobytes()
    return str(value).encode("utf-8", "surrogatepass")
