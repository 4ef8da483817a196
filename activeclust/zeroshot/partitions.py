"""Candidate partitions of a data set: many families, many numbers of clusters.

The choice among them is made by :mod:`activeclust.zeroshot.selector`. All are computed and described on a sample of at
most ``SAMPLE`` rows; the chosen one is then extended to the other rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.linalg import qr
from scipy.sparse.csgraph import connected_components

from activeclust.views.views import Views, green_coordinates, make_views, unit_rows
from activeclust.zeroshot.mixtures import fit_mixture, merged_components
from activeclust.zeroshot.trees import density_peaks, fair_linkage, linkage_cuts, merged_groups, spanning_tree

Method = Literal["ward", "average"]
SAMPLE = 1500
COUNTS = (*range(2, 13), 14, 16, 18, 20, 23, 26, 30, 35, 40, 46, 53, 60, 80, 110, 150, 200, 280, 400)
GAPS = 3  # numbers of clusters before the largest jumps of a hierarchy's heights, in addition to COUNTS
#: HDBSCAN: minimum number of rows per cluster, method of selection
DENSE = ((3, "eom"), (5, "eom"), (10, "eom"), (10, "leaf"), (25, "eom"))
LONG_RANGE = 1e-3  # shift of the Green coordinates in which a chain is one point
MIXTURE_ROWS, MIXTURE_DIMENSIONS, MIXTURE_COUNTS = 1000, 5, (*range(2, 11), 12, 15, 20)
_LLOYD = 8
_LEAST = 3  # mean number of rows per cluster


@dataclass(frozen=True)
class Sample:
    """The m rows on which partitions are computed, with their own graphs and the coordinates of the whole data set.

    Attributes
    ----------
    rows : ndarray (m,) of int
        Distinct rows of ``whole``.
    whole, views : Views
        Views of all rows, and of the sample (the same if all rows fit).
    spaces : dict of str to ndarray (m, q)
        Coordinates of the whole, at the sample: ``"pca"``; directions, ``"sphere"``; eigenvectors of the
        graphs, ``"refined"``, ``"graph"``, ``"sharp"`` and ``"angle"``; Green coordinates of the refined one,
        ``"green"``, and of long range, ``"far"``.
    """

    rows: np.ndarray
    whole: Views
    views: Views
    spaces: dict[str, np.ndarray]
    _kept: dict = field(default_factory=dict, repr=False)

    @property
    def m(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def linkage(self, space: str, method: Method, width: int | None = None) -> np.ndarray:
        """The hierarchy of ``method`` in a space, in SciPy's format; computed once."""
        key = (space, method, width)
        if key not in self._kept:
            self._kept[key] = linkage(self.points(space, width), method)
        return self._kept[key]

    def points_of_all(self, space: str, width: int | None = None) -> np.ndarray:
        """As :meth:`points`, for every distinct row of ``whole``."""
        X = _SPACES[space](self.whole)[:, :width]
        return unit_rows(X) if space in EIGENVECTORS else X

    def points(self, space: str, width: int | None = None) -> np.ndarray:
        """Coordinates of a space, the first ``width`` of them; eigenvectors with rows of unit length."""
        X = self.spaces[space][:, :width]
        return unit_rows(X) if space in EIGENVECTORS else X

    def spanning_tree(self, reachability: bool) -> tuple[np.ndarray, np.ndarray]:
        """Edges and lengths of the minimum spanning tree of the PCA coordinates; computed once."""
        if reachability not in self._kept:
            core = self.views.scale if reachability else None
            self._kept[reachability] = spanning_tree(self.views.pca, core)
        return self._kept[reachability]


def draw_sample(views: Views, size: int = SAMPLE) -> Sample:
    """The first ``size`` rows of ``views``: their order is random, so they are a random sample."""
    if views.n_rows <= size:
        rows, own = np.arange(views.n_rows), views
    else:
        own = make_views(views.pca[:size])
        rows = own.first
    return Sample(rows, views, own, {name: _SPACES[name](views)[rows] for name in _SPACES})


