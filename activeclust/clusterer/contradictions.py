"""How strongly the other anchors contradict each anchor; suspect answers are listed by this measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from activeclust.errors import InvalidInput

if TYPE_CHECKING:
    from activeclust.clusterer.protocol import Clusterer, PreparedRows


def contradictions(
    clusterer: Clusterer,
    prepared: PreparedRows,
    rows: np.ndarray,
    codes: np.ndarray,
    folds: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """(k,) probability that each anchor is of another cluster, given the anchors outside its fold."""
    if folds < 2:
        raise InvalidInput(f"folds must be at least 2, got {folds}.")
    rows, codes = np.asarray(rows), np.asarray(codes)
    fold = rng.permutation(np.arange(len(rows)) % folds)
    result = np.zeros(len(rows))
    for f in np.unique(fold):
        hidden, kept = np.flatnonzero(fold == f), np.flatnonzero(fold != f)
        if len(kept) == 0:
            continue
        present, recoded = np.unique(codes[kept], return_inverse=True)
        posterior, _ = clusterer.posterior(prepared, rows[kept], recoded)
        for i in hidden:
            column = np.flatnonzero(present == codes[i])
            if len(column):
                result[i] = 1.0 - posterior[rows[i], column[0]]
    return result
