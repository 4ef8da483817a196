"""Entropy sampling (Shannon 1948; Settles & Craven 2008): rows whose cluster is most open."""

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
    M. Craven, "An analysis of active learning strategies for sequence labeling tasks", EMNLP 2008). A batch
    of one is that and nothing else; in a larger batch a row beside one already picked waits (the plain
    top-n is ``modal:entropy_sampling``).

    Expect it to *lose* to random at 1-5 answers a cluster. With few anchors the posterior is most open
    where nothing is near: outliers, and the seams between clusters whose insides nobody has asked about
    yet. Such answers say little about other rows. It is shipped as the field knows it, for comparison;
    ``density_entropy`` and ``uncertainty_herding`` mend the fault, and ``auto`` needs no choice.
    """
    return diverse_rows(entropy_of(state.full_posterior[state.candidates]), state, n, rng)
