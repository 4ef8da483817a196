"""BALD (Houlsby et al. 2011): rows on which passes with different parts of the views disagree."""

from __future__ import annotations

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.strategy import PoolState, cover, diverse_rows, entropy_of

PASSES = 8


def disagreement(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take candidates with the highest mutual information between answer and pass.

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
    ``I(i) = H(1/T sum_t p_it) - 1/T sum_t H(p_it)`` over T = 8 passes, each of which sees a random part of
    the views' coordinates (N. Houlsby et al., "Bayesian active learning for classification and preference
    learning", 2011). Unlike entropy it is low if all passes agree that a row is uncertain. With fewer than two clusters
    the passes cannot disagree, and rows are chosen as by ``herding``.
    """
    if state.n_clusters < 2:
        return cover(state, n, rng)
    if state.resample is None:
        raise InvalidInput("'disagreement' needs a clusterer that offers resample(...); this one does not.")
    passes = np.asarray(state.resample(PASSES, rng))[:, state.candidates]
    within = np.mean([entropy_of(p) for p in passes], axis=0)
    information = np.maximum(entropy_of(passes.mean(axis=0)) - within, 0.0)
    return diverse_rows(information, state, n, rng)
