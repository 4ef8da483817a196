"""Rivals and arms: broken ones stop a benchmark, and equal rows do not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from arms import CHOSEN, MEAN, RuleEvidence, chosen, network_free
from draws import anchor_draws
from hypothesis import given, settings
from hypothesis import strategies as st
from methods import BrokenRival, Rival, answer, harmonic, rivals
from problem import Problem, merged_anchors

from activeclust import PFNClusterer


def _anchors(problem: Problem, label: str, draw: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rows = problem.rows
    anchors = list(anchor_draws(rows.y, rows.scored, label, draw + 1))[draw]
    return anchors, np.unique(rows.y[anchors], return_inverse=True)[1]


@pytest.mark.parametrize("distinct", [True, False])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_rival_that_gives_nan_stops_the_benchmark(doubled, distinct, value):
    def broken(p, a, c, C):
        scores = np.zeros((len(p.first) if distinct else len(p.inverse), C))
        scores[4, 1] = value
        return scores

    with pytest.raises(BrokenRival, match=r"Half-baked on doubled with 6 anchors gave NaN .* 1 of"):
        answer("Half-baked", Rival(broken, distinct), doubled, *_anchors(doubled, "2 each"))


def test_a_rival_that_raises_stops_the_benchmark(doubled):
    def failing(p, a, c, C):
        raise ZeroDivisionError("no mass")

    with pytest.raises(BrokenRival, match="ZeroDivisionError: no mass"):
        answer("Failing", Rival(failing), doubled, *_anchors(doubled, "1 each"))


def test_a_rival_of_the_wrong_shape_stops_the_benchmark(doubled):
    with pytest.raises(BrokenRival, match="shape"):
        answer("Flat", Rival(lambda p, a, c, C: np.zeros((3, C))), doubled, *_anchors(doubled, "1 each"))


FAST = [  # UMAP compiles for half a minute; boosted trees need more rows
    "Poisson", "Laplace", "Laplace, mean shift", "Laplace, all columns", "Laplace, then soft k-means",
    "Laplace times soft k-means", "LabelSpreading", "LabelPropagation", "logistic, all columns",
    "logistic, angles", "centroids, all columns", "random forest, all columns", "logistic, PCA", "1-NN, PCA",
    "Gaussian process, PCA", "logistic, diffusion", "1-NN, diffusion", "seeded k-means",
    "PoissonMBO, uniform sizes", "PoissonMBO, told the sizes",
]  # fmt: skip


@pytest.mark.parametrize("name", FAST)
def test_rivals_tell_the_groups_where_every_row_has_copies(doubled, name):
    pytest.importorskip("graphlearning")
    anchors, codes = _anchors(doubled, "2 each")
    scores = answer(name, rivals()[name], doubled, anchors, codes)
    assert scores.shape == (180, 3)
    assert (scores.argmax(axis=1) == doubled.rows.y).mean() > 0.9
    # copies of a row are one row
    np.testing.assert_allclose(scores[:60], scores[60:120], atol=1e-6)
    if rivals()[name].probabilities:
        np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-6)


def test_a_graph_is_of_the_distinct_rows(doubled):
    pytest.importorskip("graphlearning")
    assert doubled.graph.weights.shape == (60, 60)
    assert np.isfinite(doubled.graph.weights.data).all()
    assert doubled.graph.weights.nnz > 60


@pytest.mark.parametrize("seed", range(4))
def test_laplace_on_a_graph_of_parts_is_exact(seed):
    """graphlearning's own gives NaN on some such graphs: one class is solved before the others."""
    pytest.importorskip("graphlearning")
    rng = np.random.default_rng(seed)
    small = np.ones((12, 12)) - np.eye(12)
    large = np.triu(rng.random((80, 80)) * (rng.random((80, 80)) < 0.1), 1) + np.diag(np.ones(79), 1)
    W = sp.csr_matrix(sp.block_diag([small, large + large.T, small]))
    anchors, codes = np.array([0, 20, 70]), np.array([0, 1, 2])
    u = harmonic(W, anchors, codes, 3)
    L = np.diag(np.asarray(W.sum(axis=1)).ravel()) - W.toarray()
    rest = np.setdiff1d(np.arange(92), anchors)
    exact = np.linalg.solve(L[np.ix_(rest, rest)], -L[np.ix_(rest, anchors)] @ np.eye(3))
    np.testing.assert_allclose(u[rest], exact, atol=1e-4)
    assert (u[92:] == 0).all()  # no anchor, no solution


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=30))
def test_anchors_that_are_equal_rows_are_merged_by_majority(pairs):
    inverse = np.arange(6)[::-1].copy()
    anchors, codes = (np.array(part) for part in zip(*pairs, strict=True))
    rows, merged = merged_anchors(anchors, codes, inverse)
    assert sorted(set(inverse[anchors])) == rows.tolist()
    for row, code in zip(rows, merged, strict=True):
        votes = np.bincount(codes[inverse[anchors] == row], minlength=4)
        assert votes[code] == votes.max()


def test_a_cluster_whose_anchors_are_outvoted_keeps_its_column(doubled):
    # rows 0, 60 and 120 are equal; two of them are told to be of cluster 0, one of cluster 2
    anchors, codes = np.array([0, 60, 120, 25]), np.array([0, 0, 2, 1])
    scores = answer(
        "One-hot", Rival(lambda p, a, c, C: np.eye(C)[np.zeros(len(p.first), int)], distinct=True),
        doubled, anchors, codes,
    )  # fmt: skip
    assert scores.shape == (180, 3)
    assert (scores[:, 2] == 0).all()


def test_arms_without_a_network(doubled):
    model = PFNClusterer(device="cpu")
    arms = network_free(model, doubled.prepared, *_anchors(doubled, "2 each"))
    assert {MEAN, CHOSEN} < set(arms)
    for name, known in arms.items():
        assert known.shape == (180, 3), name
        np.testing.assert_allclose(known.sum(axis=1), 1.0, atol=1e-5)
    assert (arms[MEAN].argmax(axis=1) == doubled.rows.y).mean() > 0.95


def test_leave_one_out_picks_the_rule_that_knows_the_anchors():
    codes = np.array([0, 0, 1, 1, 2])
    knows = np.log(np.full((5, 3), 0.1) + 0.7 * np.eye(3)[codes])
    guesses = np.log(np.full((5, 3), 1 / 3))
    # the third is right only on the anchor that is alone in its cluster, which nobody can judge
    lucky = guesses.copy()
    lucky[4] = np.log([1e-6, 1e-6, 1.0])
    evidence = RuleEvidence(
        ("guesses", "lucky", "knows"), np.zeros((3, 9, 3)), np.stack([guesses, lucky, knows]), codes
    )
    assert chosen(evidence) == "knows"
    alone = RuleEvidence(("a", "b"), np.zeros((2, 9, 2)), np.zeros((2, 2, 2)), np.array([0, 1]))
    assert chosen(alone) is None
