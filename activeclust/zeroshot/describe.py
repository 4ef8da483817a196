"""Features of candidate partitions that need no true labels: a row of numbers for each candidate.

Nothing depends on the numbering of clusters or the order of rows. All candidates of a data set are described
at once: their clusters, side by side, are the columns of one indicator matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from activeclust.zeroshot.partitions import FAMILY_NAMES, Partition, Sample

PAIRS = 6000  # number of pairs of rows from which agreement between candidates is estimated
SILHOUETTE_ROWS = 400
_GAUSSIAN_DIMENSIONS = 5
N_PLAIN = 96  # number of features of a partition itself
#: Number of features: those of the partition, their ranks among the candidates, the family.
N_FEATURES = 2 * N_PLAIN + len(FAMILY_NAMES)


@dataclass
class Description:
    """The candidates of one data set as features.

    Attributes
    ----------
    features : ndarray (p, f) of float32
    agreement : ndarray (p, p) of float32
        Adjusted Rand index of each pair of candidates, estimated from pairs of rows.
    """

    features: np.ndarray
    agreement: np.ndarray


class _Clusters:
    """The clusters of all candidates, numbered consecutively; G in all."""

    def __init__(self, partitions: list[Partition]) -> None:
        self.labels = np.stack([p.labels for p in partitions], axis=1)  # (m, p)
        self.K = np.array([p.K for p in partitions])
        self.start = np.concatenate([[0], np.cumsum(self.K)[:-1]])
        self.G = int(self.K.sum())
        self.of = np.repeat(np.arange(len(partitions)), self.K)  # candidate of each cluster
        self.id = self.labels + self.start[None]
        self.m, self.p = self.labels.shape
        self.indicator = sp.csr_array(
            (np.ones(self.m * self.p), self.id.ravel(), np.arange(0, self.m * self.p + 1, self.p)),
            shape=(self.m, self.G),
        )
        self.size = np.bincount(self.id.ravel(), minlength=self.G).astype(float)
        self.share = self.size / self.m

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(G,) or (G, d) sums of the values of a cluster's rows."""
        return self.indicator.T @ values

    def mean(self, of_cluster: np.ndarray) -> np.ndarray:
        """(p,) mean over a candidate's rows of the values of their clusters."""
        return np.add.reduceat(of_cluster * self.share, self.start)

    def least(self, of_cluster: np.ndarray) -> np.ndarray:
        """(p,) minimum over a candidate's clusters."""
        return np.minimum.reduceat(of_cluster, self.start)

    def plain(self, of_cluster: np.ndarray) -> np.ndarray:
        """(p,) mean over a candidate's clusters."""
        return np.add.reduceat(of_cluster, self.start) / self.K


def describe(sample: Sample, partitions: list[Partition]) -> Description:
    """Numbers for each candidate.

    Parameters
    ----------
    sample : Sample
    partitions : list of Partition, length p

    Examples
    --------
    >>> from activeclust.zeroshot.partitions import candidates, draw_sample
    >>> from activeclust.views.views import make_views
    >>> sample = draw_sample(make_views(np.random.default_rng(0).normal(size=(60, 2))))
    >>> found = candidates(sample)
    >>> describe(sample, found).features.shape == (len(found), N_FEATURES)
    True
    """
    clusters = _Clusters(partitions)
    agreement = _agreement(clusters)
    columns = [
        *_size_columns(sample, clusters),
        *_graph_columns(sample, clusters),
        *_spectrum_columns(sample, clusters),
        *_valley_columns(sample, clusters),
        *_tree_columns(sample, clusters),
        *_gaussian_columns(sample, clusters),
        *(column for space in ("pca", "green", "far") for column in _centre_columns(sample, clusters, space)),
        *_consensus_columns(partitions, clusters, agreement),
    ]
    plain = np.stack(columns, axis=1)
    plain = np.nan_to_num(plain, nan=0.0, posinf=8.0, neginf=-8.0).clip(-8, 8)
    # often the value matters less than whether another candidate has a better one
    coarse = plain.round(5)  # equal up to the rounding of sums in another order
    rank = (coarse[:, None] > coarse[None]).mean(1) + 0.5 * (coarse[:, None] == coarse[None]).mean(1)
    family = np.zeros((len(partitions), len(FAMILY_NAMES)))
    family[np.arange(len(partitions)), [FAMILY_NAMES.index(p.family) for p in partitions]] = 1.0
    features = np.concatenate([plain, rank, family], axis=1)
    return Description(features.astype(np.float32), agreement.astype(np.float32))


