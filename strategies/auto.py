"""The default: covers the pool first, then the part of it that is still open."""

from __future__ import annotations

import numpy as np

from activeclust.strategy import PoolState, cover, uncertainty_of


def auto(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take the rows that together cover most of what is still uncertain.

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
    Greedy maximisation of ``sum_i u_i max_{a in anchors + batch} k(x_i, x_a)`` over the diffusion view, with
    ``u_i = 1 - margin_i`` (W. Bae et al., "Uncertainty herding", ICLR 2025).
    """
    return cover(state, n, rng, weights=uncertainty_of(state.full_posterior))
