"""Rows drawn uniformly at random: the baseline of every comparison."""

from __future__ import annotations

import numpy as np

from activeclust.strategy import PoolState


def random(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``n`` candidates uniformly without replacement.

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
    ``P(i) = 1/p`` for each of the p candidates. The only strategy here whose answers are a representative sample of the
    pool: estimates from them, as by ``activeclust audit``, are unbiased.
    """
    return rng.choice(state.candidates, size=min(n, len(state.candidates)), replace=False)
