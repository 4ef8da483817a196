"""The default: covers uncertain rows, coarsely while new clusters are still found, then in detail."""

from __future__ import annotations

import numpy as np

from activeclust.strategy import PoolState, cover, margin_of

#: The coarse view is used while the estimated share of rows in undiscovered clusters (Good-Turing) is above
#: this.
UNMET = 0.25
#: Number of leading diffusion coordinates in the coarse view: per cluster, for at least ten clusters; and the
#: minimum.
COARSE_PER_CLUSTER, LEAST_CLUSTERS, LEAST_COARSE = 2.4, 10, 24
#: Width of the kernel in the coarse view, and in the detailed one.
COARSE_WIDTH, WIDTH = 0.2, 0.1
#: Maximum exponent of the openness.
MOST_POWER = 8.0
#: Share of the principal coordinates if neighbours are near in them; and the ratio of mean squared distances
#: (neighbours to random rows) from which on that share is 0.
SHARE, NEAR = 0.5, 0.4
#: Share of the model's zero-shot clusters beside the coordinates, in a first batch.
ZERO_SHOT_SHARE = 0.5
_NEIGHBORS, _LOOKED_AT = 10, 1_000


def auto(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take the rows that together cover most of the rows whose cluster is open.

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
    ECCV 2024), weighted by uncertainty (W. Bae et al., ICLR 2025), with five changes.

    *Openness*: ``u_i = 1 - (1 - q_i) (p_i(1) - p_i(2))``, ``q_i`` being the none-of-these mass and p the
    posterior over the known clusters. A row that certainly belongs to a new cluster is as open as one between two known
    clusters; the usual margin, with *none of these* as one more cluster, would be 0 for it, and new clusters would be
    found late.

    *From coarse to fine*: while many rows are in undiscovered clusters, only the leading diffusion coordinates are
    used, which mainly separate the large clusters. The share of these rows is estimated after Good and Turing: the
    number of clusters with one answer, divided by the number of answers. Afterwards all coordinates and a narrower
    kernel also separate the parts of a cluster.

    *From covering to margins*: r is the number of answers per known cluster, at least 1 and at most 8. With few answers
    the posterior is uncertain, and the mass of the pool decides; with many, only rows between clusters need an answer.

    *All informative views*: the principal coordinates are used in addition to the diffusion ones. In many dimensions a
    row's neighbours are hardly nearer than random rows, and distances are not informative; so the share of the
    principal coordinates is ``1/2 (1 - d / 0.4)``, at least 0, d being the mean squared distance of neighbours divided
    by that of random rows.

    *Clusters found without answers*: if several rows are chosen before the first answer, the zero-shot partition of the
    model (if it makes one) is used in addition to all coordinates: half of the squared distance between two rows is
    that between their zero-shot cluster probabilities, scaled to unit length. The partition takes seconds, once a run.

    The constants were chosen on six data sets; docs/strategies.md names them, and evaluates on others.
    """
    if state.n_clusters == 0 and n > 1 and state.zero_shot is not None:
        points = with_clusters(points_of(state, coarse=False), state.zero_shot())
        return cover(state, n, rng, width=COARSE_WIDTH, points=points)
    coarse = unmet(state) > UNMET
    weights = openness(state) ** power(state)
    width = COARSE_WIDTH if coarse else WIDTH
    return cover(state, n, rng, weights=weights, width=width, points=points_of(state, coarse=coarse))


def openness(state: PoolState) -> np.ndarray:
    """(n,) openness of each row: 0 if its cluster is certain, 1 if it is open or new; all 1 without anchors."""
    if state.n_clusters == 0:
        return np.ones(state.n_rows)
    return 1.0 - (1.0 - state.new_cluster_proba) * margin_of(state.posterior)


def power(state: PoolState) -> float:
    """The exponent of the openness: answers (including pending ones) per known cluster, from 1 to 8."""
    return float(np.clip(len(state.covered) / max(1, state.n_clusters), 1.0, MOST_POWER))


def unmet(state: PoolState) -> float:
    """Estimated share of the rows in undiscovered clusters: clusters with one answer, divided by the answers.

    I. J. Good, "The population frequencies of species and the estimation of population parameters", Biometrika 1953.
    1 before the first answer.
    """
    if len(state.anchors) == 0:
        return 1.0
    return float((np.bincount(state.anchor_codes) == 1).sum() / len(state.anchors))


def points_of(state: PoolState, *, coarse: bool) -> np.ndarray:
    """(n, m) diffusion coordinates (the leading ones if ``coarse``), and the principal ones with their share."""
    diffusion, pca = state.views["diffusion"], state.views["pca"]
    if coarse:
        clusters = max(LEAST_CLUSTERS, state.n_clusters)
        leading = diffusion[:, : max(LEAST_COARSE, int(COARSE_PER_CLUSTER * clusters))]
        diffusion = leading / np.maximum(np.linalg.norm(leading, axis=1, keepdims=True), 1e-12)
    share = SHARE * max(0.0, 1.0 - nearness(state) / NEAR)
    size = np.sqrt((np.asarray(pca, dtype=float) ** 2).sum(axis=1).mean())
    pca = pca * np.sqrt(share) / max(size, 1e-12)
    return np.hstack([np.sqrt(1.0 - share) * diffusion, pca]).astype(np.float32)


def with_clusters(points: np.ndarray, partition: np.ndarray) -> np.ndarray:
    """(n, m + C) ``points`` (n, m) and the cluster probabilities ``partition`` (n, C), each with its share.

    Two rows that are certainly in different clusters are as far apart as two at a right angle on the unit sphere.
    """
    share = partition / np.linalg.norm(partition, axis=1, keepdims=True)
    parts = [np.sqrt(1.0 - ZERO_SHOT_SHARE) * points, np.sqrt(ZERO_SHOT_SHARE) * share]
    return np.hstack(parts).astype(np.float32)


def nearness(state: PoolState) -> float:
    """Mean squared distance of neighbours in the principal coordinates, divided by that of two random rows.

    0 if neighbours coincide, about 1 if they are no nearer than random rows, or if there are none.
    """
    rows = np.unique(np.linspace(0, state.n_rows - 1, min(state.n_rows, _LOOKED_AT)).astype(int))
    pca = np.asarray(state.views["pca"], dtype=float)
    spread = 2.0 * (pca**2).sum(axis=1).mean()
    near = state.neighbors[rows, :_NEIGHBORS]
    if near.size == 0 or spread <= 0:
        return 1.0
    return float(((pca[rows, None] - pca[near]) ** 2).sum(axis=2).mean() / spread)
