"""New-cluster search (after Pelleg & Moore 2004): dense regions outside the known clusters."""

from __future__ import annotations

import numpy as np

from activeclust.strategy import PoolState, diverse_rows


def new_cluster(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take candidates with the highest product of none-of-these mass and density.

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
    ``S(i) = P(row i is in none of the known clusters) * density_i``. The first factor comes from the model; the second
    excludes outliers, which belong to no cluster either (D. Pelleg and A. Moore, "Active learning for anomaly and
    rare-category detection", NIPS 2004, defines the task). For finding all clusters early, not for refining their
    borders.
    """
    score = state.new_cluster_proba[state.candidates] * state.density[state.candidates]
    return diverse_rows(score, state, n, rng)
