"""Clusters without answers: chooses one of many candidate partitions, and computes a posterior from it.

Several hundred partitions are computed (:mod:`activeclust.zeroshot.partitions`) and described
(:mod:`activeclust.zeroshot.describe`); a network trained on data sets of the prior predicts which agrees most with the
truth (:mod:`activeclust.zeroshot.selector`). Typical rows of its clusters then serve as anchors of the posterior
network, so that there are probabilities without answers too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from activeclust.pfn.inference import Posterior, Session
from activeclust.views.views import Views
from activeclust.zeroshot.one_body import is_one_body
from activeclust.zeroshot.partitions import Partition, Sample
from activeclust.zeroshot.search import Search

ANCHORS_A_CLUSTER, MAX_ANCHORS = 5, 400
PARTITION_SHARE = 0.6  # weight in the posterior; above 0.5, so that the partition decides
LEAST_CLUSTER = 3  # number of rows of the sample
_CHUNK_ELEMENTS = 20_000_000


@dataclass(frozen=True)
class Chosen:
    """The chosen partition.

    Attributes
    ----------
    labels : ndarray (n,) of int
        Cluster of every distinct row, 0 to C - 1, the largest first.
    family : str
        The family of the partition, one of :data:`activeclust.zeroshot.partitions.FAMILY_NAMES`.
    counts : ndarray (p,) of int
        Numbers of clusters of all candidates.
    probability : ndarray (p,)
        Probability that each candidate is the best of them.
    """

    labels: np.ndarray
    family: str
    counts: np.ndarray
    probability: np.ndarray


@dataclass(frozen=True)
class Discovery:
    """Clusters found without answers.

    Attributes
    ----------
    rows, codes : ndarray (k,) of int
        Anchors (distinct rows) and their clusters; the first C are the most typical rows, one per cluster.
    posterior : Posterior
        Its ``known`` is a weighted mean, 0.6 and 0.4, of the partition and of the posterior network's output given
        these anchors.
    chosen : Chosen
    """

    rows: np.ndarray
    codes: np.ndarray
    posterior: Posterior
    chosen: Chosen


def discover(session: Session, told: Search, n_clusters: int | None = None) -> Discovery:
    """Clusters of the session's rows, and the posterior over them.

    Parameters
    ----------
    session : Session
    told : Search
        Of the session's views.
    n_clusters : int or None
        The exact number of clusters that the candidates have, if it was given.
    """
    chosen = choose_partition(told, n_clusters)
    rows, codes = typical_rows(session.views, chosen.labels)
    posterior = session.posterior(rows, codes)
    known = (1 - PARTITION_SHARE) * posterior.known
    known[np.arange(len(known)), chosen.labels] += PARTITION_SHARE
    return Discovery(rows, codes, Posterior(known, posterior.new), chosen)


def choose_partition(told: Search, n_clusters: int | None = None) -> Chosen:
    """The candidate that is most probably the best, extended to every distinct row.

    The single cluster is not among them: whether there is only one cluster is decided before, by
    :func:`activeclust.zeroshot.one_body.is_one_body`.

    Parameters
    ----------
    told : Search
    n_clusters : int or None
        The exact number of clusters that the candidates have, if it was given.

    Examples
    --------
    >>> from activeclust.views.views import make_views
    >>> from activeclust.zeroshot.search import search
    >>> rng = np.random.default_rng(0)
    >>> views = make_views(np.repeat([[0.0, 0], [20, 0], [0, 20]], 60, axis=0) + rng.normal(size=(180, 2)))
    >>> np.bincount(choose_partition(search(views)).labels).tolist()
    [60, 60, 60]
    """
    found, sample = told.found, told.sample
    probability, taken = np.eye(len(found))[0], 0
    several = n_clusters is not None or not is_one_body(sample.whole.pca)
    if len(found) > 1 and n_clusters != 1 and several:
        probability = told.probability.copy()
        probability[0] = 0.0  # a single cluster is excluded here
        probability /= max(probability.sum(), 1e-300)
        taken = int(probability.argmax())
    best = found[taken]
    sampled = best.labels if n_clusters is not None else without_specks(best.labels, sample.views)
    labels = _by_size(_to_all_rows(sample, sampled, best))
    return Chosen(labels, best.family, np.array([p.K for p in found]), probability)


def _by_size(labels: np.ndarray) -> np.ndarray:
    """Renumbered by size, equal sizes by their first row (rows are in a random order)."""
    _, first, code, size = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    place = np.empty(len(size), dtype=np.int64)
    place[np.lexsort([first, -size])] = np.arange(len(size))
    return place[code.ravel()]


def without_specks(labels: np.ndarray, views: Views) -> np.ndarray:
    """Merge clusters of one or two rows, which the prior does not contain, into their nearest clusters.

    Parameters
    ----------
    labels : ndarray (m,) of int
    views : Views
        Of these rows.

    Examples
    --------
    >>> from activeclust.views.views import make_views
    >>> views = make_views(np.array([[0.0], [1], [2], [4], [20], [21], [22], [24]]))
    >>> place = views.first  # views have an order of their own
    >>> labels = without_specks(np.array([0, 0, 0, 1, 2, 2, 2, 2])[place], views)
    >>> labels[np.argsort(place)].tolist()
    [0, 0, 0, 0, 2, 2, 2, 2]
    """
    large = np.bincount(labels)[labels] >= LEAST_CLUSTER
    if large.all() or not large.any():
        return labels
    labels = labels.copy()
    inside = np.flatnonzero(large)
    for row in np.flatnonzero(~large):
        near = views.neighbors[row][large[views.neighbors[row]]]
        if len(near) == 0:
            near = inside[[((views.pca[inside] - views.pca[row]) ** 2).sum(axis=1).argmin()]]
        labels[row] = labels[near[0]]
    return labels


def _to_all_rows(sample: Sample, labels: np.ndarray, partition: Partition) -> np.ndarray:
    """Every row takes the label of the nearest sampled one."""
    n = sample.whole.n_rows
    if sample.m == n:
        return labels
    whole = sample.points_of_all(partition.space, partition.width)
    points = np.ascontiguousarray(whole[sample.rows].T)
    squared = (points**2).sum(axis=0)
    out = np.empty(n, dtype=np.int64)
    chunk = max(1, _CHUNK_ELEMENTS // sample.m)
    for start in range(0, n, chunk):
        rows = slice(start, start + chunk)
        out[rows] = labels[(squared - 2 * whole[rows] @ points).argmin(axis=1)]
    out[sample.rows] = labels
    return out


def typical_rows(
    views: Views, labels: np.ndarray, each: int = ANCHORS_A_CLUSTER
) -> tuple[np.ndarray, np.ndarray]:
    """Anchors: rows of each cluster whose neighbours are in it, too; the densest first, then random ones.

    Returns
    -------
    rows, codes : ndarray (k,) of int
        The most typical row of every cluster, then the second of every cluster that has one, and so on.
    """
    C = int(labels.max()) + 1
    each = max(1, min(each, MAX_ANCHORS // C))
    near = views.neighbors[:, :10]
    inside = (labels[near] == labels[:, None]).mean(axis=1)
    density = (views.density + views.density[near].sum(axis=1)) / (1 + near.shape[1])
    chosen: list[tuple[int, int, int]] = []
    for c in range(C):
        mine = np.flatnonzero(labels == c)
        # views hold rows in a random order: the first ones inside are a random sample of them
        deep = mine[inside[mine] >= min(0.9, np.median(inside[mine]))]
        best = deep[np.argmax(density[deep])]
        others = deep[deep != best][: each - 1]
        chosen += [(turn, c, int(row)) for turn, row in enumerate([best, *others])]
    chosen.sort()
    return np.array([row for _, _, row in chosen]), np.array([c for _, c, _ in chosen])
