"""The active-learning loops of other libraries, as their documentation runs them, on our rows and seeds.

Each is ``loop(X, y, budget, batch, seed) -> [{"budget", "accuracy", "clusters"}, ...]``. X are PCA-50
coordinates, the same for all. None of them can start from nothing, so the first batch is drawn at random
(until it holds two classes) and counts. Answered rows count as right, as in our loop.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np


def _first(y: np.ndarray, batch: int, rng: np.random.Generator) -> list[int]:
    order = rng.permutation(len(y))
    end = next(i for i in range(batch, len(y) + 1) if len(np.unique(y[order[:i]])) > 1)
    return order[:end].tolist()


def _record(y: np.ndarray, rows: list[int], predicted: np.ndarray) -> dict:
    predicted = np.asarray(predicted).copy()
    predicted[rows] = y[rows]
    return {
        "budget": len(rows),
        "accuracy": float((predicted == y).mean()),
        "clusters": len(np.unique(y[rows])),
    }


def modal(strategy: str) -> Callable:
    """modAL's ActiveLearner (with our subclass, since its own cannot be taught) and logistic regression."""

    def loop(X, y, budget, batch, seed):
        import importlib

        from sklearn.linear_model import LogisticRegression

        from activeclust.integrations.modal import Learner

        where = "modAL.batch" if "batch" in strategy else "modAL.uncertainty"
        query = getattr(importlib.import_module(where), strategy)
        rows = _first(y, batch, np.random.default_rng(seed))
        learner = Learner(LogisticRegression(max_iter=1000), query, X[rows], y[rows])
        rounds = [_record(y, rows, learner.predict(X))]
        while len(rows) < budget:
            pool = np.setdiff1d(np.arange(len(X)), rows)
            picked, _ = learner.query(X[pool], n_instances=min(batch, budget - len(rows)))
            rows += pool[picked].tolist()
            learner.fit(X[rows], y[rows])
            rounds.append(_record(y, rows, learner.predict(X)))
        return rounds

    return loop


def skactiveml(strategy: str, **options) -> Callable:
    """scikit-activeml's pool strategy with its wrapped logistic regression."""

    def loop(X, y, budget, batch, seed):
        import skactiveml.pool
        from skactiveml.classifier import SklearnClassifier
        from sklearn.linear_model import LogisticRegression

        rows = _first(y, batch, np.random.default_rng(seed))
        answers = np.full(len(y), np.nan)
        answers[rows] = y[rows]
        query = getattr(skactiveml.pool, strategy)(random_state=seed, **options)
        model = SklearnClassifier(LogisticRegression(max_iter=1000), classes=np.unique(y), random_state=seed)
        rounds = []
        while True:
            model.fit(X, answers)
            rounds.append(_record(y, rows, model.predict(X)))
            if len(rows) >= budget:
                return rounds
            needs = {"clf": model} if strategy == "UncertaintySampling" else {}
            picked = query.query(X, answers, batch_size=min(batch, budget - len(rows)), **needs)
            rows += np.asarray(picked).tolist()
            answers[picked] = y[picked]

    return loop


def graphlearning(model: str, acquisition: str) -> Callable:
    """graphlearning's active_learner: semi-supervised learning on a kNN graph, and its acquisition."""

    def loop(X, y, budget, batch, seed):
        import graphlearning as gl

        W = gl.weightmatrix.knn(X, 10, knn_data=_neighbors(X, 10))
        ssl = getattr(gl.ssl, model)(W)
        rows = _first(y, batch, np.random.default_rng(seed))
        seen: dict[int, int] = {}

        def codes(labels):  # classes in the order they were met: graphlearning wants 0 to k - 1
            return np.array([seen.setdefault(int(label), len(seen)) for label in labels])

        options = {}
        if acquisition != "unc_sampling":
            values, vectors = ssl.graph.eigen_decomp(normalization="normalized", k=50)
            options = {"C": np.diag(1.0 / (values + 1e-11)), "V": vectors}
        learner = gl.active_learning.active_learner(
            ssl, getattr(gl.active_learning, acquisition), np.array(rows), codes(y[rows]), **options
        )
        rounds = []
        while True:
            names = np.array(list(seen))
            rounds.append(_record(y, rows, names[learner.u.argmax(axis=1)]))
            if len(rows) >= budget:
                return rounds
            picked = learner.select_queries(batch_size=min(batch, budget - len(rows)))
            rows += picked.tolist()
            learner.update(picked, codes(y[picked]))

    return loop


def _neighbors(X: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.neighbors import NearestNeighbors

    distances, rows = NearestNeighbors(n_neighbors=k + 1).fit(X).kneighbors(X)
    return rows, distances


RIVALS: dict[str, Callable] = {
    "modAL uncertainty + LR": modal("uncertainty_sampling"),
    "modAL margin + LR": modal("margin_sampling"),
    "modAL entropy + LR": modal("entropy_sampling"),
    "modAL ranked batch + LR": modal("uncertainty_batch_sampling"),
    "skactiveml margin + LR": skactiveml("UncertaintySampling", method="margin_sampling"),
    "skactiveml TypiClust + LR": skactiveml("TypiClust"),
    "graphlearning Laplace + margin": graphlearning("laplace", "unc_sampling"),
    "graphlearning Laplace + VOpt": graphlearning("laplace", "var_opt"),
    "graphlearning Laplace + SigmaOpt": graphlearning("laplace", "sigma_opt"),
    "graphlearning Poisson + margin": graphlearning("poisson", "unc_sampling"),
}


def run(name: str, X: np.ndarray, y: np.ndarray, budget: int, batch: int, seed: int) -> list[dict]:
    """One run of a rival, quietly: their deprecation warnings are their own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return RIVALS[name](X, y, budget, batch, seed)
