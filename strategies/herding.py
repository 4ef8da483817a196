"""MaxHerding (Bae et al. 2024): covers the mass of the pool with a soft kernel."""

from __future__ import annotations

import numpy as np

from activeclust.strategy import PoolState, cover


def herding(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take, greedily, the rows that most increase the mean similarity of the pool to the answered rows.

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
    Maximises ``1/n sum_i max_{a in anchors + batch} k(x_i, x_a)`` with ``k = exp((cos - 1) / 0.5)`` on the
    diffusion view (W. Bae, J. Noh, D. J. Sutherland, "Generalized coverage for more robust low-budget
    active learning", ECCV 2024). The best of the strategies that do not use the posterior.
    """
    return cover(state, n, rng)
