"""One data set, ready for every method: views, graphs on its distinct rows, a UMAP layout, all its columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from rows import Rows
from scipy.sparse.csgraph import connected_components
from sklearn.neighbors import NearestNeighbors

from activeclust import PFNClusterer
from activeclust.clusterer import Prepared

NEIGHBORS = 10  # of the rivals' graphs, as in their authors' examples


@dataclass(frozen=True)
class KnnGraph:
    """A rival's graph, and the solver that ends on it."""

    weights: sp.csr_matrix
    solver: str

    @classmethod
    def of(cls, points: np.ndarray) -> KnnGraph:
        """graphlearning's weights on the nearest neighbours of ``points`` (m, a), which are distinct.

        Equal rows would make a row's scale 0 and its weights NaN.
        """
        import graphlearning as gl

        k = min(NEIGHBORS + 1, len(points) - 1)
        distances, rows = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(points)
        weights = gl.weightmatrix.knn(points, k - 1, knn_data=(rows, distances))
        if not np.isfinite(weights.data).all():
            raise ValueError(
                "The graph of the rivals holds NaN or infinite weights: are there equal rows in it?"
            )
        # on a graph of several parts Poisson's equation has no solution, and conjugate gradients run for
        # 100,000 steps; the authors' own iteration ends there as it does elsewhere
        parts = connected_components(weights, directed=False, return_labels=False)
        return cls(weights, "conjugate_gradient" if parts == 1 else "gradient_descent")


@dataclass
class Problem:
    """What methods are given. n rows were given, m of them are distinct."""

    rows: Rows
    prepared: Prepared

    @classmethod
    def of(cls, rows: Rows) -> Problem:
        """Views made by the package; rivals get the same PCA coordinates."""
        return cls(rows, PFNClusterer(device="cpu").prepare(rows.X))

    @property
    def first(self) -> np.ndarray:
        """(m,) a given row that equals each distinct row."""
        return self.prepared.source.first

    @property
    def inverse(self) -> np.ndarray:
        """(n,) the distinct row that each given row equals."""
        return self.prepared.source.inverse

    @cached_property
    def columns(self) -> np.ndarray:
        """(n, d) all columns, centred, with the same total RMS of 1 as the PCA coordinates."""
        X = np.asarray(self.rows.X, dtype=np.float32)
        X = X - X.mean(axis=0)
        return X / np.sqrt((X.astype(np.float64) ** 2).sum(axis=1).mean()).astype(np.float32)

    @cached_property
    def angles(self) -> np.ndarray:
        """(n, d) all columns, centred, every row of length 1."""
        return self.columns / np.maximum(np.linalg.norm(self.columns, axis=1, keepdims=True), 1e-12)

    @cached_property
    def graph(self) -> KnnGraph:
        """On the PCA coordinates of the distinct rows."""
        return KnnGraph.of(self.prepared.source.pca)

    @cached_property
    def angle_graph(self) -> KnnGraph:
        """On all columns of the distinct rows, every row of length 1."""
        return KnnGraph.of(self.angles[self.first])

    @cached_property
    def layout(self) -> np.ndarray:
        """(m, 10) UMAP of all columns of the distinct rows, centred, total RMS 1."""
        import umap

        X = self.columns[self.first]
        at = umap.UMAP(n_components=10, random_state=0, n_jobs=1).fit_transform(X)
        if not np.isfinite(at).all():
            raise ValueError("UMAP gave NaN coordinates.")
        at = at - at.mean(axis=0)
        return at / np.sqrt((at**2).sum(axis=1).mean())

    @cached_property
    def layout_graph(self) -> KnnGraph:
        """On the UMAP layout."""
        return KnnGraph.of(self.layout)


def merged_anchors(
    anchors: np.ndarray, codes: np.ndarray, inverse: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Anchors as distinct rows, one code each: what most of the anchors that equal it say, the first of equals.

    Examples
    --------
    >>> rows, codes = merged_anchors(np.array([0, 1, 2]), np.array([1, 0, 0]), np.array([7, 7, 3]))
    >>> rows.tolist(), codes.tolist()
    ([3, 7], [0, 1])
    """
    rows, at = np.unique(inverse[anchors], return_inverse=True)
    votes = np.zeros((len(rows), int(codes.max()) + 1))
    np.add.at(votes, (at, codes), 1.0)
    # the earliest of equally frequent codes: its vote counts a little more
    np.add.at(votes, (at, codes), 1e-6 * (len(anchors) - np.arange(len(anchors))) / len(anchors))
    return rows, votes.argmax(axis=1)
