"""Conversion of tables and sparse matrices to numbers, kept so that later rows are converted in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.datasets.columns import TableEncoder
from activeclust.datasets.reduction import SparseReduction
from activeclust.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd


class Preparation:
    """Converts tables and sparse matrices to rows of numbers, as :func:`activeclust.datasets.load` does for files.

    Arrays, and tables of numbers without missing values, need no preparation: see :meth:`needed_by`. In any other table
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
        frame = _frame(X)
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
            self._table = TableEncoder("X", impute=True)
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
        frame = _frame(X)
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


def _frame(X: Any) -> pd.DataFrame | None:
    """The rows as a pandas table with a fresh index and names as texts; None if ``X`` is not a table."""
    if hasattr(X, "to_pandas") and hasattr(X, "columns"):  # polars, pyarrow
        X = X.to_pandas()
    if not (hasattr(X, "iloc") and getattr(X, "ndim", 0) == 2):
        return None
    frame = X.reset_index(drop=True).infer_objects()
    frame.columns = [str(name) for name in frame.columns]
    return frame
