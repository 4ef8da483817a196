"""What large data takes in place of exact search and Lanczos gives what those give, near enough."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import eigsh
from sklearn.neighbors import NearestNeighbors

from activeclust.resources.progress import listening
from activeclust.views import neighbors, spectrum, views
from activeclust.views.extension import spread
from activeclust.views.neighbors import Neighbors
from activeclust.views.views import make_views


def groups(n: int, d: int = 12, clusters: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    codes = rng.integers(clusters, size=n)
    return (rng.normal(size=(n, d)) + 6 * rng.normal(size=(clusters, d))[codes]).astype(np.float32), codes


@pytest.fixture
def as_if_large(monkeypatch):
    """Every set of more than 1,000 rows counts as large."""
    monkeypatch.setattr(neighbors, "APPROXIMATE_FROM", 1000)


def test_the_measured_recall_is_the_true_one(as_if_large):
    X, _ = groups(4000, d=30)
    index = Neighbors(X)
    rows, distances = index.search(X, 31)
    true_distances, true = NearestNeighbors(n_neighbors=31).fit(X).kneighbors(X)
    recall = np.mean([len(np.intersect1d(a, b)) / 31 for a, b in zip(rows, true, strict=True)])
    assert recall >= neighbors.LEAST_RECALL - 0.01
    assert abs(recall - index.recall) < 0.01
    assert (np.diff(distances) >= -1e-6).all()
    np.testing.assert_allclose(distances[:, 1], true_distances[:, 1], atol=1e-2)


def test_crowded_cells_still_give_k_neighbours(as_if_large, monkeypatch):
    monkeypatch.setattr(neighbors, "CELL_ROWS", 5)
    monkeypatch.setattr(neighbors, "LEAST_RECALL", 0.0)
    monkeypatch.setattr(neighbors, "_FIRST_CELLS", 1)
    X, _ = groups(1500)
    rows, distances = Neighbors(X).search(X, 31)
    assert rows.min() >= 0 and np.isfinite(distances).all()


def test_the_filtered_subspace_is_that_of_lanczos():
    seen = make_views(groups(1500)[0])
    for name in ("graph", "refined", "sharp", "angle"):
        graph = getattr(seen, name)
        S = graph.adjacency.astype(np.float64)
        values, vectors = eigsh(S, k=64, which="LA")
        np.testing.assert_allclose(graph.eigenvalues, values[::-1], atol=5e-4)
        left = S @ graph.eigenvectors - graph.eigenvectors * graph.eigenvalues
        assert np.linalg.norm(left, axis=0).max() < 2 * spectrum.RESIDUAL
        inside = np.linalg.svd(vectors[:, :-33:-1].T @ graph.eigenvectors)[1]
        assert inside.min() > 0.99


@pytest.mark.parametrize("pieces", [70, 120])
def test_every_piece_of_a_graph_has_a_vector(pieces):
    rng = np.random.default_rng(0)
    X = 100.0 * rng.normal(size=(pieces, 6))[np.arange(pieces).repeat(14)] + rng.normal(size=(14 * pieces, 6))
    for name in ("graph", "refined", "sharp"):
        assert np.abs(getattr(make_views(X), name).eigenvectors).max(axis=1).min() > 0.01


def test_components_keep_their_vectors_in_the_filtered_subspace(as_if_large):
    X = np.concatenate([groups(1000)[0] + 1000 * i for i in range(3)])
    graph = make_views(X).graph
    assert (graph.eigenvalues > 1 - 1e-5).sum() >= 3
    np.testing.assert_allclose(graph.eigenvectors.T @ graph.eigenvectors, np.eye(64), atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(80, 200))
def test_the_filter_finds_the_leading_space_of_any_normalised_matrix(seed, n):
    rng = np.random.default_rng(seed)
    W = sp.random_array((n, n), density=0.1, rng=rng)
    W = sp.csr_array(W + W.T + sp.eye_array(n))
    root = 1 / np.sqrt(W.sum(axis=1))
    S = sp.csr_array(W * root[:, None] * root[None])
    count, component = connected_components(S, directed=False)
    known = spectrum._component_vectors(component, count, root**-2, 5)
    values, vectors = spectrum._filtered(S, known, 5, None, "")
    np.testing.assert_allclose(values, np.linalg.eigvalsh(S.toarray())[::-1][:5], atol=1e-3)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(5), atol=1e-4)


def test_landmarks_carry_the_others():
    X, codes = groups(3000)
    seen = views.make_views(X, landmarks=600)
    assert seen.n_rows == 600 and len(seen.inverse) == 3000 and seen.extension is not None
    landmark = np.zeros(3000, bool)
    landmark[seen.first] = True
    np.testing.assert_array_equal(seen.inverse[seen.first], np.arange(600))
    own = np.eye(8)[codes[seen.first]]
    np.testing.assert_allclose(seen.spread(own)[seen.first], own, atol=1e-6)  # a landmark is itself
    assert (seen.spread(own).argmax(1) == codes)[~landmark].mean() > 0.99
    np.testing.assert_allclose(seen.spread(own).sum(1), 1, atol=1e-5)
    whole = views.make_views(X)
    assert np.corrcoef(np.log(whole.spread(whole.density)), np.log(seen.extension.density))[0, 1] > 0.8


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_any_split_into_blocks_spreads_to_the_same(sizes):
    rng = np.random.default_rng(0)
    n = sum(sizes)
    rows, weights = rng.integers(9, size=(n, 4)), rng.random((n, 4))
    known = rng.random((9, 3))
    edges = np.cumsum([0, *sizes])
    blocks = [spread(known, rows[a:b], weights[a:b]) for a, b in itertools.pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(blocks), spread(known, rows, weights))


def test_steps_report_how_far_they_are(as_if_large):
    told: dict[str, float] = {}
    with listening(lambda step, done, total: told.__setitem__(step, done / total)):
        make_views(groups(2500)[0], landmarks=1500)
    assert told == dict.fromkeys(
        [
            "neighbours",
            "first graph",
            "refining",
            "refined graph",
            "sharp graph",
            "angle graph",
            "other rows",
        ],
        1.0,
    )
