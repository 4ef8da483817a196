"""Expected error reduction (Roy & McCallum 2001): the answer that leaves the fewest errors."""

from __future__ import annotations

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.strategy import PoolState, cover, diverse_rows, uncertainty_of

SHORTLIST = 8  # rows tried a batch, or 2 n where that is more: each costs one model call an outcome
OUTCOMES = 3  # likeliest answers tried a row; what is left of its probability is spread over them


def look_ahead(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take the candidates after whose answer the expected error of the pool is least.

    Parameters
    ----------
    state : PoolState
        With ``refit``.
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray (min(n, p),) of int

    Raises
    ------
    InvalidInput
        Where the clusterer offers no ``refit``.

    Notes
    -----
    ``E(i) = sum_c p_ic sum_j (1 - max_c' p_jc'^{+(i, c)})``, c running over the three likeliest clusters,
    *none of these* included (N. Roy and A. McCallum, "Toward optimal active learning through sampling
    estimation of error reduction", ICML 2001). A hypothetical answer is only one more anchor in the
    context, so nothing is trained. It is tried on a shortlist, the batch that ``uncertainty_herding`` would
    take were it larger. Before the first answer every row opens a cluster, and the shortlist is the answer.
    """
    shortlist = cover(state, max(SHORTLIST, 2 * n), rng, weights=uncertainty_of(state.full_posterior))
    if len(shortlist) <= n or not len(state.anchors):
        return shortlist[:n]
    if state.refit is None:
        raise InvalidInput("'look_ahead' needs a clusterer that offers refit(...); this one does not.")
    error = np.array([_expected_error(state, int(row)) for row in shortlist])
    scores = np.zeros(len(state.candidates))
    scores[np.searchsorted(state.candidates, shortlist)] = error.max() - error + 1e-9
    return diverse_rows(scores, state, n, rng)


def _expected_error(state: PoolState, row: int) -> float:
    prior = state.full_posterior[row]
    outcomes = np.argsort(-prior)[:OUTCOMES]
    weight = prior[outcomes] / prior[outcomes].sum()
    total = 0.0
    for code, share in zip(outcomes, weight, strict=True):
        posterior, new = state.refit(np.array([row]), np.array([code]))  # type: ignore[misc]
        best = np.maximum((posterior * (1.0 - new)[:, None]).max(axis=1), new)
        total += share * float((1.0 - best).mean())
    return total
