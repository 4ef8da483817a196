"""What ``auto`` is compared with: strategies and models of other libraries, as arms of a comparison.

An arm is a strategy with the model whose posterior it sees and whose labels are scored. A strategy of another library
stands here with the model that its documentation uses and with our posterior; ``auto`` stands here with their model
too. So a difference can be put down to the strategy or to the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from problem import KnnGraph, merged_anchors
from scipy.sparse.linalg import splu, spsolve
from sklearn.linear_model import LogisticRegression

from activeclust import PFNClusterer
from activeclust.clusterer.prepared import Prepared
from activeclust.compare import Arm
from activeclust.integrations.classifier import Classifier
from activeclust.strategy import PoolState, take, top_rows

TAU, LEAST_TAU = 0.1, 1e-9  # of the damped Laplacian at the first answer, and from two answers a cluster on


def lr() -> Classifier:
    """Logistic regression on the rows as they are."""
    return Classifier(LogisticRegression(max_iter=1000))


def typiclust(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """scikit-activeml's TypiClust on principal coordinates, with its default settings."""
    import warnings

    import skactiveml.pool

    X = np.asarray(state.views["pca"], dtype=float)
    X = X + 1e-6 * rng.standard_normal(X.shape)  # it raises where k-means leaves a region of equal rows empty
    answers = np.full(len(X), np.nan)
    answers[state.anchors] = state.anchor_codes
    query = skactiveml.pool.TypiClust(random_state=int(rng.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of k-means, and of scikit-learn's changes
        picked = query.query(X, answers, candidates=state.candidates, batch_size=n)
    return take(np.asarray(picked).tolist(), state.candidates, n, rng)


def plain_margin(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """The ``n`` smallest margins, as graphlearning's ``unc_sampling`` takes them."""
    if state.n_clusters < 2:
        return take([], state.candidates, n, rng)
    top = np.sort(state.posterior[state.candidates], axis=1)
    return top_rows(top[:, -2] - top[:, -1], state.candidates, n, rng)


def smallest_norm(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """The ``n`` rows that the answers reach least: the smallest Euclidean norm of the damped solution."""
    if state.n_clusters == 0:
        return take([], state.candidates, n, rng)
    reached = state.full_posterior[state.candidates, :-1]
    return top_rows(-np.linalg.norm(reached, axis=1), state.candidates, n, rng)


@dataclass(frozen=True)
class PreparedGraph:
    """Views for strategies, and a rival's graph of the distinct rows."""

    geometry: Prepared
    graph: KnnGraph

    def __getattr__(self, name: str):
        return getattr(object.__getattribute__(self, "geometry"), name)


def damped_laplace(W: sp.csr_matrix, at: np.ndarray, answers: np.ndarray, tau: float) -> np.ndarray:
    """(n, C) solution u of tau u + L u = 0 off the answered rows ``at`` (k,), where it equals ``answers`` (k, C).

    L is the Laplacian of the weights W (n, n) times g_i g_j, g being the solution of Poisson's equation whose sources
    are the answered rows, shifted to be positive (Calder and Slepcev 2020, Miller and Bertozzi 2023). It is solved
    exactly; parts of the graph without an answer get 0.

    Examples
    --------
    >>> W = sp.csr_matrix(np.diag(np.ones(3), 1) + np.diag(np.ones(3), -1))  # a path of four rows
    >>> damped_laplace(W, np.array([0, 3]), np.eye(2), 1e-9)[1].round(2).tolist()
    [1.0, 0.0]
    """
    n = W.shape[0]
    laplacian = sp.diags(np.asarray(W.sum(axis=1)).ravel()) - W
    source = np.full(n, -len(at) / n)
    source[at] += 1.0
    g = spsolve((laplacian + LEAST_TAU * sp.identity(n)).tocsc(), source)
    G = sp.diags(g - g.min() + 1e-5)
    W = (G @ W @ G).tocsr()
    laplacian = (sp.diags(np.asarray(W.sum(axis=1)).ravel()) - W).tocsr()
    laplacian = laplacian / max(laplacian.diagonal().mean(), 1e-300)
    rest = np.setdiff1d(np.arange(n), at)
    system = (laplacian[rest][:, rest] + tau * sp.identity(len(rest))).tocsc()
    u = np.zeros((n, answers.shape[1]))
    u[at] = answers
    u[rest] = splu(system).solve(np.asarray(-(laplacian[rest][:, at] @ answers)))
    return np.clip(u, 0, 1)


class GraphModel:
    """Semi-supervised learning on a graph by graphlearning, in the place of our network.

    Parameters
    ----------
    kind : {"poisson", "pwll-tau"}
        Poisson learning (Calder et al. 2020), or Laplace learning, Poisson-reweighted and damped by a tau that falls
        with the answers (after Miller and Bertozzi 2023; theirs knows the number of clusters, this one counts those
        that were met).
    """

    def __init__(self, kind: str) -> None:
        self.kind, self.model_hash = kind, f"graphlearning-{kind}"

    def prepare(self, X: np.ndarray) -> PreparedGraph:
        """Views and graph."""
        geometry = PFNClusterer(device="cpu").prepare(X)
        return PreparedGraph(geometry, KnnGraph.of(geometry.source.pca))

    def posterior(
        self, prepared: PreparedGraph, rows: np.ndarray, codes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(n, C) and (n,): none of these is what the damped solution leaves open; 0 for Poisson learning."""
        n = prepared.n_rows
        if len(rows) == 0:
            return np.zeros((n, 0)), np.ones(n)
        C = int(codes.max()) + 1
        if C == 1 and self.kind == "poisson":  # its source terms cancel
            return np.ones((n, 1)), np.zeros(n)
        inverse = prepared.geometry.source.inverse
        at, labels = merged_anchors(rows, codes, inverse)
        graph = prepared.graph
        if self.kind == "poisson":
            import graphlearning as gl

            model = gl.ssl.poisson(graph.weights, solver=graph.solver)
            u = np.asarray(model.fit(at, labels))[inverse]
            u = u - u.mean(axis=1, keepdims=True)  # one scale for all rows: margins keep their order
            return 1 / C + u / (C * max(np.abs(u).max(), 1e-12)), np.zeros(n)
        tau = TAU * max(LEAST_TAU / TAU, (LEAST_TAU / TAU) ** (len(rows) / (2 * C)))
        u = damped_laplace(graph.weights, at, np.eye(C)[labels], tau)[inverse]
        reached = u.sum(axis=1, keepdims=True)
        known = np.where(reached > 1e-12, u / np.maximum(reached, 1e-12), 1 / u.shape[1])
        return known, np.clip(1 - reached[:, 0], 0, 1)


def arms() -> dict[str, Arm]:
    """All rivals by name."""
    return {
        "random": Arm("random"),
        "typicality": Arm("typicality"),
        "herding": Arm("herding"),
        "uncertainty_herding": Arm("uncertainty_herding"),
        "margin": Arm("margin"),
        "modAL margin": Arm("modal:margin_sampling"),
        "modAL margin, LR": Arm("modal:margin_sampling", lr()),
        "auto, LR": Arm("auto", lr()),
        "centroid": Arm("centroid"),  # centres of k-means
        "TypiClust": Arm(typiclust),
        "TypiClust, LR": Arm(typiclust, lr()),
        "Poisson margin": Arm(plain_margin, GraphModel("poisson")),
        "PWLL-tau": Arm(smallest_norm, GraphModel("pwll-tau")),
    }
