"""ProbCover (Yehuda et al. 2022): covers as many rows as possible within a radius of an answered row."""

from __future__ import annotations

import numpy as np

from activeclust.strategy import MAX_CANDIDATES, MAX_REFERENCES, PoolState, kmeans, sample_rows, take

PURITY = 0.95  # alpha of the paper
PSEUDO_CLUSTERS = 10  # used instead of the number of classes, which the paper assumes to be known


def coverage(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take, greedily, the rows whose ball covers most of the rows that are not covered yet.

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
    Maximises ``|{j : min_{a in anchors + batch} ||x_j - x_a|| <= d}|`` (O. Yehuda et al., "Active learning
    through a covering lens", NeurIPS 2022). ``d`` is the largest radius at which 95 % of the balls contain rows of one
    k-means region only, that is, the 5 % quantile of the distance to the nearest row of another region. When all rows
    are covered, the rest of a batch is drawn at random, as in the paper. Candidates and the rows to be covered are
    random samples if there are more than 8,000 and 3,000.
    """
    points = np.asarray(state.views["diffusion"], np.float32)
    refs = sample_rows(np.arange(state.n_rows), MAX_REFERENCES, rng)
    rows = sample_rows(state.candidates, MAX_CANDIDATES, rng)
    rows = rows[rng.permutation(len(rows))]  # the first of equal ones is random
    radius = _radius(points[refs], max(PSEUDO_CLUSTERS, state.n_clusters), rng)
    covers = _distance(points[rows], points[refs]) <= radius
    open_ = np.ones(len(refs), bool)
    for anchor in state.covered:
        open_ &= _distance(points[anchor][None], points[refs])[0] > radius
    picks: list[int] = []
    for _ in range(min(n, len(rows))):
        gain = covers[:, open_].sum(axis=1)
        if gain.max(initial=0) == 0:
            break
        best = int(gain.argmax())
        picks.append(int(rows[best]))
        open_ &= ~covers[best]
    return take(picks, state.candidates, n, rng)


def _radius(points: np.ndarray, k: int, rng: np.random.Generator) -> float:
    _, region = kmeans(points, k, rng)
    distance = _distance(points, points)
    distance[region[:, None] == region[None, :]] = np.inf
    to_other = distance.min(axis=1)
    to_other = to_other[np.isfinite(to_other)]
    return float(np.quantile(to_other, 1 - PURITY)) if len(to_other) else 0.0


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(2.0 - 2.0 * (a @ b.T), 0.0))  # rows have unit length