def _agreement(c: _Clusters) -> np.ndarray:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, c.m, PAIRS), rng.integers(0, max(c.m - 1, 1), PAIRS)
    second = second + (second >= first)
    second = np.minimum(second, c.m - 1)
    together = (c.labels[first] == c.labels[second]).astype(np.float32)
    both = together.T @ together / PAIRS
    alone = together.mean(axis=0)
    chance = np.outer(alone, alone)
    most = (alone[:, None] + alone[None]) / 2
    ari = (both - chance) / np.maximum(most - chance, 1e-9)
    ari = np.where(most - chance < 1e-6, 1.0, ari)
    return np.clip(ari, -0.5, 1.0)


def _size_columns(sample: Sample, c: _Clusters) -> list[np.ndarray]:
    entropy = -np.add.reduceat(c.share * np.log(c.share), c.start)
    whole = np.ones(c.p)
    variance = sample.spaces["pca"].var(axis=0)
    effective = variance.sum() ** 2 / max((variance**2).sum(), 1e-12)
    return [
        np.log(c.K), entropy, np.log(c.K) - entropy,
        np.log(c.least(c.share) * c.K), np.log(-c.least(-c.share)),
        c.plain((c.size < 0.01 * c.m).astype(float)), c.mean((c.share < 0.01).astype(float)),
        np.log(c.m) * whole / 4, np.log(sample.whole.n_rows) * whole / 4,
        np.log(sample.whole.pca.shape[1]) * whole, np.log(effective) * whole,
    ]  # fmt: skip


def _graph_columns(sample: Sample, c: _Clusters) -> list[np.ndarray]:
    columns = []
    for graph in (sample.views.graph, sample.views.refined):
        root = np.sqrt(graph.degree.astype(float))
        S = sp.triu(graph.adjacency, format="coo")  # each edge once; there are no loops
        i, j = S.coords
        weight = S.data * root[i] * root[j]
        same = c.labels[i] == c.labels[j]  # (edges, p)
        volume = c.sums(np.bincount(i, weight, c.m) + np.bincount(j, weight, c.m))
        inside = np.bincount(c.id[i][same], np.broadcast_to(weight[:, None], same.shape)[same], minlength=c.G)
        inside *= 2
        conductance = 1 - inside / np.maximum(volume, 1e-12)
        total = 2 * weight.sum()
        within = np.add.reduceat(inside, c.start) / total
        modularity = within - np.add.reduceat((volume / total) ** 2, c.start)
        # the sum of K conductances is at least the sum of K gaps; the excess measures how bad the cut is
        gaps = np.cumsum(1 - graph.eigenvalues.astype(float))
        floor = gaps[np.minimum(c.K, len(gaps)) - 1] / np.minimum(c.K, len(gaps))
        mean = c.plain(conductance)
        columns += [
            within, _log(1 - within), modularity,
            _log(mean), _log(-c.least(-conductance)), _log(c.mean(conductance)),
            _log(mean) - _log(floor), _log(mean * c.K), c.plain((conductance > 0.3).astype(float)),
        ]  # fmt: skip
    return columns


def _spectrum_columns(sample: Sample, c: _Clusters) -> list[np.ndarray]:
    columns = []
    for graph in (sample.whole.graph, sample.whole.refined):
        gap = np.maximum(1 - graph.eigenvalues.astype(float), 1e-7)
        gap = np.concatenate([gap, [gap[-1]]])
        at = np.minimum(c.K, len(gap) - 1)
        own, following = np.log(gap[at - 1]), np.log(gap[at])
        jumps = np.diff(np.log(gap))
        rank = (jumps[:, None] < jumps[None]).sum(axis=1)
        columns += [
            own / 3, following / 3, following - own, np.log1p(rank[np.minimum(at - 1, len(jumps) - 1)]),
            (gap[at] - gap[at - 1]) * 10, np.full(c.p, np.log1p((gap < 1e-5).sum())),
        ]  # fmt: skip
    return columns


