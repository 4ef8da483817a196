"""Random anchors, the same for every method and every run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

SEED = 2025  # draw i is made by numpy.random.default_rng([i, SEED])


def anchor_draws(y: np.ndarray, scored: np.ndarray, label: str, draws: int) -> Iterator[np.ndarray]:
    """Row numbers of random anchors among ``scored``: ``"50"`` in all, or ``"2 each"`` of every cluster.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 1, 1, 1])
    >>> [y[rows].tolist() for rows in anchor_draws(y, np.arange(6), "2 each", 2)]
    [[0, 0, 1, 1], [0, 0, 1, 1]]
    >>> [len(rows) for rows in anchor_draws(y, np.arange(6), "4", 1)]
    [4]
    """
    for draw in range(draws):
        rng = np.random.default_rng([draw, SEED])
        if label.endswith(" each"):
            each = int(label.split()[0])
            of = [scored[y[scored] == c] for c in np.unique(y[scored])]
            yield np.concatenate([rng.choice(rows, min(each, len(rows)), replace=False) for rows in of])
        else:
            yield rng.choice(scored, int(label), replace=False)
