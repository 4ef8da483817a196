"""DropQuery (Gupte et al. 2024): rows whose cluster changes when some features are dropped."""

from __future__ import annotations

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.strategy import PoolState, cover, kmeans, take

PASSES = 5
INCONSISTENT = 0.5  # share of passes that contradict the full one, as in the paper


def consistency(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take the centres of ``n`` groups of the candidates whose cluster changes under dropout.

    Parameters
    ----------
    state : PoolState
        With ``resample``.
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray (min(n, p),) of int

    Raises
    ------
    InvalidInput
        If the clusterer has no ``resample``.

    Notes
    -----
    ``s_i = 1/T sum_t [argmax p_it != argmax p_i]``; the rows with ``s_i >= 0.5`` are grouped by k-means into
    n on the diffusion view, and the row nearest each centre is asked (S. R. Gupte et al., "Revisiting
    active learning in the era of vision foundation models", TMLR 2024). If fewer than 10 n rows reach 0.5, the 10 n
    rows with the largest ``s_i`` are grouped instead. With fewer than two clusters nothing can change, and rows are
    chosen as by ``herding``.
    """
    if state.n_clusters < 2:
        return cover(state, n, rng)
    if state.resample is None:
        raise InvalidInput("'consistency' needs a clusterer that offers resample(...); this one does not.")
    here = state.candidates
    guess = state.posterior[here].argmax(axis=1)
    passes = np.asarray(state.resample(PASSES, rng))[:, here]
    wavering = (passes.argmax(axis=2) != guess).mean(axis=0)
    order = np.lexsort((rng.random(len(here)), -wavering))
    group = here[order[: max(10 * n, int((wavering >= INCONSISTENT).sum()))]]
    points = state.views["diffusion"][group]
    centers, region = kmeans(points, n, rng)
    picks = []
    for r in np.unique(region):
        members = np.flatnonzero(region == r)
        picks.append(int(group[members[((points[members] - centers[r]) ** 2).sum(axis=1).argmin()]]))
    return take(picks, here, n, rng)
