"""Hierarchical methods whose cuts are candidate partitions: spanning trees, density peaks, merged groups.

Each function returns the labels for every requested number of clusters; the rows are a sample that is small enough for
quadratic cost (:mod:`activeclust.zeroshot.partitions`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp


def spanning_tree(points: np.ndarray, core: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The minimum spanning tree of all rows, by Prim's algorithm, without a distance matrix.

    Parameters
    ----------
    points : ndarray (m, d)
    core : ndarray (m,) or None
        If given, the length of an edge is the mutual reachability max(distance, core, core) of HDBSCAN
        (Campello, Moulavi and Sander, PAKDD 2013).

    Returns
    -------
    edges : ndarray (m - 1, 2) of int
        Shortest first.
    lengths : ndarray (m - 1,)

    Examples
    --------
    >>> spanning_tree(np.array([[0.0], [3.0], [1.0]]))[0].tolist()
    [[0, 2], [2, 1]]
    """
    points = np.asarray(points, dtype=np.float32)
    m = len(points)
    norm = (points**2).sum(axis=1)
    best = np.full(m, np.inf, dtype=np.float32)
    parent = np.zeros(m, dtype=np.int64)
    open_ = np.ones(m, dtype=bool)
    edges, lengths = np.empty((m - 1, 2), dtype=np.int64), np.empty(m - 1)
    at = 0
    for step in range(m - 1):
        open_[at] = False
        best[at] = np.inf
        squared = np.maximum(norm + norm[at] - 2.0 * (points @ points[at]), 0.0)
        if core is not None:
            squared = np.maximum(squared, np.maximum(core, core[at]) ** 2)
        nearer = open_ & (squared < best)
        best[nearer] = squared[nearer]
        parent[nearer] = at
        at = int(np.argmin(best))
        edges[step], lengths[step] = (parent[at], at), np.sqrt(best[at])
    order = np.argsort(lengths, kind="stable")
    return edges[order], lengths[order]


def linkage_cuts(tree: np.ndarray, counts: Sequence[int]) -> dict[int, np.ndarray]:
    """The partitions of a SciPy hierarchy, in one pass over its merges.

    Examples
    --------
    >>> from scipy.cluster.hierarchy import linkage
    >>> linkage_cuts(linkage(np.array([[0.0], [1], [9], [11]])), [2])[2].tolist()
    [0, 0, 1, 1]
    """
    m = len(tree) + 1
    label = np.arange(m)
    members: list[list[int]] = [[i] for i in range(m)]
    wanted, cuts = set(counts), {}
    for step, (left, right) in enumerate(tree[:, :2].astype(int).tolist()):
        if m - step in wanted:
            cuts[m - step] = np.unique(label, return_inverse=True)[1]
        small, large = sorted((members[left], members[right]), key=len)
        label[small] = label[large[0]]
        large += small
        members.append(large)
    return cuts


def fair_linkage(
    edges: np.ndarray, m: int, counts: Sequence[int], inequality: float
) -> dict[int, np.ndarray]:
    """Genie: single linkage that merges the smallest cluster first while sizes are too unequal.

    Parameters
    ----------
    edges : ndarray (m - 1, 2) of int
        Of a minimum spanning tree, shortest first.
    m : int
        Number of rows.
    counts : sequence of int
        Numbers of clusters to cut at.
    inequality : float
        Gini index of the sizes above which the smallest cluster is merged next; 1 is single linkage.

    Returns
    -------
    dict of int to ndarray (m,) of int

    References
    ----------
    Gagolewski, Bartoszuk and Cena, *Genie*, Information Sciences 363 (2016).

    Examples
    --------
    >>> line, _ = spanning_tree(np.array([[0.0], [1], [2], [10], [11], [30]]))
    >>> fair_linkage(line, 6, [2], 0.3)[2].tolist()
    [0, 0, 0, 1, 1, 1]
    """
    label = np.arange(m)
    a, b = edges[:, 0].copy(), edges[:, 1].copy()
    left = np.ones(len(edges), dtype=bool)
    sizes = np.ones(m, dtype=np.int64)
    members: list[list[int]] = [[i] for i in range(m)]
    histogram = np.zeros(m + 1, dtype=np.int64)  # number of clusters by size
    histogram[1] = m
    wanted, cuts, clusters = set(counts), {}, m
    while clusters > 1:
        if clusters in wanted:
            cuts[clusters] = np.unique(label, return_inverse=True)[1]
        if inequality < 1 and _gini(histogram, clusters, m) > inequality:
            least = int(np.argmax(histogram[1:] > 0)) + 1
            pick = int(np.argmax(left & ((sizes[a] == least) | (sizes[b] == least))))
        else:
            pick = int(np.argmax(left))
        left[pick] = False
        keep, gone = int(a[pick]), int(b[pick])
        if sizes[keep] < sizes[gone]:
            keep, gone = gone, keep
        histogram[sizes[keep]] -= 1
        histogram[sizes[gone]] -= 1
        sizes[keep] += sizes[gone]
        histogram[sizes[keep]] += 1
        label[members[gone]] = keep
        members[keep] += members[gone]
        a[a == gone] = keep
        b[b == gone] = keep
        clusters -= 1
    return cuts


