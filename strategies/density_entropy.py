"""Density-weighted entropy (Settles & Craven 2008): uncertain rows in dense regions."""

from __future__ import annotations

import numpy as np

from activeclust.strategy import PoolState, diverse_rows, entropy_of


def density_entropy(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take candidates with the highest product of posterior entropy and density.

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
    ``ID(i) = H(i) * density_i^beta`` with ``beta = 1`` (B. Settles and M. Craven, "An analysis of active
    learning strategies for sequence labeling tasks", EMNLP 2008). The paper's density is the mean
    similarity to all rows, n x n; here it is the reciprocal distance to the nearest neighbours, which is linear in n
    and does not favour the middle of the data.
    """
    score = entropy_of(state.full_posterior[state.candidates]) * state.density[state.candidates]
    return diverse_rows(score, state, n, rng)
