"""The order of the distinct rows: random, but the same for the same shape of the data.

A random sample of the rows (context of the network, soft k-means, the Gaussians, landmarks) consists of the first rows.
The posterior must not change when rows are permuted or features are rotated, shifted or scaled, so the order depends
only on the shape of the data: rows are ranked by their distance to the mean, and the ranks are shuffled by a generator
of fixed seed.
"""

from __future__ import annotations

import numpy as np

from activeclust.views.projection import mean_in_units, power_of_two, row_parts

_SEED = 0


def random_order(X: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(n,) positions in ``rows`` (n,), shuffled; ``X`` (N, d).

    Rows equally far from the mean keep their order. The generator's seed is fixed, so the result depends only on the
    arguments.

    Examples
    --------
    >>> X = np.random.default_rng(1).normal(size=(6, 2))
    >>> order = random_order(X, np.arange(6))
    >>> turned = 7 * X @ np.array([[0.6, 0.8], [-0.8, 0.6]]) + 100
    >>> sorted(order.tolist()), bool((order == random_order(turned, np.arange(6))).all())
    ([0, 1, 2, 3, 4, 5], True)
    """
    parts = [rows[part] for part in row_parts(len(rows), X.shape[1])]
    unit = power_of_two(X)  # without scaling, sums of 1e308 would overflow and squares of 1e-200 underflow
    mean = mean_in_units(X, unit, parts)
    size = max(float(np.abs(X[part].astype(np.float64) / unit - mean).max()) for part in parts) or 1.0
    far = [np.square((X[part].astype(np.float64) / unit - mean) / size).sum(axis=1) for part in parts]
    rank = np.argsort(np.concatenate(far), kind="stable")
    return rank[np.random.default_rng(_SEED).permutation(len(rows))]
