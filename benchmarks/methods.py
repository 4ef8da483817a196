"""The posterior's rivals, with their authors' settings. Every one gives scores of rows and clusters.

A rival of the *distinct* rows is a graph method or a layout: equal rows are one row to it, and each copy gets
that row's scores. The others are fitted to the anchors as they were given and predict every row.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from problem import KnnGraph, Problem, merged_anchors
from scipy.sparse.linalg import cg
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

#: f(problem, anchors (k,), codes (k,), C) -> scores (rows, C), the largest is the prediction
Scores = Callable[[Problem, np.ndarray, np.ndarray, int], np.ndarray]
TOLD = "told the sizes"
ESTIMATED = "PoissonMBO"  # sizes estimated from the anchors


class BrokenRival(RuntimeError):
    """A method gave something that cannot be scored; a benchmark must not go on with it."""


@dataclass(frozen=True)
class Rival:
    """A method.

    Attributes
    ----------
    scores : callable
    distinct : bool
        Whether it works on the distinct rows.
    probabilities : bool
        Whether a row's scores are probabilities (up to a factor). Otherwise it has no log-loss.
    most_anchors, most_clusters : int
        It is left out beyond, as too slow: a minute and more a fit.
    """

    scores: Scores
    distinct: bool = False
    probabilities: bool = True
    most_anchors: int = 100_000
    most_clusters: int = 100_000

    def affordable(self, anchors: int, clusters: int) -> bool:
        """Whether it is fitted to so many."""
        return anchors <= self.most_anchors and clusters <= self.most_clusters


def answer(name: str, rival: Rival, problem: Problem, anchors: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """(n, C) scores of every given row; probabilities that sum to 1 where the rival has them.

    Raises
    ------
    BrokenRival
        For NaN or infinite scores, or an exception of the rival's own.
    """
    C = int(codes.max()) + 1
    where = f"{name} on {problem.rows.name} with {len(anchors)} anchors"
    rows, given = merged_anchors(anchors, codes, problem.inverse) if rival.distinct else (anchors, codes)
    present, inside = np.unique(given, return_inverse=True)  # copies may disagree: a cluster may be outvoted
    with warnings.catch_warnings():  # rivals that do not converge are scored as they stand
        warnings.simplefilter("ignore")
        try:
            part = np.asarray(rival.scores(problem, rows, inside, len(present)), dtype=float)
        except Exception as error:
            raise BrokenRival(
                f"{where} failed, so the benchmark stops: {type(error).__name__}: {error}"
            ) from error
    expected = (len(problem.first) if rival.distinct else len(problem.inverse), len(present))
    if part.shape != expected:
        raise BrokenRival(f"{where} gave scores of shape {part.shape}, expected {expected}.")
    broken = int((~np.isfinite(part)).any(axis=1).sum())
    if broken:
        raise BrokenRival(
            f"{where} gave NaN or infinite scores for {broken} of {len(part)} rows, so the benchmark stops: "
            "scored as they are, they would make it look worse than it is."
        )
    if rival.distinct:
        part = part[problem.inverse]
    scores = np.full((len(part), C), 0.0 if rival.probabilities else part.min() - 1.0)
    scores[:, present] = part
    if rival.probabilities:
        scores = scores.clip(0.0)
        total = scores.sum(axis=1, keepdims=True)
        scores = np.where(total > 0, scores / np.where(total > 0, total, 1.0), 1.0 / C)
    return scores


# -- graphs --------------------------------------------------------------------------------------


def _graph(
    of: Callable[[Problem], KnnGraph],
    scores_of: Callable[[KnnGraph, np.ndarray, np.ndarray, int], np.ndarray],
    probabilities: bool,
) -> Rival:
    def scores(p: Problem, a: np.ndarray, c: np.ndarray, C: int) -> np.ndarray:
        graph = of(p)
        return np.ones((graph.weights.shape[0], 1)) if C == 1 else scores_of(graph, a, c, C)

    return Rival(scores, distinct=True, probabilities=probabilities)


def _mbo(sizes: Callable[[Problem, np.ndarray], np.ndarray]) -> Rival:
    def scores(p: Problem, a: np.ndarray, c: np.ndarray, C: int) -> np.ndarray:
        import graphlearning as gl

        if C == 1:
            return np.ones((p.graph.weights.shape[0], 1))
        prior = sizes(p, a) if sizes is _true_sizes else sizes(p, c)
        model = gl.ssl.poisson_mbo(p.graph.weights, class_priors=prior, solver=p.graph.solver)
        return np.eye(C)[model.fit_predict(a, c)]

    return Rival(scores, distinct=True, probabilities=False, most_clusters=40)


def _anchor_sizes(p: Problem, codes: np.ndarray) -> np.ndarray:
    return np.bincount(codes) / len(codes)


def _uniform_sizes(p: Problem, codes: np.ndarray) -> np.ndarray:
    return np.full(int(codes.max()) + 1, 1.0 / (int(codes.max()) + 1))


def _true_sizes(p: Problem, anchors: np.ndarray) -> np.ndarray:
    """Of the clusters among the anchors (distinct rows), in the order of their codes."""
    y = p.rows.y[p.first]
    names = np.unique(y[anchors])
    sizes = np.array([(y == name).sum() for name in names], dtype=float)
    return sizes / sizes.sum()


def _spread(model, **options) -> Rival:
    def scores(p: Problem, a: np.ndarray, c: np.ndarray, C: int) -> np.ndarray:
        y = np.full(len(p.first), -1)
        y[a] = c
        return model(kernel="knn", **options).fit(p.prepared.source.pca, y).label_distributions_

    return Rival(scores, distinct=True)


def harmonic(weights: sp.csr_matrix, a: np.ndarray, c: np.ndarray, C: int) -> np.ndarray:
    """(m, C) Laplace learning; graphlearning's where that is finite, else the same equations class by class.

    Its conjugate gradients take all classes at once and divide 0 by 0 where one is solved exactly before the others,
    as happens on small parts of a graph. Parts without an anchor have no solution and stay 0.
    """
    import graphlearning as gl

    u = gl.ssl.laplace(weights).fit(a, c)
    if np.isfinite(u).all():
        return u
    laplacian = sp.csr_matrix(sp.diags_array(np.asarray(weights.sum(axis=1)).ravel()) - weights)
    rest = np.setdiff1d(np.arange(weights.shape[0]), a)
    A, own = laplacian[rest][:, rest], np.eye(C)[c]
    b = -(laplacian[rest][:, a] @ own)
    scale = sp.diags_array(1.0 / A.diagonal())
    u = np.zeros((weights.shape[0], C))
    u[a] = own
    for i in range(C):
        u[rest, i], failed = cg(A, b[:, i], rtol=1e-8, maxiter=20_000, M=scale)
        if failed:
            raise ArithmeticError(f"Conjugate gradients did not converge for cluster {i}.")
    return u


def laplace(p: Problem, a: np.ndarray, c: np.ndarray, C: int) -> np.ndarray:
    """Laplace learning on the PCA graph of the distinct rows (Zhu, Ghahramani and Lafferty, ICML 2003)."""
    return np.ones((len(p.first), 1)) if C == 1 else harmonic(p.graph.weights, a, c, C)


def soft_k_means(keep: float) -> Rival:
    """Laplace learning, then six steps of spherical soft k-means in the whole space at temperature 0.1.

    Anchors stay as given. With ``keep`` > 0 what Laplace learning said, to that power, is a factor of every step.
    """

    def scores(p: Problem, a: np.ndarray, c: np.ndarray, C: int) -> np.ndarray:
        E, own = p.angles[p.first], np.eye(C)[c]
        first = laplace(p, a, c, C).clip(1e-9)
        first /= first.sum(axis=1, keepdims=True)
        P = first.copy()
        for _ in range(6):
            P[a] = own
            means = P.T @ E
            means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
            P = np.exp((E @ means.T) / 0.1) * first**keep
            P /= P.sum(axis=1, keepdims=True)
        P[a] = own
        return P

    return Rival(scores, distinct=True)


# -- classifiers ---------------------------------------------------------------------------------

VIEWS: dict[str, Callable[[Problem], np.ndarray]] = {
    "PCA": lambda p: p.prepared.views["pca"],
    "diffusion": lambda p: p.prepared.views["diffusion"],
    "all columns": lambda p: p.columns,
    "angles": lambda p: p.angles,
    "UMAP": lambda p: p.layout[p.inverse],
}


def _fitted(view: str, make, probabilities: bool = True, **limits: int) -> Rival:
    def scores(p: Problem, a: np.ndarray, c: np.ndarray, C: int) -> np.ndarray:
        X = VIEWS[view](p)
        return np.ones((len(X), 1)) if C == 1 else make().fit(X[a], c).predict_proba(X)

    return Rival(scores, probabilities=probabilities, **limits)


def _logistic(strength: float = 10.0):
    return lambda: LogisticRegression(C=strength, max_iter=500)


def _forest():
    return RandomForestClassifier(200, random_state=0)


def _boosted():
    # the default of 20 rows a leaf makes no tree at all of few anchors
    return HistGradientBoostingClassifier(
        min_samples_leaf=2, max_iter=50, early_stopping=False, random_state=0
    )


def centroids(p: Problem, a: np.ndarray, c: np.ndarray, C: int) -> np.ndarray:
    """Cosines to the mean direction of each cluster's anchors, in all columns."""
    means = np.eye(C)[c].T @ p.angles[a]
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    return p.angles @ means.T


