"""Computes the views of rows: PCA coordinates, angles, neighbour graphs, and the graphs' diffusion coordinates.

Computed once per data set, from the rows only; they do not depend on anchors. The steps:

1. equal rows become one row (the result applies to every copy);
2. PCA, centred in float64, total RMS 1 (:mod:`activeclust.views.projection`);
3. ``graph``: the nearest neighbours in PCA coordinates with self-tuning weights exp(-d_ij^2 / (s_i s_j)), s_i the
   distance to the 7th neighbour (Zelnik-Manor and Perona, NeurIPS 2004), and the leading eigenvectors of its
   normalised adjacency D^-1/2 W D^-1/2 (Ng, Jordan and Weiss, NeurIPS 2001);
4. ``refined``: each row keeps, of its 30 nearest neighbours, the 10 nearest in diffusion distance (and its first edges
with a small weight, so that a chain does not break), and the eigenvectors of that. On 5,000 rows of MNIST this
   raises the share of edge weight inside a digit from 0.88 to 0.93 (docs/training-log.md);
5. ``sharp``: the 6 nearest neighbours with weights exp(-8 d_ij^2 / d_i6^2), made symmetric by the mean: rows on thin
curves and surfaces are connected to their very nearest neighbours only; 6. ``sphere``: the rows' directions in the
leading 128 PCA coordinates, and ``angle``, the graph of the 10 nearest
   of them with weights exp(-4 d_ij^2 / d_i10^2): embeddings of texts and pictures are compared by angles.

Training and inference use the same code.

Up to 20,000 rows neighbours are exact and eigenvectors come from Lanczos; above, see
:mod:`activeclust.views.neighbors` and :mod:`activeclust.views.spectrum`. Above
:data:`LANDMARKS_FROM` distinct rows the views are those of :data:`LANDMARKS` random ones, and every row is a
weighted mean of the landmarks near it (:mod:`activeclust.views.extension`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from activeclust.resources.progress import report
from activeclust.views.extension import Extension, weigh
from activeclust.views.identity import content_hash, distinct_rows
from activeclust.views.neighbors import APPROXIMATE_FROM, Neighbors
from activeclust.views.projection import N_PCA, Projection, fit_projection
from activeclust.views.spectrum import leading_eigenvectors

N_CANDIDATES = 30  # number of nearest rows computed
N_NEIGHBORS = 10  # number of nearest rows kept as edges
SCALE_NEIGHBOR = 7  # the neighbour whose distance is a row's own scale
SHARP_NEIGHBORS, SHARPNESS = 6, 8.0  # of the sharp graph: edges per row, and how fast their weights decrease
ANGLE_NEIGHBORS, ANGLE_SHARPNESS = 10, 4.0  # of the angle graph
GREEN_SHIFT = 0.03  # 1 / (1 - lambda + shift): the weight of an eigenvector in diffusion distance
THREAD = 0.05  # weight of the first graph's edges in the refined one, so that a chain does not break
LANDMARKS_FROM = 200_000  # up to this number of distinct rows every row is in the graph
LANDMARKS = 50_000
_CHUNK = 8192


@dataclass(frozen=True)
class Graph:
    """A symmetric neighbour graph with the leading eigenvectors of its normalised adjacency.

    Attributes
    ----------
    adjacency : csr_array (n, n)
        D^-1/2 W D^-1/2, float32.
    degree : ndarray (n,)
        Row sums of W, scaled to mean 1.
    eigenvalues : ndarray (m,)
        Descending, in [-1, 1].
    eigenvectors : ndarray (n, m)
        Orthonormal columns.
    """

    adjacency: sp.csr_array
    degree: np.ndarray
    eigenvalues: np.ndarray
    eigenvectors: np.ndarray


@dataclass(frozen=True)
class Views:
    """The model's view of a data set: n distinct rows (or landmarks), N given ones.

    Attributes
    ----------
    first : ndarray (n,) of int
        The first given row that equals each distinct row.
    inverse : ndarray (N,) of int
        The distinct row that each given row equals; with landmarks, the nearest landmark.
    projection : Projection
        For new rows.
    pca : ndarray (n, a)
        At most 50 coordinates.
    sphere : ndarray (n, b)
        Unit rows: directions in at most 128 coordinates.
    neighbors : ndarray (n, q) of int
        Nearest rows in ``pca``, nearest first, without the row itself.
    scale : ndarray (n,)
        Distance to the 7th neighbour.
    graph, refined, sharp, angle : Graph
    data_hash : str
        A hash of the given rows.
    recall : float
        Share of the true nearest rows in ``neighbors``, measured on a sample; 1.0 if they are exact.
    extension : Extension or None
        Given rows as weighted means of landmarks; None if every distinct row has views of its own.
    """

    first: np.ndarray
    inverse: np.ndarray
    projection: Projection
    pca: np.ndarray
    sphere: np.ndarray
    neighbors: np.ndarray
    scale: np.ndarray
    graph: Graph
    refined: Graph
    sharp: Graph
    angle: Graph
    data_hash: str = field(default="")
    recall: float = 1.0
    extension: Extension | None = None

    @property
    def n_rows(self) -> int:
        """Number of distinct rows."""
        return len(self.pca)

    @property
    def density(self) -> np.ndarray:
        """(n,) the reciprocal of the row's scale, mean 1."""
        density = 1.0 / self.scale
        return density / density.mean()

    def spread(self, known: np.ndarray) -> np.ndarray:
        """Values ``known`` (n, ...) of the distinct rows, for all given rows (N, ...)."""
        return known[self.inverse] if self.extension is None else self.extension.spread(known)


