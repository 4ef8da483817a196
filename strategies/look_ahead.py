"""Expected error reduction (Roy & McCallum 2001): rows whose answers are expected to leave the fewest errors."""

from __future__ import annotations

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.strategy import PoolState, cover, diverse_rows, one_by_one, sample_rows, uncertainty_of

SHORTLIST = 16  # number of rows tried per batch; 2 n if that is more
OUTCOMES = 3  # number of most probable answers tried per row; the remaining probability is divided among them
JUDGED = 1_000  # number of random rows on which the expected error is computed


def look_ahead(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take the candidates after whose answer the expected error of the pool is lowest.

    Parameters
    ----------
    state : PoolState
        With ``hypothetical``.
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray (min(n, p),) of int

    Raises
    ------
    InvalidInput
        If the clusterer has neither ``hypothetical`` nor ``refit``.

    Notes
    -----
    ``E(i) = sum_c p_ic sum_j (1 - max_c' p_jc'^{+(i, c)})``, c running over the three most probable clusters,
    *none of these* included, j over 1,000 random rows (N. Roy and A. McCallum, "Toward optimal active
    learning through sampling estimation of error reduction", ICML 2001). A hypothetical answer is only one
    more anchor in the context: nothing is trained, and all answers of the shortlist go through the network
    in one pass. The shortlist is a larger batch of ``uncertainty_herding``. Before the first answer every row opens a
    cluster, so the first rows of the shortlist are taken.
    """
    shortlist = cover(state, max(SHORTLIST, 2 * n), rng, weights=uncertainty_of(state.full_posterior))
    if len(shortlist) <= n or not len(state.anchors):
        return shortlist[:n]
    error = expected_errors(state, shortlist, sample_rows(np.arange(state.n_rows), JUDGED, rng))
    scores = np.zeros(len(state.candidates))
    scores[np.searchsorted(state.candidates, shortlist)] = error.max() - error + 1e-9
    return diverse_rows(scores, state, n, rng)


def expected_errors(state: PoolState, rows: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """(r,) share of the rows ``judged`` expected to be wrong once each of ``rows`` (r,) has been answered."""
    tried = state.hypothetical
    if tried is None and state.refit is not None:
        tried = one_by_one(state.refit, state.n_clusters)
    if tried is None:
        raise InvalidInput(
            "'look_ahead' needs a clusterer that offers hypothetical(...) or refit(...); this one does not."
        )
    prior = state.full_posterior[rows]
    outcomes = np.argsort(-prior, axis=1)[:, :OUTCOMES]  # the last column is a new cluster
    weight = np.take_along_axis(prior, outcomes, axis=1)
    weight /= weight.sum(axis=1, keepdims=True)
    after = tried(np.repeat(rows, outcomes.shape[1]), outcomes.ravel(), judged)
    wrong = (1.0 - after.max(axis=2)).mean(axis=1).reshape(outcomes.shape)
    return (weight * wrong).sum(axis=1)
