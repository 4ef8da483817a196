"""Conversion of arrays, tables and sparse matrices to rows of numbers, the same at fit and at predict."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from activeclust.datasets.preparation import Preparation, as_table, without_records

FLOATS = [np.float64, np.float32]  #: float32 rows, which may be mapped from disk, are not copied


def numbers_of(estimator: BaseEstimator, X: Any, *, fitting: bool) -> np.ndarray:
    """``X`` as finite numbers (n, d), checked as scikit-learn checks it.

    Parameters
    ----------
    estimator : estimator
        Fitting sets its ``n_features_in_``, ``feature_names_in_`` and ``preparation_``; afterwards they must agree.
    X : array-like, DataFrame, sparse matrix, list of dicts or texts; n rows
    fitting : bool

    Raises
    ------
    InvalidInput, ValueError
        For rows that cannot be used, or that differ in form from the fitted ones.
    """
    X = without_records(X)
    if fitting:
        estimator.preparation_ = Preparation() if Preparation.needed_by(X) else None
    least = 2 if fitting else 1
    preparation = estimator.preparation_
    if preparation is None:
        X = _dense(X)
        return validate_data(estimator, X, dtype=FLOATS, reset=fitting, ensure_min_samples=least)
    made = preparation.fit(X) if fitting else preparation.transform(X)
    table = as_table(X)
    validate_data(estimator, X if table is None else table, skip_check_array=True, reset=fitting)
    return check_array(made, dtype=FLOATS, ensure_min_samples=least, estimator=estimator, input_name="X")


def _dense(X: Any) -> Any:
    """Sparse rows and columns as dense arrays, masked numbers as NaN."""
    if isinstance(X, np.ma.MaskedArray):
        return np.ma.filled(X.astype(np.float64), np.nan)
    if hasattr(X, "dtypes") and hasattr(X, "iloc") and any(hasattr(kind, "fill_value") for kind in X.dtypes):
        return X.astype(
            {name: kind.subtype for name, kind in X.dtypes.items() if hasattr(kind, "fill_value")}
        )
    return X.toarray() if hasattr(X, "toarray") else X