@np.errstate(divide="warn", over="warn", invalid="warn", under="ignore")  # not the caller's
def make_views(X: np.ndarray, landmarks: int | None = None) -> Views:
    """The views of ``X``.

    Parameters
    ----------
    X : ndarray (N, d) of float
        Finite, with at least two distinct rows (the caller has checked that).
    landmarks : int, optional
        How many distinct rows, drawn at random, have views of their own; by default all of them up to
        200,000, and 50,000 of more.

    Examples
    --------
    >>> views = make_views(np.random.default_rng(0).normal(size=(50, 3)))
    >>> views.pca.shape, views.neighbors.shape, views.refined.eigenvectors.shape
    ((50, 3), (50, 30), (50, 49))
    """
    first, inverse = distinct_rows(X)
    n = landmarks or (LANDMARKS if len(first) > LANDMARKS_FROM else len(first))
    whole = n >= len(first)
    first = first[:n]  # a random sample, see activeclust.views.order
    projection = fit_projection(X[first])
    wide = projection(X[first])
    pca = np.ascontiguousarray(wide[:, :N_PCA])
    index = Neighbors(pca)
    neighbors, distances = _nearest(index, N_CANDIDATES)
    scale = _row_scale(distances)
    k = min(N_NEIGHBORS, neighbors.shape[1])
    W = _affinity(neighbors[:, :k], distances[:, :k], scale)
    graph = _graph(W, step="first graph")
    refined = _graph(_refined_affinity(graph, neighbors) + THREAD * W, graph.eigenvectors, "refined graph")
    k = min(SHARP_NEIGHBORS, neighbors.shape[1])
    W = _sharp_affinity(neighbors[:, :k], distances[:, :k], SHARPNESS)
    sharp = _graph(W, graph.eigenvectors, "sharp graph")
    sphere = directions(wide)
    angle = _graph(_angle_affinity(sphere), step="angle graph")
    extension = None if whole else _extend(X, first, projection, index, scale)
    if extension is not None:
        inverse = extension.rows[:, 0]
    return Views(
        first, inverse, projection, pca, sphere, neighbors, scale, graph, refined, sharp, angle, content_hash(X),
        index.recall, extension,
    )  # fmt: skip


def directions(wide: np.ndarray) -> np.ndarray:
    """Unit rows of coordinates (n, a); a single coordinate, which has no angles, is mapped to a half circle."""
    if wide.shape[1] == 1:
        wide = np.column_stack([wide, np.ones(len(wide), wide.dtype)])
    return unit_rows(wide).astype(np.float32)


def _extend(
    X: np.ndarray, first: np.ndarray, projection: Projection, index: Neighbors, scale: np.ndarray
) -> Extension:
    pca = projection.pca(X)
    near, weights, distances = weigh(index, scale, pca, min(N_NEIGHBORS, len(first)), "other rows")
    place = min(SCALE_NEIGHBOR, near.shape[1] - 1)
    own = distances[:, place - 1]
    own[first] = distances[first, place]  # a landmark is its own first neighbour
    density = 1.0 / np.maximum(own, scale.min())
    return Extension(
        near.astype(np.int32), weights.astype(np.float32), pca, (density / density.mean()).astype(np.float32)
    )