def _valley_columns(sample: Sample, c: _Clusters) -> list[np.ndarray]:
    """Density where clusters touch compared with the density inside; rows near another cluster."""
    views = sample.views
    near = views.neighbors[:, :10]
    log_density = np.log(views.density.astype(float))
    smooth = (log_density + log_density[near].sum(axis=1)) / (1 + near.shape[1])
    i, j = np.repeat(np.arange(c.m), near.shape[1]), near.ravel()
    low = np.minimum(smooth[i], smooth[j])
    labels, ids = c.labels.astype(np.int16), c.id
    cross = labels[i] != labels[j]
    share = cross.mean(axis=0)
    peak = np.full(c.G, -np.inf)
    np.maximum.at(peak, c.id.ravel(), np.repeat(smooth, c.p))
    saddle = np.full(c.G, -12.0)
    at, edge = ids[i][cross], np.repeat(low, cross.sum(axis=1))
    np.maximum.at(saddle, at, edge)
    prominence = np.minimum(peak - saddle, 6.0)
    middle = c.sums(smooth) / c.size
    touching = np.bincount(at, edge, minlength=c.G)
    count = np.bincount(at, minlength=c.G)
    valley = np.where(count > 0, middle - touching / np.maximum(count, 1), 3.0)
    boundary = cross.reshape(c.m, near.shape[1], c.p)
    own = views.neighbors[:, :1].ravel()
    wide = views.neighbors
    far = np.repeat(np.arange(c.m), wide.shape[1] - near.shape[1])
    wide_cross = (labels[far] != labels[wide[:, near.shape[1] :].ravel()]).mean(axis=0) if len(far) else share
    return [
        share, _log(share), _log((labels != labels[own]).mean(axis=0)), _log(wide_cross),
        _log(boundary.any(axis=1).mean(axis=0)),
        _log((boundary.sum(axis=1) > near.shape[1] / 2).mean(axis=0)),
        c.mean(prominence), c.least(prominence), c.plain(prominence),
        c.mean(valley), c.least(valley), c.plain((prominence < 0.2).astype(float)),
    ]  # fmt: skip


def _tree_columns(sample: Sample, c: _Clusters) -> list[np.ndarray]:
    """Edges of the minimum spanning tree that the partition cuts: how many, and how long."""
    edges, lengths = sample.spanning_tree(reachability=False)
    scale = np.sqrt(sample.views.scale[edges[:, 0]] * sample.views.scale[edges[:, 1]]).astype(float)
    relative = np.log(np.maximum(lengths / scale, 1e-6))
    rank = np.arange(len(edges)) / max(len(edges) - 1, 1)
    cross = c.labels[edges[:, 0]] != c.labels[edges[:, 1]]
    count = cross.sum(axis=0)
    safe = np.maximum(count, 1)
    mean = relative @ cross / safe
    longest = np.where(~cross, relative[:, None], -6.0).max(axis=0)
    shortest = np.where(cross, relative[:, None], 6.0).min(axis=0)
    return [
        np.log((count + 1) / c.K), _log(count / c.m), mean, (rank @ cross) / safe,
        np.minimum(shortest, 3.0), longest, np.minimum(shortest - longest, 6.0),
    ]  # fmt: skip


def _gaussian_columns(sample: Sample, c: _Clusters) -> list[np.ndarray]:
    """Classification likelihood of one Gaussian per cluster, in closed form, with a penalty for its parameters."""
    X = sample.spaces["pca"][:, :_GAUSSIAN_DIMENSIONS].astype(float)
    X = (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0).mean() + 1e-12)
    d = X.shape[1]
    mean = c.sums(X) / c.size[:, None]
    second = c.sums(np.einsum("mi,mj->mij", X, X).reshape(c.m, d * d)).reshape(-1, d, d)
    covariance = second / c.size[:, None, None] - np.einsum("gi,gj->gij", mean, mean)
    # a prior worth a few rows, so that clusters of two rows have a likelihood
    strength = (d + 2) / (c.size + d + 2)
    covariance = covariance * (1 - strength)[:, None, None] + 0.05 * strength[:, None, None] * np.eye(d)
    covariance = covariance + 1e-4 * np.eye(d)
    full = np.linalg.slogdet(covariance)[1]
    round_ = d * np.log(np.trace(covariance, axis1=1, axis2=2) / d)
    pooled = np.add.reduceat(covariance * c.share[:, None, None], c.start)
    tied = np.linalg.slogdet(pooled)[1]
    mixing = np.add.reduceat(-c.share * np.log(c.share), c.start)
    price = np.log(c.m) / c.m
    columns = []
    for log_det, parameters in (
        (c.mean(full), c.K * (1 + d + d * (d + 1) / 2)),
        (c.mean(round_), c.K * (2 + d)),
        (tied, c.K * (1 + d) + d * (d + 1) / 2),
    ):
        bic = (log_det + 2 * mixing + parameters * price) / d
        columns += [bic - bic[np.argmin(c.K)], bic - bic.min(), (log_det + 2 * mixing) / d]
    return columns


