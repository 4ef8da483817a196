"""Scores of rows: the uncertainty of the posterior, and the distance to other rows."""

from __future__ import annotations

import numpy as np

#: Width of the coverage kernel ``exp((cos - 1) / width)`` on the diffusion view.
WIDTH = 0.5


def entropy_of(posterior: np.ndarray) -> np.ndarray:
    """(n,) entropies, in nats, of the probabilities ``posterior`` (n, C).

    Examples
    --------
    >>> entropy_of(np.array([[1.0, 0.0], [0.5, 0.5]])).round(3).tolist()
    [0.0, 0.693]
    """
    p = np.asarray(posterior, dtype=float)
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=1) + 0.0


def margin_of(posterior: np.ndarray) -> np.ndarray:
    """(n,) differences between the two highest of ``posterior`` (n, C); 1 if there is only one column.

    Examples
    --------
    >>> margin_of(np.array([[0.7, 0.2, 0.1]])).round(3).tolist()
    [0.5]
    """
    p = np.asarray(posterior, dtype=float)
    if p.shape[1] < 2:
        return np.ones(len(p))
    top = np.partition(p, -2, axis=1)[:, -2:]
    return top[:, 1] - top[:, 0]


def uncertainty_of(full_posterior: np.ndarray) -> np.ndarray:
    """(n,) ``1 - margin`` of ``full_posterior`` (n, C + 1); all 1 before the first answer."""
    if full_posterior.shape[1] < 2:
        return np.ones(len(full_posterior))
    return 1.0 - margin_of(full_posterior)


def kernel_between(a: np.ndarray, b: np.ndarray, width: float = WIDTH) -> np.ndarray:
    """(p, q) coverage kernel ``exp(-|a - b|^2 / (2 width))`` of rows ``a`` (p, m) and ``b`` (q, m).

    Of unit rows it is ``exp((cos - 1) / width)``.
    """
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    kernel = a @ b.T
    # in place: allocating memory takes longer than the computation
    kernel -= 0.5 * (a**2).sum(axis=1)[:, None]
    kernel -= 0.5 * (b**2).sum(axis=1)
    np.minimum(kernel, 0.0, out=kernel)
    kernel /= np.float32(width)
    return np.exp(kernel, out=kernel)


def closeness(points: np.ndarray, others: np.ndarray, width: float = WIDTH) -> np.ndarray:
    """(n,) kernel of that ``width`` between ``points`` and the nearest of ``others``, 0 if there are none."""
    nearest = np.zeros(len(points), np.float32)
    for start in range(0, len(others), 256):  # in parts, for thousands of anchors and 70,000 rows
        part = kernel_between(points, others[start : start + 256], width)
        nearest = np.maximum(nearest, part.max(axis=1))
    return nearest