def seeded_k_means(p: Problem, a: np.ndarray, c: np.ndarray, C: int) -> np.ndarray:
    """k-means on the PCA coordinates from the means of each cluster's anchors (Basu et al., ICML 2002)."""
    X = VIEWS["PCA"](p)
    start = np.stack([X[a[c == i]].mean(axis=0) for i in range(C)])
    return np.eye(C)[KMeans(C, init=start, n_init=1).fit_predict(X)]


def rivals() -> dict[str, Rival]:
    """Every rival by name. Those that are told what no user knows say so in their names."""
    import graphlearning as gl

    pca, umap = (lambda p: p.graph), (lambda p: p.layout_graph)

    def poisson(graph, a, c, C):
        return gl.ssl.poisson(graph.weights, solver=graph.solver).fit(a, c)

    def plain_laplace(graph, a, c, C):
        return harmonic(graph.weights, a, c, C)

    def shifted(graph, a, c, C):  # what `mean_shift=True` does
        u = harmonic(graph.weights, a, c, C)
        return u - u.mean(axis=0)

    return {
        "Poisson": _graph(pca, poisson, probabilities=False),
        "Laplace": Rival(laplace, distinct=True),
        "Laplace, mean shift": _graph(pca, shifted, probabilities=False),
        "Laplace, all columns": _graph(lambda p: p.angle_graph, plain_laplace, probabilities=True),
        "Laplace, then soft k-means": soft_k_means(keep=0.0),
        "Laplace times soft k-means": soft_k_means(keep=0.5),
        "UMAP, Poisson": _graph(umap, poisson, probabilities=False),
        "UMAP, logistic": _fitted("UMAP", _logistic()),
        "LabelSpreading": _spread(LabelSpreading, n_neighbors=7, max_iter=100),
        "LabelPropagation": _spread(LabelPropagation, n_neighbors=7, max_iter=1000),
        "logistic, all columns": _fitted("all columns", _logistic()),
        "logistic, angles": _fitted("angles", _logistic(100.0)),
        "centroids, all columns": Rival(centroids, probabilities=False),
        "random forest, all columns": _fitted("all columns", _forest),
        "boosted trees, all columns": _fitted("all columns", _boosted, most_anchors=600, most_clusters=12),
        "logistic, PCA": _fitted("PCA", _logistic()),
        "1-NN, PCA": _fitted("PCA", lambda: KNeighborsClassifier(1), probabilities=False),
        "random forest, PCA": _fitted("PCA", _forest),
        "Gaussian process, PCA": _fitted(
            "PCA",
            lambda: GaussianProcessClassifier(RBF(0.5), optimizer=None, random_state=0),
            most_anchors=300,
        ),
        "logistic, diffusion": _fitted("diffusion", _logistic()),
        "1-NN, diffusion": _fitted("diffusion", lambda: KNeighborsClassifier(1), probabilities=False),
        "seeded k-means": Rival(seeded_k_means, probabilities=False),
        ESTIMATED: _mbo(_anchor_sizes),
        "PoissonMBO, uniform sizes": _mbo(_uniform_sizes),
        f"PoissonMBO, {TOLD}": _mbo(_true_sizes),
    }


def tabular_networks(tabicl: Path | None, tabpfn: Path | None) -> dict[str, Rival]:
    """TabICL and TabPFN on the PCA, from checkpoints on this machine; nothing is fetched."""
    found: dict[str, Rival] = {}
    for path in (tabicl, tabpfn):
        if path is not None and not path.is_file():
            raise SystemExit(f"There are no weights at {path}: name a checkpoint of the package.")
    if tabicl is not None:
        from tabicl import TabICLClassifier

        found["TabICL, PCA"] = _fitted(
            "PCA", lambda: TabICLClassifier(model_path=tabicl, allow_auto_download=False, device="cpu")
        )
    if tabpfn is not None:
        from tabpfn import TabPFNClassifier

        found["TabPFN, PCA"] = _fitted(
            "PCA", lambda: TabPFNClassifier(model_path=tabpfn, device="cpu", ignore_pretraining_limits=True)
        )
    return found
