"""The pool of a loop: rows as numbers, the items that a person sees, and the true labels if they are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from activeclust.datasets.preparation import Preparation, columns_of, in_order, without_records
from activeclust.labels import labels_of
from activeclust.loop.items import items_of
from activeclust.validation import check_new_rows, check_rows


@dataclass(frozen=True)
class Pool:
    """n rows.

    Attributes
    ----------
    X : ndarray (n, d)
    preparation : Preparation or None
        How a table or a sparse matrix was converted; None for rows of numbers.
    columns : tuple of str, or None
        Names of the columns of a table of numbers; a preparation knows those of its own.
    items : sequence of length n
    labels_true : list of str, int or None, or None
        One true label per row; None if none were given.
    """

    X: np.ndarray
    preparation: Preparation | None
    columns: tuple[str, ...] | None
    items: Sequence[Any] | np.ndarray
    labels_true: list[Any] | None

    def later(self, X: Any) -> np.ndarray:
        """Other rows (m, d) in the form of the pool's, as the same numbers.

        Raises
        ------
        InvalidInput
            For rows that lack columns of the pool's, or that have another form.

        Examples
        --------
        >>> pool = pool_of([{"a": 0.0, "b": 1.0}, {"a": 2.0, "b": 3.0}])
        >>> pool.later([{"b": 5.0, "a": 4.0}]).tolist()
        [[4.0, 5.0]]
        """
        rows = in_order(X, self.columns) if self.preparation is None else self.preparation.transform(X)
        return check_new_rows(rows, self.X.shape[1])


def pool_of(
    X: Any,
    items: Sequence[Any] | np.ndarray | None = None,
    labels_true: Sequence[Any] | np.ndarray | None = None,
) -> Pool:
    """Check and convert the rows, items and labels that a user gives.

    Parameters
    ----------
    X : array-like, DataFrame, sparse matrix, list of dicts or texts; n rows
    items : sequence of length n, optional
        By default the rows: those of a prepared table as they were given, else those of the numbers.
    labels_true : sequence of length n, optional

    Raises
    ------
    InvalidInput
        If rows, items or labels cannot be used, or their lengths differ.

    Examples
    --------
    >>> pool = pool_of([[0.0], [1.0], [9.0]], items=["a", "b", "c"], labels_true=[0, 0, 1])
    >>> pool.X.shape, pool.items[2], pool.labels_true
    ((3, 1), 'c', [0, 0, 1])
    """
    X = without_records(X)
    preparation = Preparation() if Preparation.needed_by(X) else None
    rows = check_rows(X if preparation is None else preparation.fit(X))
    n = len(rows)
    if items is None:
        is_sparse = hasattr(X, "tocsr")
        items = X if preparation is not None and not is_sparse else rows
    labels = None if labels_true is None else labels_of(labels_true, "labels_true", n_rows=n).tolist()
    columns = columns_of(X) if preparation is None else None
    return Pool(rows, preparation, columns, items_of(items, n), labels)