def _centre_columns(sample: Sample, c: _Clusters, space: str) -> list[np.ndarray]:
    """Silhouette by distance to centres, share of variance between clusters, Calinski and Harabasz."""
    X = sample.spaces[space].astype(np.float32)
    centre = (c.sums(X) / c.size[:, None]).astype(np.float32)
    total = float(((X - X.mean(axis=0)) ** 2).sum()) + 1e-12
    norm = float((X**2).sum())
    between = norm - np.add.reduceat((centre**2).sum(axis=1) * c.size, c.start)
    left = np.maximum(between, 1e-9 * total) / total
    x = X[:SILHOUETTE_ROWS]
    squared = (x**2).sum(axis=1)[:, None] - 2 * x @ centre.T + (centre**2).sum(axis=1)[None]
    distance = np.sqrt(np.maximum(squared, 0.0))
    rows, ids = np.arange(len(x))[:, None], c.id[: len(x)]
    own = distance[rows, ids]
    distance[rows, ids] = np.inf
    other = np.minimum.reduceat(distance, c.start, axis=1)
    width = (other - own) / np.maximum(np.maximum(own, np.where(np.isfinite(other), other, 0.0)), 1e-9)
    width = np.where(np.isfinite(other), width, 0.0)
    of_cluster = np.zeros(c.G)
    np.add.at(of_cluster, ids.ravel(), width.ravel())
    seen = np.bincount(ids.ravel(), minlength=c.G)
    of_cluster = np.where(seen > 0, of_cluster / np.maximum(seen, 1), 0.5)
    return [
        width.mean(axis=0), (width < 0.1).mean(axis=0), c.least(of_cluster),
        np.log(left), np.log((1 - left).clip(1e-6) / left * (c.m - c.K).clip(1) / np.maximum(c.K - 1, 1)) / 3,
        np.log(left) + 2 / X.shape[1] * np.log(c.K),
    ]  # fmt: skip


def _consensus_columns(partitions: list[Partition], c: _Clusters, agreement: np.ndarray) -> list[np.ndarray]:
    """Agreement with other families and with other numbers of clusters."""
    family = np.array([FAMILY_NAMES.index(p.family) for p in partitions])
    other = family[:, None] != family[None]
    near = np.abs(np.log(c.K[:, None] / c.K[None])) < 0.25
    equal = c.K[:, None] == c.K[None]
    per_family = np.stack(
        [np.where(family[None] == f, agreement, -1.0).max(axis=1) for f in np.unique(family)],
        axis=1,
    )
    np.put_along_axis(per_family, np.searchsorted(np.unique(family), family)[:, None], np.nan, axis=1)
    best = np.sort(np.nan_to_num(per_family, nan=-1.0), axis=1)[:, ::-1]
    best = np.pad(best, ((0, 0), (0, 8)), constant_values=0.0)
    self_ = np.eye(c.p, dtype=bool)
    return [
        _masked_mean(agreement, other), _masked_mean(agreement, other & equal),
        _masked_mean(agreement, other & near), _masked_mean(agreement, ~other & near & ~self_),
        best[:, 0], best[:, 2], best[:, 5], best[:, :8].mean(axis=1),
        _masked_mean(agreement**2, ~self_),
    ]  # fmt: skip


def _masked_mean(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return (values * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)


def _log(x: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(x, 1e-4))
