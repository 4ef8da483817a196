"""A hash of a table of numbers, and its distinct rows.

Numbers are compared as they were given, never rounded: float64 rows that would be equal as float32 stay apart.
The same numbers have the same hash as float16, float32 or int64.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from activeclust.views.order import random_order
from activeclust.views.projection import row_parts


def content_hash(X: np.ndarray) -> str:
    """A hash of the rows: 16 hexadecimal digits from the shape and the numbers.

    Examples
    --------
    >>> content_hash(np.eye(2)) == content_hash(np.eye(2, dtype=int)) != content_hash(np.eye(3))
    True
    """
    rows = X.reshape(len(X), -1)
    dtype = _narrowest(rows)
    digest = hashlib.blake2b(digest_size=8)
    digest.update(f"{X.shape}{dtype.str}".encode())
    for part in _plain(rows, dtype):
        digest.update(part.data)
    return digest.hexdigest()


def distinct_rows(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of the first copy of each distinct row, and the distinct row of each row."""
    digests = b"".join(
        hashlib.blake2b(row.data, digest_size=8).digest() for part in _plain(X, _narrowest(X)) for row in part
    )
    keys = np.frombuffer(digests, dtype="<u8")
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    # never by position: the order, and with it all rounding, is the same after a permutation of the rows
    order = random_order(X, first)
    return first[order], np.argsort(order)[inverse.ravel()]


def _narrowest(X: np.ndarray) -> np.dtype:
    """float32 where it holds every number of ``X`` exactly, else float64."""
    narrow, wide = np.dtype("<f4"), np.dtype("<f8")
    if X.dtype == np.float32:
        return narrow
    with np.errstate(over="ignore", under="ignore"):  # values that do not fit compare unequal
        exact = all((X[part].astype(narrow) == X[part]).all() for part in row_parts(*X.shape))
    return narrow if exact else wide


def _plain(X: np.ndarray, dtype: np.dtype) -> Iterator[np.ndarray]:
    """The rows in C order, of one type, with -0.0 as 0.0."""
    for part in row_parts(*X.shape):
        yield np.ascontiguousarray(X[part], dtype=dtype) + dtype.type(0)
