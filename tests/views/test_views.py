"""Views: what of the rows the model sees, and what it must not see."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activeclust.pfn.basis import GRAPHS
from activeclust.views.identity import content_hash
from activeclust.views.views import green_coordinates, make_views


def rings(rng, n=300, radii=(1, 3, 5)):
    angle = rng.uniform(0, 2 * np.pi, (len(radii), n))
    radius = np.array(radii)[:, None] + 0.01 * rng.normal(size=angle.shape)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).reshape(-1, 2)


@pytest.mark.parametrize("shape", [(2, 1), (3, 2), (12, 1), (40, 200), (400, 3), (30, 2500)])
def test_any_shape_has_views(shape):
    views = make_views(np.random.default_rng(0).normal(size=shape))
    n = shape[0]
    assert views.pca.shape[0] == n
    np.testing.assert_allclose((views.pca.astype(float) ** 2).sum(1).mean(), 1, rtol=1e-3)
    assert views.neighbors.shape == (n, min(30, n - 1))
    assert not (views.neighbors == np.arange(n)[:, None]).any()
    for name in GRAPHS:
        graph = getattr(views, name)
        V = graph.eigenvectors
        np.testing.assert_allclose(V.T @ V, np.eye(V.shape[1]), atol=1e-3)
        assert graph.eigenvalues.min() >= -1
        assert graph.eigenvalues.max() <= 1


def test_each_component_has_an_eigenvector_of_its_own():
    views = make_views(rings(np.random.default_rng(1)))
    assert (views.graph.eigenvalues > 1 - 1e-6).sum() == 3
    E = green_coordinates(views.graph, 1e-6)
    of = np.repeat(np.arange(3), 300)[views.first]
    centres = np.stack([E[of == r].mean(0) for r in range(3)])
    assert ((E @ centres.T).argmax(1) == of).all()


def test_eigenvectors_solve_the_eigenproblem():
    views = make_views(np.random.default_rng(2).normal(size=(700, 4)))
    for name in GRAPHS:
        graph = getattr(views, name)
        left = graph.adjacency @ graph.eigenvectors
        np.testing.assert_allclose(left, graph.eigenvectors * graph.eigenvalues, atol=2e-3)


def test_equal_rows_become_one():
    X = np.random.default_rng(3).normal(size=(20, 3))
    views = make_views(np.vstack([X, X[:5], -0.0 * X[:1] + X[:1]]))
    assert views.n_rows == 20
    np.testing.assert_array_equal(views.inverse[:5], views.inverse[20:25])


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(5, 60), d=st.integers(1, 6))
def test_rows_in_another_order_have_the_same_views(seed, n, d):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    order = rng.permutation(n)
    a, b = make_views(X), make_views(X[order])
    np.testing.assert_allclose(np.abs(a.pca[a.inverse][order]), np.abs(b.pca[b.inverse]), atol=1e-4)
    np.testing.assert_allclose(a.density[a.inverse][order], b.density[b.inverse], rtol=1e-3)


def test_neighbours_survive_a_turn_and_a_shift():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(150, 5))
    turn, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    a, b = make_views(X), make_views(40 * X @ turn - 3)
    first_a, first_b = a.first[a.neighbors[a.inverse][:, 0]], b.first[b.neighbors[b.inverse][:, 0]]
    assert (first_a == first_b).mean() > 0.98


def test_huge_and_tiny_numbers():
    X = np.random.default_rng(5).normal(size=(50, 3)).astype(np.float64)
    for factor in (1e30, 1e-30):
        assert np.isfinite(make_views(X * factor).pca).all()


def test_the_hash_tells_content_apart():
    X = np.arange(6.0)
    assert content_hash(X.reshape(2, 3)) != content_hash(X.reshape(3, 2))
    assert content_hash(X) == content_hash(X.copy())
