"""Anchors as the network takes them: checked, equal rows as one row, and an answer for every copy of its row."""

from __future__ import annotations

import numpy as np

from activeclust.clusterer.prepared import Prepared
from activeclust.errors import InvalidInput


def checked_anchors(rows, codes, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Anchors (k,) and their cluster codes (k,) as integers.

    Raises
    ------
    InvalidInput
        For rows outside 0 to ``n`` - 1, and if not every code from 0 to C - 1 occurs.
    """
    rows, codes = np.asarray(rows, dtype=np.int64).ravel(), np.asarray(codes, dtype=np.int64).ravel()
    if len(rows) != len(codes):
        raise InvalidInput(
            f"Expected one cluster code per anchor, got {len(rows)} anchors and {len(codes)} codes."
        )
    if len(rows) and (rows.min() < 0 or rows.max() >= n):
        raise InvalidInput(f"Anchors are row numbers from 0 to {n - 1}, got {rows.min()} to {rows.max()}.")
    if len(codes) and not np.array_equal(np.unique(codes), np.arange(codes.max() + 1)):
        raise InvalidInput(
            "Cluster codes must be 0 to C - 1 with none left out; np.unique(return_inverse=True) renumbers."
        )
    return rows, codes


def distinct_anchors(
    prepared: Prepared, rows: np.ndarray, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The anchors as distinct rows; equal rows with equal answers are one anchor, with different answers several."""
    pairs = np.stack([prepared.source.inverse[rows], codes], axis=1)
    pairs = np.unique(pairs, axis=0)
    return pairs[:, 0], pairs[:, 1]


def shared_by_copies(
    prepared: Prepared,
    rows: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    known: np.ndarray,
    new: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The posterior of the distinct rows; an answer applies to every copy of its row.

    Copies with different answers get the cluster whose answers weigh most; in a tie, the most probable of them.
    """
    answered, at = np.unique(prepared.source.inverse[rows], return_inverse=True)
    votes = known[answered] * (weights.min() / 2)
    np.add.at(votes, (at, codes), weights)
    known, new = known.copy(), new.copy()
    known[answered] = 0.0
    known[answered, votes.argmax(axis=1)] = 1.0
    new[answered] = 0.0
    return known, new
