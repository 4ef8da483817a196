"""TypiClust (Hacohen et al. 2022): the most typical row of each region without an answer."""

from __future__ import annotations

import numpy as np

from activeclust.strategy import PoolState, open_regions, take


def typicality(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take the densest row of each of the ``n`` largest regions without an anchor.

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
    ``T(i) = (1/q sum_{j in NN(i)} ||x_i - x_j||)^-1``, here the ``density`` of the pool; regions by k-means
    into ``(anchors) + n`` on the diffusion view (G. Hacohen, A. Dekel, D. Weinshall, "Active learning on a
    budget: opposite strategies suit high and low budgets", ICML 2022). For low budgets; it does not use the posterior.
    """
    picks = [members[state.density[members].argmax()] for members, _ in open_regions(state, n, rng)]
    return take(picks, state.candidates, n, rng)
