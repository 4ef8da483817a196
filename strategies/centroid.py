"""Centres of regions without an answer (cluster-based sampling, Nguyen & Smeulders 2004)."""

from __future__ import annotations

import numpy as np

from activeclust.strategy import PoolState, open_regions, take


def centroid(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take the row nearest the centre of each of the ``n`` largest regions without an anchor.

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
    k-means with ``K = (anchors) + n`` centres ``m_r`` in the diffusion view; at most ``K - n`` regions contain an
    anchor, so at least ``n`` have none. From each, ``argmin_i ||x_i - m_r||``, the largest region first (H. T. Nguyen
    and A. Smeulders, "Active learning using pre-clustering", ICML 2004). It does not use the posterior, so it works in
    the same way before the first answer, and is robust at the beginning; later it wastes answers on regions whose
    cluster is clear.
    """
    regions = open_regions(state, n, rng)
    points = state.views["diffusion"]
    picks = []
    for members, center in regions:
        picks.append(members[((points[members] - center) ** 2).sum(axis=1).argmin()])
    return take(picks, state.candidates, n, rng)
