"""Entropy sampling (Shannon 1948; Settles & Craven 2008): rows whose cluster is most uncertain."""

from __future__ import annotations

import numpy as np

from activeclust.strategy import PoolState, diverse_rows, entropy_of


def entropy(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take candidates with the highest posterior entropy.

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
    ``H(i) = -sum_c p_ic log p_ic`` over the known clusters and the none-of-these mass (B. Settles and
    M. Craven, "An analysis of active learning strategies for sequence labeling tasks", EMNLP 2008). In a batch of
    several rows, a row close to one already picked is left for later (the plain top-n is ``modal:entropy_sampling``).

    Expect it to be *worse* than random at 1 to 5 answers per cluster. With few anchors the posterior is most uncertain
    far from all anchors: at outliers, and on borders between clusters that have no answers inside yet. Such answers say
    little about other rows. It is included for comparison; ``density_entropy``, ``uncertainty_herding`` and ``auto``
    avoid this.
    """
    return diverse_rows(entropy_of(state.full_posterior[state.candidates]), state, n, rng)
