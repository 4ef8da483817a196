"""The default: covers what is open, coarsely while clusters are still to be met, then in detail."""

from __future__ import annotations

import numpy as np

from activeclust.strategy import PoolState, cover, margin_of

#: Share of the rows in clusters that were not met, by Good and Turing, down to which the coarse view is used.
UNMET = 0.25
#: Leading diffusion coordinates of the coarse view: so many for each cluster, of ten at least; and the least.
COARSE_PER_CLUSTER, LEAST_CLUSTERS, LEAST_COARSE = 2.4, 10, 24
#: Width of the kernel in the coarse view, and afterwards.
COARSE_WIDTH, WIDTH = 0.2, 0.1
#: The most that openness is raised to.
MOST_POWER = 8.0
#: Share of the principal coordinates beside the diffusion ones where neighbours are near; and how near, beside two
#: random rows (a ratio of mean squared distances), neighbours must be for them to have any share.
SHARE, NEAR = 0.5, 0.4
_NEIGHBORS, _LOOKED_AT = 10, 1_000


def auto(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take the rows that together cover most of what is still open.

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
    Greedy maximisation of ``sum_i u_i^r max_{a in anchors + batch} k(x_i, x_a)``: MaxHerding (W. Bae et al.,
    ECCV 2024), weighted by uncertainty (W. Bae et al., ICLR 2025), with four changes.

    *What is open*: ``u_i = 1 - (1 - q_i) (p_i(1) - p_i(2))``, ``q_i`` being the none-of-these mass and p the
    posterior over the known clusters. A row that surely belongs to a new cluster is as open as one torn
    between two known ones; the usual margin, with *none of these* as one more cluster, would call it
    settled, and new clusters would be found late.

    *From coarse to fine*: while many rows lie in clusters that were not met, the leading diffusion coordinates decide,
    which hold the large clusters and little else. How many rows that are is estimated from the answers, after Good and
    Turing: the clusters met once, divided by the answers. Afterwards all coordinates and a narrower kernel tell the
    parts of a cluster apart.

    *From covering to margins*: r is the number of answers per known cluster, at least 1 and at most 8. With few answers
    the posterior knows little, and the mass of the pool decides; with many, only rows that are torn are worth one.

    *In every view that tells something*: the principal coordinates stand beside the diffusion ones. In many dimensions
    a row's neighbours are hardly nearer than any two rows, and such distances mislead; so their share is
    ``1/2 (1 - d / 0.4)``, at least 0, d being the mean squared distance of neighbours divided by that of random rows.

    The constants were chosen on six sets, which docs/strategies.md names, and are judged there on others.
    """
    coarse = unmet(state) > UNMET
    weights = openness(state) ** power(state)
    width = COARSE_WIDTH if coarse else WIDTH
    return cover(state, n, rng, weights=weights, width=width, points=points_of(state, coarse=coarse))


def openness(state: PoolState) -> np.ndarray:
    """(n,) how open each row's cluster is: 0 settled, 1 open or of a new cluster; all 1 without anchors."""
    if state.n_clusters == 0:
        return np.ones(state.n_rows)
    return 1.0 - (1.0 - state.new_cluster_proba) * margin_of(state.posterior)


def power(state: PoolState) -> float:
    """What openness is raised to: answers, pending ones included, per known cluster, from 1 to 8."""
    return float(np.clip(len(state.covered) / max(1, state.n_clusters), 1.0, MOST_POWER))


def unmet(state: PoolState) -> float:
    """Share of the rows in clusters that were not met yet: clusters with one answer, divided by the answers.

    I. J. Good, "The population frequencies of species and the estimation of population parameters", Biometrika 1953.
    1 before the first answer.
    """
    if len(state.anchors) == 0:
        return 1.0
    return float((np.bincount(state.anchor_codes) == 1).sum() / len(state.anchors))


def points_of(state: PoolState, *, coarse: bool) -> np.ndarray:
    """(n, m) diffusion coordinates, the leading ones where ``coarse``, with their share of the principal ones."""
    diffusion, pca = state.views["diffusion"], state.views["pca"]
    if coarse:
        clusters = max(LEAST_CLUSTERS, state.n_clusters)
        leading = diffusion[:, : max(LEAST_COARSE, int(COARSE_PER_CLUSTER * clusters))]
        diffusion = leading / np.maximum(np.linalg.norm(leading, axis=1, keepdims=True), 1e-12)
    share = SHARE * max(0.0, 1.0 - nearness(state) / NEAR)
    size = np.sqrt((np.asarray(pca, dtype=float) ** 2).sum(axis=1).mean())
    pca = pca * np.sqrt(share) / max(size, 1e-12)
    return np.hstack([np.sqrt(1.0 - share) * diffusion, pca]).astype(np.float32)


def nearness(state: PoolState) -> float:
    """Mean squared distance of neighbours in the principal coordinates, divided by that of two random rows.

    0 where neighbours are at one place, about 1 where they are no nearer than others, or where there are none.
    """
    rows = np.unique(np.linspace(0, state.n_rows - 1, min(state.n_rows, _LOOKED_AT)).astype(int))
    pca = np.asarray(state.views["pca"], dtype=float)
    spread = 2.0 * (pca**2).sum(axis=1).mean()
    near = state.neighbors[rows, :_NEIGHBORS]
    if near.size == 0 or spread <= 0:
        return 1.0
    return float(((pca[rows, None] - pca[near]) ** 2).sum(axis=2).mean() / spread)
