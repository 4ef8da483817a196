"""From what a person holds rows in, to numbers; kept, so that rows which come later take the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.datasets.columns import TableEncoder
from activeclust.datasets.reduction import SparseReduction
from activeclust.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd


class Preparation:
    """How tables and sparse matrices become rows of numbers, as :func:`activeclust.datasets.load` does it.

    A table of numbers without gaps needs no preparation, nor does an array: see :meth:`needed_by`. In any other table
    numbers are standardised, categories one-hot, dates, texts and vectors as in files, and gaps are filled by the
    median or the most frequent category. A sparse matrix of more than 100 columns is reduced to 100.

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
        """Whether rows are held by a sparse matrix, or by a table of more than complete numbers."""
        if _is_sparse(X):
            return True
        frame = _frame(X)
        if frame is None:
            return False
        import pandas as pd

        plain = all(pd.api.types.is_numeric_dtype(dtype) for dtype in frame.dtypes)
        return not plain or bool(frame.isna().to_numpy().any())

    def fit(self, X: Any) -> np.ndarray:
        """(n, d) numbers of a table or a sparse matrix ``X``.

        Raises
        ------
        InvalidInput
            For columns that are of no kind, or hold no value at all.
        """
        if _is_sparse(X):
            self._sparse = SparseReduction("X")
            rows, self.notes = self._sparse.fit(X)
        else:
            self._table = TableEncoder("X", impute=True)
            rows, self.notes = self._table.fit(self._of_table(X))
        return rows

    def transform(self, X: Any) -> np.ndarray:
        """(m, d) numbers of other rows, held as the fitted ones were; a sparse matrix may be dense here.

        Raises
        ------
        InvalidInput
            For rows without columns that the fitted ones had, or of another form.
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


def _is_sparse(X: Any) -> bool:
    return hasattr(X, "tocsr") and hasattr(X, "toarray")


def _frame(X: Any) -> pd.DataFrame | None:
    """The rows as a pandas table by position with names as texts; None for what is no table."""
    if hasattr(X, "to_pandas") and hasattr(X, "columns"):  # polars, pyarrow
        X = X.to_pandas()
    if not (hasattr(X, "iloc") and getattr(X, "ndim", 0) == 2):
        return None
    frame = X.reset_index(drop=True).infer_objects()
    frame.columns = [str(name) for name in frame.columns]
    return frame