EIGENVECTORS = ("refined", "graph", "sharp", "angle")
_SPACES: dict[str, Callable[[Views], np.ndarray]] = {
    "pca": lambda views: views.pca,
    "sphere": lambda views: views.sphere,
    "sharp": lambda views: views.sharp.eigenvectors,
    "angle": lambda views: views.angle.eigenvectors,
    "refined": lambda views: views.refined.eigenvectors,
    "graph": lambda views: views.graph.eigenvectors,
    "green": lambda views: green_coordinates(views.refined),
    "far": lambda views: green_coordinates(views.graph, LONG_RANGE),
}


@dataclass
class Partition:
    """One candidate.

    Attributes
    ----------
    family : str
        One of :data:`FAMILIES`.
    labels : ndarray (m,) of int
        0 to K - 1, none missing.
    space, width : str, int or None
        The coordinates in which a row outside the sample gets the label of its nearest sampled row.
    """

    family: str
    labels: np.ndarray
    space: str
    width: int | None = None

    @property
    def K(self) -> int:
        """Number of clusters."""
        return int(self.labels.max()) + 1


Family = Callable[[Sample, tuple[int, ...]], Iterator[Partition]]


def candidates(sample: Sample, n_clusters: int | None = None) -> list[Partition]:
    """All distinct candidate partitions of a sample, the single cluster first.

    Parameters
    ----------
    sample : Sample
    n_clusters : int or None
        The required number of clusters, 1 to the number of rows; at least one partition has it.
    """
    counts = tuple(k for k in COUNTS if k * _LEAST <= sample.m) or (2,)
    if n_clusters is not None:
        counts = (n_clusters,)
    found = [Partition("one", np.zeros(sample.m, dtype=np.int64), "pca")]
    if n_clusters == 1 or (n_clusters is None and sample.m < 4):
        return found
    for family in FAMILIES.values():
        found += family(sample, counts)
    return _without_twins(found)


def _without_twins(found: list[Partition]) -> list[Partition]:
    """Each partition once, under its first family; clusters are compared, not their numbers."""
    seen: dict[bytes, Partition] = {}
    for partition in found:
        _, first, inverse = np.unique(partition.labels, return_index=True, return_inverse=True)
        canonical = np.argsort(np.argsort(first))[inverse.ravel()].astype(np.int16)
        seen.setdefault(canonical.tobytes(), partition)
    return list(seen.values())


def _spectral(name: str, graph: str) -> Family:
    def family(sample: Sample, counts: tuple[int, ...]) -> Iterator[Partition]:
        """K leading eigenvectors, pivoted QR (Damle, Minden and Ying, 2019), then spherical k-means."""
        vectors = sample.spaces[graph]
        for k in counts:
            if k > vectors.shape[1]:
                return
            U = vectors[:, :k]
            start = _by_pivots(U)
            labels = lloyd(unit_rows(U), start, spherical=True)
            yield Partition(name, labels, graph, k)

    return family


def _by_pivots(U: np.ndarray) -> np.ndarray:
    k = U.shape[1]
    _, _, pivots = qr(U.T, pivoting=True, mode="economic")
    left, _, right = np.linalg.svd(U[pivots[:k]].T)
    return np.abs(U @ (left @ right)).argmax(axis=1)


def _agglomerated(name: str, space: str, method: Method, refine: bool, width: int | None = None) -> Family:
    def family(sample: Sample, counts: tuple[int, ...]) -> Iterator[Partition]:
        X, tree = sample.points(space, width), sample.linkage(space, method, width)
        for _, labels in sorted(linkage_cuts(tree, _with_gaps(counts, tree[:, 2])).items()):
            if refine:
                labels = lloyd(X, labels, spherical=space != "pca")
            yield Partition(name, labels, space, width)

    return family


def _fair(name: str, reachability: bool, inequality: float) -> Family:
    def family(sample: Sample, counts: tuple[int, ...]) -> Iterator[Partition]:
        edges, lengths = sample.spanning_tree(reachability)
        counts = _with_gaps(counts, lengths)
        for _, labels in sorted(fair_linkage(edges, sample.m, counts, inequality).items()):
            yield Partition(name, labels, "pca")

    return family


def _peaks(name: str, graph: str) -> Family:
    def family(sample: Sample, counts: tuple[int, ...]) -> Iterator[Partition]:
        near = sample.views.neighbors[:, :10]
        log_density = np.log(sample.views.density)
        smooth = (log_density + log_density[near].sum(axis=1)) / (1 + near.shape[1])
        if graph == "refined":
            S = sample.views.refined.adjacency
            near = _heaviest(S, 10)
        for _, labels in sorted(density_peaks(smooth, near, counts).items()):
            yield Partition(name, labels, "pca")

    return family


