"""Core-set selection by k-centre greedy (Sener & Savarese 2018)."""

from __future__ import annotations

import numpy as np

from activeclust.strategy import PoolState, take


def k_center(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take, one after another, the candidate farthest from all answered and picked rows.

    Parameters
    ----------
    state : PoolState
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray (min(n, p),) of int

    Notes
    -----
    ``argmax_i min_{a in anchors + batch} ||x_i - x_a||`` on the diffusion view, a 2-approximation of the
    smallest covering radius (O. Sener and S. Savarese, "Active learning for convolutional neural networks:
    a core-set approach", ICLR 2018). The first row, before there is any anchor, is drawn at random. It covers the
    *range* of the data, outliers first, while ``herding`` covers its mass.
    """
    rows = state.candidates[rng.permutation(len(state.candidates))]  # the first of equal ones is random
    points = np.asarray(state.views["diffusion"], np.float32)
    here = points[rows]
    nearest = np.full(len(rows), -2.0, np.float32)  # cosine to the nearest anchor; -2 for none
    for anchor in state.covered:
        nearest = np.maximum(nearest, here @ points[anchor])
    picks: list[int] = []
    for _ in range(min(n, len(rows))):
        best = int(nearest.argmin())
        picks.append(int(rows[best]))
        nearest = np.maximum(nearest, here @ here[best])
        nearest[best] = np.inf
    return take(picks, state.candidates, n, rng)
