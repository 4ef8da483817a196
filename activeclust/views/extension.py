"""Extends the views to further rows: each is a weighted mean of the rows nearest to it.

The Nystroem extension of the diffusion view with self-tuning weights that sum to one: values at the rows of a graph,
coordinates or posteriors, are interpolated at other rows. Each row is computed independently, so the result does not
depend on how rows are split into blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from activeclust.views.neighbors import Neighbors

_PART = 65_536


@dataclass(frozen=True)
class Extension:
    """Rows as weighted means of landmarks: N rows, k landmarks each.

    Attributes
    ----------
    rows : ndarray (N, k) of int
        The nearest landmarks, nearest first.
    weights : ndarray (N, k) of float32
        Sum to 1.
    pca : ndarray (N, a) of float32
        The rows' own coordinates.
    density : ndarray (N,)
        The reciprocal distance to the 7th landmark that is not the row itself, mean 1.
    """

    rows: np.ndarray
    weights: np.ndarray
    pca: np.ndarray
    density: np.ndarray

    def spread(self, known: np.ndarray) -> np.ndarray:
        """Values ``known`` (L, ...) at the landmarks, interpolated at all rows (N, ...)."""
        return spread(known, self.rows, self.weights)


def spread(known: np.ndarray, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted means (N, ...) of ``known`` (L, ...) over rows (N, k), of the type of ``known``."""
    out = np.empty((len(rows), *known.shape[1:]), known.dtype)
    for start in range(0, len(rows), _PART):
        part = slice(start, start + _PART)
        weight = weights[part].astype(known.dtype)
        out[part] = np.einsum("ij,ij...->i...", weight, known[rows[part]])
    return out


def weigh(
    index: Neighbors, scale: np.ndarray, at: np.ndarray, k: int, step: str = ""
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest rows, their weights and their distances (m, k) each, for points ``at`` (m, a).

    A point that equals a row has weight 1 on that row.
    """
    near, distances = index.search(at, k, step)
    own = np.maximum(distances[:, -1:], 1e-12)
    weights = np.exp(-(distances**2) / (own * scale[near])) + 1e-12
    equal = distances <= 1e-5 * scale[near]
    weights = np.where(equal.any(axis=1, keepdims=True), equal, weights)
    weights /= weights.sum(axis=1, keepdims=True)
    return near, weights, distances
