"""Least-confidence sampling (Lewis & Gale 1994): rows whose most probable cluster has the lowest probability."""

from __future__ import annotations

import numpy as np

from activeclust.strategy import PoolState, diverse_rows


def least_confidence(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take candidates whose most probable cluster has the lowest probability.

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
    ``LC(i) = 1 - max_c p_ic``, *none of these* counting as a cluster (D. Lewis and W. Gale, "A sequential
    algorithm for training text classifiers", SIGIR 1994). It is the expected error of row i itself, and ignores the
    effect of its answer on other rows.
    """
    confidence = state.full_posterior[state.candidates].max(axis=1)
    return diverse_rows(1.0 - confidence, state, n, rng)