def _nearest(index: Neighbors, most: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, q) nearest rows and their distances, the row itself left out; q is ``most`` at most."""
    n = len(index.points)
    q = min(most, n - 1)
    rows, distances = index.search(index.points, q + 1, "neighbours")
    # a row is nearly always its own first neighbour; if rounding puts another row first, the last one is
    # dropped
    own = rows == np.arange(n)[:, None]
    own[~own.any(axis=1), -1] = True
    keep = ~own
    return rows[keep].reshape(n, q), distances[keep].reshape(n, q).astype(np.float32)


def _row_scale(distances: np.ndarray) -> np.ndarray:
    scale = distances[:, min(SCALE_NEIGHBOR, distances.shape[1]) - 1]
    floor = 1e-3 * np.median(scale[scale > 0]) if (scale > 0).any() else 1.0
    return np.maximum(scale, max(float(floor), 1e-12)).astype(np.float32)


def _affinity(neighbors: np.ndarray, distances: np.ndarray, scale: np.ndarray) -> sp.csr_array:
    """Symmetric self-tuning weights W (n, n) of rows and their kept neighbours."""
    n, k = neighbors.shape
    weights = np.exp(-(distances.astype(np.float64) ** 2) / (scale[:, None] * scale[neighbors])) + 1e-6
    W = sp.csr_array((weights.ravel(), (np.repeat(np.arange(n), k), neighbors.ravel())), shape=(n, n))
    return W.maximum(W.T).tocsr()


def _sharp_affinity(neighbors: np.ndarray, distances: np.ndarray, sharpness: float) -> sp.csr_array:
    """W (n, n) of weights exp(-sharpness d^2 / d_k^2), d_k the distance to a row's last kept neighbour."""
    n, k = neighbors.shape
    last = distances[:, -1].astype(np.float64)
    floor = 1e-3 * np.median(last[last > 0]) if (last > 0).any() else 1.0
    weights = np.exp(-sharpness * (distances / np.maximum(last, floor)[:, None]) ** 2)
    W = sp.csr_array((weights.ravel(), (np.repeat(np.arange(n), k), neighbors.ravel())), shape=(n, n))
    return ((W + W.T) * 0.5).tocsr()


def _angle_affinity(sphere: np.ndarray) -> sp.csr_array:
    # the search in cells gains little from later coordinates, but its cost is proportional to their number
    at = sphere if len(sphere) <= APPROXIMATE_FROM else directions(sphere[:, :N_PCA])
    neighbors, distances = _nearest(Neighbors(at), ANGLE_NEIGHBORS)
    return _sharp_affinity(neighbors, distances, ANGLE_SHARPNESS)


def _graph(W: sp.csr_array, start: np.ndarray | None = None, step: str = "") -> Graph:
    degree = np.asarray(W.sum(axis=1)).ravel()
    root = 1.0 / np.sqrt(degree)
    S = sp.csr_array(W.multiply(root[:, None]).multiply(root[None, :]))
    values, vectors = leading_eigenvectors(S, degree, start, step)
    return Graph(
        S.astype(np.float32),
        (degree / degree.mean()).astype(np.float32),
        values.astype(np.float32),
        vectors.astype(np.float32),
    )


def unit_rows(A: np.ndarray) -> np.ndarray:
    """``A`` with every row scaled to length 1 (rows of zeros stay)."""
    norm = np.linalg.norm(A, axis=1, keepdims=True)
    return A / np.maximum(norm, 1e-12)


def green_coordinates(graph: Graph, shift: float = GREEN_SHIFT) -> np.ndarray:
    """(n, m) unit rows whose distance is a diffusion distance: eigenvectors by (1 - lambda + shift)^-1/2."""
    return unit_rows(graph.eigenvectors / np.sqrt(1.0 - graph.eigenvalues + shift))


def _refined_affinity(graph: Graph, neighbors: np.ndarray) -> sp.csr_array:
    """W of the graph that keeps, of each row's candidates, those nearest in diffusion distance."""
    coordinates = green_coordinates(graph).astype(np.float32)
    n, q = neighbors.shape
    k = min(N_NEIGHBORS, q)
    kept = np.empty((n, k), dtype=neighbors.dtype)
    distances = np.empty((n, k), dtype=np.float32)
    for start in range(0, n, _CHUNK):
        rows = slice(start, start + _CHUNK)
        cosine = np.einsum("im,ijm->ij", coordinates[rows], coordinates[neighbors[rows]])
        squared = np.maximum(2.0 - 2.0 * cosine, 0.0)
        order = np.argsort(squared, axis=1, kind="stable")[:, :k]
        kept[rows] = np.take_along_axis(neighbors[rows], order, axis=1)
        distances[rows] = np.sqrt(np.take_along_axis(squared, order, axis=1))
        report("refining", min(start + _CHUNK, n), n)
    return _affinity(kept, distances, _row_scale(distances))
