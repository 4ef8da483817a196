"""Cluster-PFN's protocol: how often the number of clusters of a Gaussian mixture is exact, without an anchor."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from plumbing import (
    Problem,
    Run,
    holm,
    problem,
    table,
)
from scipy import stats
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

MIXTURES, POINTS, MOST = 5, 500, 10


#: spread of the centres in units of a component's standard deviation
HARDNESS = {"easy": 8.0, "hard": 3.0}


ZERO = "no anchors"


#: what Cluster-PFN's authors report on their own draws (arXiv 2510.24318)
PUBLISHED = {("easy", 2): 0.64, ("easy", 5): 0.72, ("hard", 2): 0.44, ("hard", 5): 0.52}


def mixture(spread: float, d: int, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """1 to 10 Gaussians with full covariances, sizes and centres drawn at random."""
    k = int(rng.integers(1, MOST + 1))
    share = rng.dirichlet(np.full(k, 5.0))
    y = rng.choice(k, n, p=share)
    X = np.empty((n, d))
    for c in range(k):
        covariance = np.atleast_2d(stats.wishart.rvs(d + 3, np.eye(d) / (d + 3), random_state=rng))
        centre = spread * rng.normal(size=d)
        X[y == c] = rng.multivariate_normal(centre, covariance, int((y == c).sum()))
    return X, np.unique(y, return_inverse=True)[1]


def measure_mixtures(run: Run):
    for hardness, spread in HARDNESS.items():
        for d in (2,) if run.quick else (2, 5):
            for draw in range(run.repeats(MIXTURES, quick=1)):
                X, y = mixture(spread, d, 150 if run.quick else POINTS, run.rng(d, draw, int(spread)))
                data = problem("mixture", StandardScaler().fit_transform(X), y, run.model)
                for method, labels in _partitions(run, data).items():
                    found = len(set(labels.tolist()) - {-1})
                    yield {"protocol": "mixtures", "set": f"{hardness} {d} {draw}", "hardness": hardness, "d": d, "method": method,
                           "clusters": found, "true": data.clusters, "ari": float(adjusted_rand_score(y, labels))}  # fmt: skip
            run.say(f"mixtures {hardness} {d}")


def _partitions(run: Run, data: Problem) -> dict[str, np.ndarray]:
    X = data.X
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # k-means and mixtures that do not converge are scored as they stand
        mixtures = [GaussianMixture(k, random_state=run.seed).fit(X) for k in range(1, MOST + 1)]
        means = [KMeans(k, n_init=5, random_state=run.seed).fit_predict(X) for k in range(2, MOST + 1)]
    return {
        ZERO: run.model.zero_shot(data.prepared)[1].argmax(1),
        "Gaussian mixture, BIC": min(mixtures, key=lambda m: m.bic(X)).predict(X),
        "Gaussian mixture, AIC": min(mixtures, key=lambda m: m.aic(X)).predict(X),
        "k-means, silhouette": max(means, key=lambda labels: silhouette_score(X, labels)),
        "HDBSCAN": HDBSCAN(min_cluster_size=max(5, len(X) // 30), copy=True).fit_predict(X),
    }


def shares(frame: pd.DataFrame) -> pd.DataFrame:
    """Whether a method found the exact number, data set by method."""
    part = frame[frame["protocol"] == "mixtures"]
    return (part["clusters"] == part["true"]).groupby([part["set"], part["method"]]).first().unstack()


def mixtures_told(frame: pd.DataFrame) -> str:
    part = frame[frame["protocol"] == "mixtures"]
    exact, methods = shares(frame), list(dict.fromkeys(part["method"]))
    ari = part.pivot(index="set", columns="method", values="ari")
    settings = list(dict.fromkeys(zip(part["hardness"], part["d"].astype(int), strict=True)))
    p = {m: _mcnemar(exact[ZERO], exact[m]) for m in methods if m != ZERO}
    corrected = dict(zip(p, holm(list(p.values())), strict=True))
    rows = []
    for m in methods:
        bounds = stats.binomtest(int(exact[m].sum()), len(exact)).proportion_ci(method="wilson")
        cells = [f"{exact.loc[exact.index.str.startswith(f'{h} {d} '), m].mean():.0%}" for h, d in settings]
        rows.append((m, *cells, f"{exact[m].mean():.0%} [{bounds.low:.0%}, {bounds.high:.0%}]", f"{ari[m].mean():.3f}",
                     "" if m == ZERO else f"{corrected[m]:.3f}"))  # fmt: skip
    rows.append(("*Cluster-PFN, as published*", *(f"*{PUBLISHED[s]:.0%}*" for s in settings), "", "", ""))
    each = int((part["method"] == ZERO).sum() / len(settings))
    return f"""**Gaussian mixtures**, after Cluster-PFN (arXiv 2510.24318): 1 to {MOST} Gaussians with full covariances, {POINTS} rows, centres {HARDNESS["easy"]:g} (easy) or {HARDNESS["hard"]:g} (hard) standard
deviations wide, 2 and 5 dimensions, {each} data sets of each kind. How often the number of clusters is exact, without any anchor; overall with Wilson's 95 % interval; mean ARI; p of McNemar's exact
test that *{ZERO}* and the method are exact equally often, corrected for {len(p)} comparisons (Holm). k-means can find 2 to {MOST}, mixtures 1 to {MOST}, as they are given that range; ours and HDBSCAN get
no range. Cluster-PFN's trained network is not public here: its figures are its authors' on their own draws, not on these.

{table(("number exact", *(f"{h}, {d} dimensions" for h, d in settings), "all", "ARI", "p (Holm)"), rows)}"""


def _mcnemar(a: pd.Series, b: pd.Series) -> float:
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return 1.0 if only_a + only_b == 0 else float(stats.binomtest(only_a, only_a + only_b).pvalue)
