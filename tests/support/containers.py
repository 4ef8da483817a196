"""The same rows, held in every way that people hold rows in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse as sp
import torch

Rows = np.ndarray


def _frame(X: Rows) -> pd.DataFrame:
    return pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])


def _mapped(X: Rows, folder) -> np.ndarray:
    np.save(folder / "rows.npy", X)
    return np.load(folder / "rows.npy", mmap_mode="r")


#: holders of numbers that are complete: name -> how
COMPLETE: dict[str, Callable] = {
    "list": lambda X: X.tolist(),
    "tuples": lambda X: tuple(map(tuple, X.tolist())),
    "column order": np.asfortranarray,
    "a view with steps": lambda X: np.repeat(X, 2, axis=0)[::2],
    "other byte order": lambda X: X.astype(">f8"),
    "objects": lambda X: X.astype(object),
    "long double": lambda X: X.astype(np.longdouble),
    "unmasked": np.ma.array,
    "tensor": torch.as_tensor,
    "DataFrame": _frame,
    "DataFrame, numbered columns": pd.DataFrame,
    "DataFrame, shuffled index": lambda X: _frame(X).set_index(np.random.default_rng(0).permutation(len(X))),
    "DataFrame, one index for all": lambda X: _frame(X).set_index(np.zeros(len(X), int)),
    "DataFrame, named index": lambda X: _frame(X).set_index(pd.Index([f"r{i % 5}" for i in range(len(X))])),
    "DataFrame, nullable": lambda X: _frame(X).convert_dtypes(),
    "DataFrame, pyarrow": lambda X: _frame(X).convert_dtypes(dtype_backend="pyarrow"),
    "DataFrame, sparse columns": lambda X: _frame(X).astype(pd.SparseDtype(float, 0.0)),
    "DataFrame, objects": lambda X: _frame(X).astype(object),
    "pyarrow table": lambda X: pa.table(_frame(X)),
    **{
        make.__name__: make
        for make in (
            sp.csr_array,
            sp.csc_array,
            sp.coo_array,
            sp.lil_array,
            sp.dok_array,
            sp.bsr_array,
            sp.dia_array,
        )
    },
    "sparse matrix": sp.csr_matrix,
}

#: tables with one number missing: name -> how, given the rows, a row and a column
GAPPY: dict[str, Callable] = {
    "NaN": lambda X, row, column: _with(_frame(X), row, column, np.nan),
    "NA": lambda X, row, column: _with(_frame(X).astype("Float64"), row, column, pd.NA),
    "pyarrow null": lambda X, row, column: _with(
        _frame(X).convert_dtypes(dtype_backend="pyarrow"), row, column, pd.NA
    ),
    "None among objects": lambda X, row, column: _with(_frame(X).astype(object), row, column, None),
    "pyarrow table": lambda X, row, column: pa.Table.from_pandas(_with(_frame(X), row, column, np.nan)),
}


def _with(frame: pd.DataFrame, row: int, column: int, value) -> pd.DataFrame:
    frame.iloc[row, column] = value
    return frame
