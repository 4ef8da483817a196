"""The geometry of small cases worked by hand: neighbours, weights, coordinates, and graphs that respect clusters."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from activeclust.views import neighbors, spectrum
from activeclust.views.projection import fit_projection
from activeclust.views.views import _affinity, _nearest, _sharp_affinity, directions, make_views


def test_the_nearest_rows_come_nearest_first_without_the_row_itself():
    points = np.array([[0.0], [1.0], [3.0], [7.0]], dtype=np.float32)
    rows, distances = _nearest(neighbors.Neighbors(points), 2)
    assert rows.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    np.testing.assert_allclose(distances, [[1, 3], [1, 2], [2, 3], [4, 6]], atol=1e-6)


def test_self_tuning_weights_are_those_of_the_formula():
    # rows at 0, 1 and 3 with scales 1, 2 and 2; the third keeps the second only, and the larger side of an edge counts
    near = np.array([[1, 2], [0, 2], [1, 0]])
    W = _affinity(near, np.array([[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]]), np.array([1.0, 2.0, 2.0])).toarray()
    assert W[0, 1] == pytest.approx(np.exp(-1 / 2), abs=1e-5)
    assert W[0, 2] == pytest.approx(np.exp(-9 / 2), abs=1e-5)
    assert W[1, 2] == pytest.approx(np.exp(-4 / 4), abs=1e-5)
    np.testing.assert_allclose(W, W.T)
    assert not W.diagonal().any()


def test_sharp_weights_fall_with_the_distance():
    near, far = np.array([[1, 2], [0, 2], [1, 0]]), np.array([[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]])
    W = _sharp_affinity(near, far, 2.0).toarray()
    assert W[0, 1] == pytest.approx((np.exp(-2 / 9) + np.exp(-2 / 4)) / 2)
    assert W[0, 1] > W[1, 2] > W[0, 2] > 0


def test_directions_keep_angles_and_drop_lengths():
    unit = directions(np.array([[3.0, 4.0], [0.0, 2.0], [-5.0, 0.0]], dtype=np.float32))
    np.testing.assert_allclose(unit, [[0.6, 0.8], [0.0, 1.0], [-1.0, 0.0]], atol=1e-6)


def test_the_leading_eigenvectors_of_a_ring_are_waves():
    n = 12
    ring = sp.csr_array((np.roll(np.eye(n), 1, 0) + np.roll(np.eye(n), -1, 0)) / 2)
    values, vectors = spectrum.leading_eigenvectors(ring, np.ones(n))
    np.testing.assert_allclose(values[:5], np.cos(2 * np.pi * np.array([0, 1, 1, 2, 2]) / n), atol=1e-6)
    np.testing.assert_allclose(np.abs(vectors[:, 0]), 1 / np.sqrt(n), atol=1e-6)


def test_the_first_principal_axis_is_the_longest():
    X = np.random.default_rng(0).normal(size=(200, 3)) * [1.0, 9.0, 3.0]
    coordinates = fit_projection(X).pca(X)
    assert abs(np.corrcoef(coordinates[:, 0], X[:, 1])[0, 1]) > 0.99
    assert (np.diff(coordinates.std(axis=0)) < 0).all()
    np.testing.assert_allclose(coordinates.mean(axis=0), 0, atol=1e-5)


@pytest.fixture(scope="module")
def grouped():
    """The views of three groups of 60 rows in different directions, and the group of each distinct row."""
    y = np.repeat(np.arange(3), 60)
    views = make_views(12.0 * np.eye(3)[y] + np.random.default_rng(0).normal(size=(180, 3)))
    return views, y[views.first]


@pytest.mark.parametrize("name", ["graph", "refined", "sharp", "angle"])
def test_edges_stay_within_groups_that_lie_apart(grouped, name):
    views, group = grouped
    graph = getattr(views, name)
    S = graph.adjacency.tocoo()
    within = group[S.row] == group[S.col]
    assert S.data[within].sum() > 0.99 * S.data.sum()
    assert S.nnz > 5 * len(group)  # several neighbours each: a ring or a chain would not do
    # as many eigenvalues of (nearly) one as there are groups, and their vectors tell the groups apart
    assert (graph.eigenvalues[:3] > 0.99).all()
    leading = graph.eigenvectors[:, :3] / np.linalg.norm(graph.eigenvectors[:, :3], axis=1, keepdims=True)
    cosine = leading @ leading.T
    assert cosine[group[:, None] == group].min() > 0.9 > 0.3 > cosine[group[:, None] != group].max()