def _gini(histogram: np.ndarray, clusters: int, m: int) -> float:
    """Gini index of cluster sizes, from the number of clusters of each size."""
    sizes = np.flatnonzero(histogram)
    count = histogram[sizes]
    after = np.cumsum(count)
    # sum over sorted sizes of (2 rank - clusters - 1) size; ranks of equal sizes are consecutive
    rank = after - (count - 1) / 2
    return float(((2 * rank - clusters - 1) * sizes * count).sum() / max((clusters - 1) * m, 1))


def density_peaks(density: np.ndarray, neighbors: np.ndarray, counts: Sequence[int]) -> dict[int, np.ndarray]:
    """ToMATo: basins of the density, merged until only the most prominent peaks are left.

    Parameters
    ----------
    density : ndarray (m,)
        Logarithms, so that prominence is a ratio.
    neighbors : ndarray (m, k) of int
    counts : sequence of int

    References
    ----------
    Chazal, Guibas, Oudot and Skraba, *Persistence-based clustering in Riemannian manifolds*, JACM 60 (2013).
    """
    m = len(density)
    order = np.argsort(-density, kind="stable")
    rank = np.empty(m, dtype=np.int64)
    rank[order] = np.arange(m)
    W = sp.csr_array(
        (np.ones(neighbors.size), (np.repeat(np.arange(m), neighbors.shape[1]), neighbors.ravel())),
        shape=(m, m),
    )
    W = (W + W.T).tocsr()
    basin = np.full(m, -1, dtype=np.int64)
    root = list(range(m))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    deaths: list[tuple[float, int, int]] = []
    for i in order.tolist():
        near = W.indices[W.indptr[i] : W.indptr[i + 1]]
        higher = near[rank[near] < rank[i]]
        if len(higher) == 0:
            basin[i] = i
            continue
        basin[i] = basin[higher[np.argmin(rank[higher])]]
        peaks = {find(int(p)) for p in basin[higher]}
        if len(peaks) > 1:
            eldest = min(peaks, key=lambda p: rank[p])
            for p in sorted(peaks - {eldest}):
                deaths.append((float(density[p] - density[i]), p, eldest))
                root[p] = eldest
    deaths.sort()
    return _cuts(basin, [(p, q) for _, p, q in deaths], counts)


def _cuts(start: np.ndarray, merges: list[tuple[int, int]], counts: Sequence[int]) -> dict[int, np.ndarray]:
    """Partitions after merging the groups of ``start`` pair by pair."""
    names, label = np.unique(start, return_inverse=True)
    place = {int(name): i for i, name in enumerate(names)}
    group = np.arange(len(names))
    wanted, cuts, clusters = set(counts), {}, len(names)
    for p, q in [*merges, (-1, -1)]:
        if clusters in wanted:
            cuts[clusters] = np.unique(group[label], return_inverse=True)[1]
        if p >= 0:
            group[group == group[place[p]]] = group[place[q]]
            clusters -= 1
    return cuts


def merged_groups(groups: np.ndarray, W: sp.csr_array, counts: Sequence[int]) -> dict[int, np.ndarray]:
    """Merge small groups in the order of their connection in the graph: average linkage on edge weights.

    Parameters
    ----------
    groups : ndarray (m,) of int
        0 to g - 1 without gaps.
    W : csr_array (m, m)
        Symmetric weights.
    counts : sequence of int
    """
    g = int(groups.max()) + 1
    Z = sp.csr_array((np.ones(len(groups)), (np.arange(len(groups)), groups)), shape=(len(groups), g))
    joint = np.asarray((Z.T @ W @ Z).todense())
    volume = joint.sum(axis=1)
    np.fill_diagonal(joint, 0.0)
    alive = np.ones(g, dtype=bool)
    merges = []
    for _ in range(g - 1):
        nearness = joint / np.maximum(np.outer(volume, volume), 1e-12)
        # groups without connection are merged last, the smallest first
        nearness = np.where(joint > 0, nearness, 1e-12 / np.maximum(np.outer(volume, volume), 1e-12))
        nearness[~alive] = nearness[:, ~alive] = -1.0
        np.fill_diagonal(nearness, -1.0)
        p, q = divmod(int(np.argmax(nearness)), g)
        merges.append((p, q))
        joint[q] += joint[p]
        joint[:, q] += joint[:, p]
        joint[q, q] = 0.0
        volume[q] += volume[p]
        alive[p] = False
    return _cuts(groups, merges, counts)