def _heaviest(S, k: int) -> np.ndarray:
    """(m, k) rows joined by the heaviest edges; a row with fewer edges repeats its heaviest."""
    out = np.empty((S.shape[0], k), dtype=np.int64)
    for i in range(S.shape[0]):
        row, weight = S.indices[S.indptr[i] : S.indptr[i + 1]], S.data[S.indptr[i] : S.indptr[i + 1]]
        best = row[np.argsort(-weight, kind="stable")[:k]]
        out[i] = np.concatenate([best, np.full(k - len(best), best[0] if len(best) else i)])
    return out


def _merged(name: str, space: str, groups: int) -> Family:
    def family(sample: Sample, counts: tuple[int, ...]) -> Iterator[Partition]:
        g = min(groups, sample.m // 4)
        if g < 3:
            return
        X = sample.spaces[space]
        tree = sample.linkage(space, "ward")
        start = lloyd(X, linkage_cuts(tree, [g])[g], spherical=False, steps=3)
        root = np.sqrt(sample.views.refined.degree)
        W = sample.views.refined.adjacency.multiply(root[:, None]).multiply(root[None, :]).tocsr()
        for _, labels in sorted(merged_groups(start, W, counts).items()):
            yield Partition(name, labels, space)

    return family


def _mixtures(sample: Sample, counts: tuple[int, ...]) -> Iterator[Partition]:
    X = sample.spaces["pca"]
    variance = X.var(axis=0)
    d = int(np.searchsorted(np.cumsum(variance), 0.99 * variance.sum()) + 1)
    X = X[:, : max(1, min(d, MIXTURE_DIMENSIONS))].astype(np.float64)
    part = X[:MIXTURE_ROWS]
    nearest = None
    if len(X) > len(part):
        nearest = np.argmin(((X[len(part) :, None] - part[None]) ** 2).sum(-1), axis=1)

    def whole(labels: np.ndarray) -> np.ndarray:
        return _renumbered(labels if nearest is None else np.concatenate([labels, labels[nearest]]))

    tree = sample.linkage("pca", "ward") if nearest is None else linkage(part, "ward")
    best = None
    for k, start in sorted(linkage_cuts(tree, MIXTURE_COUNTS).items()):
        if k * (part.shape[1] + 2) > len(part):
            break
        start = lloyd(part, start, spherical=False)
        for name, tied in (("mixture", False), ("tied mixture", True)):
            if tied and k > 10:
                continue
            mixture = fit_mixture(part, start, tied)
            yield Partition(name, whole(mixture.responsibilities.argmax(axis=1)), "pca")
            if not tied and (best is None or mixture.bic < best.bic):
                best = mixture
    if best is not None:
        for _, labels in sorted(merged_components(best, counts).items()):
            yield Partition("merged mixture", whole(labels), "pca")


def _components(sample: Sample, counts: tuple[int, ...]) -> Iterator[Partition]:
    """Connected components; small ones (below three rows, or below 1 %) are merged into the nearest large one."""
    for graph in (sample.views.graph, sample.views.refined, sample.views.sharp):
        _, of = connected_components(graph.adjacency, directed=False)
        size = np.bincount(of)[of]
        for least in (_LEAST, 0.01 * sample.m):
            inside = size >= max(_LEAST, least)
            if inside.any() and len(np.unique(of[inside])) > 1:
                yield Partition("components", _completed(of, inside, sample.spaces["pca"]), "pca")


def _dense(sample: Sample, counts: tuple[int, ...]) -> Iterator[Partition]:
    """HDBSCAN (Campello, Moulavi and Sander, PAKDD 2013); noise gets the label of the nearest clustered row."""
    from sklearn.cluster import HDBSCAN

    X = sample.spaces["pca"].astype(np.float64)
    for size, method in DENSE:
        if 2 * size > sample.m:
            continue
        labels = HDBSCAN(min_cluster_size=size, cluster_selection_method=method, copy=True).fit_predict(X)
        if labels.max() > 0:
            yield Partition("HDBSCAN", _completed(labels, labels >= 0, X), "pca")


def _completed(labels: np.ndarray, inside: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Labels of all rows: rows not ``inside`` get the label of the nearest row that is."""
    labels, inside, outside = labels.copy(), np.flatnonzero(inside), np.flatnonzero(~inside)
    for rows in np.array_split(outside, max(1, len(outside) // 256)):
        nearest = ((X[inside] ** 2).sum(axis=1) - 2 * X[rows] @ X[inside].T).argmin(axis=1)
        labels[rows] = labels[inside[nearest]]
    return np.unique(labels, return_inverse=True)[1]


def _with_gaps(counts: tuple[int, ...], heights: np.ndarray) -> tuple[int, ...]:
    """``counts`` and the numbers of clusters before the largest jumps of a hierarchy's heights (m - 1,).

    This finds distant clusters, however many there are. A single required number is returned unchanged.
    """
    if len(counts) == 1:
        return counts
    m = len(heights) + 1
    height = np.log(np.maximum(heights, 1e-6 * max(heights[-1], 1e-300)))
    jump = np.diff(height)  # of index i: from the merge that leaves m - 1 - i clusters to the next
    most = np.arange(len(jump), 0, -1) + 1
    jump[most * _LEAST > m] = -np.inf
    largest = np.argsort(-jump, kind="stable")[:GAPS]
    return tuple(sorted({*counts, *(int(most[i]) for i in largest if np.isfinite(jump[i]))}))


FAMILIES: dict[str, Family] = {
    "spectral, refined": _spectral("spectral, refined", "refined"),
    "spectral, graph": _spectral("spectral, graph", "graph"),
    "spectral, sharp": _spectral("spectral, sharp", "sharp"),
    "spectral, angle": _spectral("spectral, angle", "angle"),
    "k-means, green": _agglomerated("k-means, green", "green", "ward", refine=True),
    "k-means, refined 24": _agglomerated("k-means, refined 24", "refined", "ward", refine=True, width=24),
    "Ward, far": _agglomerated("Ward, far", "far", "ward", refine=False),
    "k-means": _agglomerated("k-means", "pca", "ward", refine=True),
    "Ward": _agglomerated("Ward", "pca", "ward", refine=False),
    "average": _agglomerated("average", "pca", "average", refine=False),
    "k-means, sphere": _agglomerated("k-means, sphere", "sphere", "ward", refine=True),
    "mixture": _mixtures,
    "Genie": _fair("Genie", reachability=False, inequality=0.3),
    "Genie, reachability": _fair("Genie, reachability", reachability=True, inequality=0.5),
    "single, reachability": _fair("single, reachability", reachability=True, inequality=1.0),
    "peaks": _peaks("peaks", "first"),
    "peaks, refined": _peaks("peaks, refined", "refined"),
    "merged": _merged("merged", "pca", 80),
    "merged, green": _merged("merged, green", "green", 80),
    "components": _components,
    "HDBSCAN": _dense,
}

#: What a partition's ``family`` can be.
FAMILY_NAMES = ("one", "tied mixture", "merged mixture", *FAMILIES)


def lloyd(X: np.ndarray, labels: np.ndarray, spherical: bool, steps: int = _LLOYD) -> np.ndarray:
    """A few steps of (spherical) k-means from a partition; clusters that lose all rows vanish."""
    norm = (X**2).sum(axis=1, keepdims=True)
    for _ in range(steps):
        labels = _renumbered(labels)
        K = int(labels.max()) + 1
        Z = np.zeros((len(X), K), dtype=X.dtype)
        Z[np.arange(len(X)), labels] = 1.0
        centre = (Z.T @ X) / Z.sum(axis=0)[:, None]
        if spherical:
            fresh = (X @ unit_rows(centre).T).argmax(axis=1)
        else:
            fresh = (norm - 2 * X @ centre.T + (centre**2).sum(axis=1)[None]).argmin(axis=1)
        if np.array_equal(fresh, labels):
            break
        labels = fresh
    return _renumbered(labels)


def _renumbered(labels: np.ndarray) -> np.ndarray:
    """The same partition numbered from 0 with none missing."""
    there = np.bincount(labels) > 0
    return labels if there.all() else (np.cumsum(there) - 1)[labels]
