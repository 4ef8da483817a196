"""Conversion of tables and sparse matrices to numbers, kept so that later rows are converted in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.datasets.columns import TableEncoder
from activeclust.datasets.reduction import SparseReduction
from activeclust.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

TEXT = "text"  #: the column of texts that are given without a table


class Preparation:
    """Converts tables and sparse matrices to rows of numbers, as :func:`activeclust.datasets.load` does for files.

    Arrays, and tables of numbers without missing values, need no preparation: see :meth:`needed_by`. In any other table
    (a DataFrame, a list of dicts, or texts, see :func:`as_table`)
    numbers are standardised, categories one-hot encoded, dates, texts and vectors encoded as in files, and missing
    values filled by the median or the most frequent category. A sparse matrix of more than 100 columns is reduced to
    100.

    Attributes
    ----------
    notes : tuple of str
        What was done, one sentence each.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"size": [1.0, None, 3.0], "colour": pd.Categorical(["red", "blue", "red"])})
    >>> preparation = Preparation()
    >>> preparation.fit(table).shape, preparation.transform(table[1:]).shape
    ((3, 3), (2, 3))
    >>> preparation.notes
    ('Standardised: size.', 'One-hot encoded: colour.', 'Gaps filled in: size.')
    """

    def __init__(self) -> None:
        self.notes: tuple[str, ...] = ()
        self._sparse: SparseReduction | None = None
        self._table: TableEncoder | None = None

    @staticmethod
    def needed_by(X: Any) -> bool:
        """Whether ``X`` is a sparse matrix, or a table with anything but complete columns of numbers."""
        if _is_sparse(X):
            return True
        frame = as_table(X)
        if frame is None:
            return False
        plain = all(_is_number(dtype) for dtype in frame.dtypes)
        return not plain or bool(frame.isna().to_numpy().any())

    def fit(self, X: Any) -> np.ndarray:
        """(n, d) numbers of a table or a sparse matrix ``X``.

        Raises
        ------
        InvalidInput
            For columns of unclear kind, or without any value.
        """
        if _is_sparse(X):
            self._sparse = SparseReduction("X")
            rows, self.notes = self._sparse.fit(X)
        else:
            self._table = TableEncoder("X", impute=True, text=TEXT if _are_texts(X) else None)
            rows, self.notes = self._table.fit(self._of_table(X))
        return rows

    def transform(self, X: Any) -> np.ndarray:
        """(m, d) numbers of other rows in the form of the fitted ones; for a sparse matrix they may be dense.

        Raises
        ------
        InvalidInput
            For rows that lack columns of the fitted ones, or have another form.
        """
        if self._sparse is not None:
            if not _is_sparse(X):
                import scipy.sparse as sp

                X = sp.csr_array(np.asarray(X))
            return self._sparse.transform(X)
        assert self._table is not None, "fit comes first"
        return self._table.transform(self._of_table(X))

    def _of_table(self, X: Any) -> pd.DataFrame:
        frame = as_table(X)
        if frame is None:
            raise InvalidInput(
                f"The rows were a table with named columns before; expected a DataFrame, got {type(X).__name__}."
            )
        twice = frame.columns[frame.columns.duplicated()]
        if len(twice):
            raise InvalidInput(
                f"The table has two columns {twice[0]!r}: rename one of them, or leave it out."
            )
        return frame


def _is_number(dtype: Any) -> bool:
    """Whether a column of this type holds numbers; truth values are, in every library's type, 0 and 1."""
    import pandas as pd

    if isinstance(dtype, pd.CategoricalDtype):
        return False
    return pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)


def _is_sparse(X: Any) -> bool:
    return hasattr(X, "tocsr") and hasattr(X, "toarray")


def _are_texts(X: Any) -> bool:
    """Whether ``X`` is a column of texts, some of which may be missing: a list, an array or a Series."""
    import pandas as pd

    if isinstance(X, (list, tuple)):
        some = len(X) > 0 and any(isinstance(value, str) for value in X)
        return some and all(isinstance(value, str) or value is None for value in X)
    kind = getattr(X, "dtype", None)
    if getattr(X, "ndim", 0) != 1 or kind is None or isinstance(kind, pd.CategoricalDtype):
        return False
    if isinstance(kind, np.dtype) and kind.kind not in "OUT":
        return False
    return pd.api.types.infer_dtype(X, skipna=True) == "string"


def without_records(X: Any) -> Any:
    """A list of dicts as a table; anything else unchanged.

    Examples
    --------
    >>> without_records([{"a": 1}, {"a": 2}])["a"].tolist(), without_records([1, 2])
    ([1, 2], [1, 2])
    """
    if isinstance(X, (list, tuple)) and len(X) > 0 and all(isinstance(value, Mapping) for value in X):
        import pandas as pd

        return pd.json_normalize(list(X))
    return X


def columns_of(X: Any) -> tuple[str, ...] | None:
    """Names of the columns of a table, as texts; None if ``X`` is not one."""
    frame = as_table(X)
    return None if frame is None else tuple(frame.columns)


def in_order(X: Any, columns: tuple[str, ...] | None) -> Any:
    """Later rows with their columns in the order of the first ones, which had these ``columns``.

    Arrays are returned unchanged: their columns have no names.

    Raises
    ------
    InvalidInput
        If a column is missing.

    Examples
    --------
    >>> in_order([{"b": 1, "a": 2}, {"b": 3, "a": 4}], ("a", "b")).to_numpy().tolist()
    [[2, 1], [4, 3]]
    """
    frame = None if columns is None else as_table(X)
    if columns is None or frame is None:
        return X
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InvalidInput(
            f"The rows had the columns {', '.join(columns)} before; these have no {', '.join(missing)}."
        )
    return frame[list(columns)]


def as_table(X: Any) -> pd.DataFrame | None:
    """The rows as a pandas table with a fresh index and names as texts; None if ``X`` is not a table.

    Parameters
    ----------
    X : object
        A table of pandas, polars or pyarrow; a list of dicts, each a row; texts (a list, an array, a Series), which
        become the column ``text``; or a Series of categories or dates.

    Examples
    --------
    >>> as_table(["no signal", "too loud"])["text"].tolist()
    ['no signal', 'too loud']
    >>> as_table([{"a": 1, "b": {"c": 2}}, {"a": 3}]).columns.tolist()
    ['a', 'b.c']
    >>> as_table(np.zeros((2, 2))) is None
    True
    """
    import pandas as pd

    if hasattr(X, "to_pandas"):  # polars, pyarrow
        X = X.to_pandas()
    if _are_texts(X):
        return pd.DataFrame({TEXT: pd.Series(list(X), dtype=object)})
    X = without_records(X)
    if getattr(X, "ndim", 0) == 1 and hasattr(X, "iloc") and not _is_number(X.dtype):
        X = X.to_frame(str(X.name or "value"))
    if not (hasattr(X, "iloc") and X.ndim == 2):
        return None
    frame = X.reset_index(drop=True).infer_objects()
    frame.columns = [str(name) for name in frame.columns]
    return frame
