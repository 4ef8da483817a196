"""Uncertainty herding (Bae et al. 2025): covers the mass of the uncertain rows."""

from __future__ import annotations

import numpy as np

from activeclust.strategy import PoolState, cover, uncertainty_of


def uncertainty_herding(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take, greedily, the rows that cover most of the uncertain part of the pool.

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
    Maximises ``sum_i u_i max_{a in anchors + batch} k(x_i, x_a)`` with ``u_i = 1 - (p_i(1) - p_i(2))``, *none
    of these* counting as a cluster (W. Bae, G. L. Oliveira, D. J. Sutherland, "Uncertainty herding: one
    active learning method for all label budgets", ICLR 2025). With an uninformed posterior it is
    ``herding``, with a narrow kernel it is ``margin``; the kernel is that of ``herding`` at every budget.
    """
    return cover(state, n, rng, weights=uncertainty_of(state.full_posterior))
