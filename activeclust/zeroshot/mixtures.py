"""Gaussian mixtures for many numbers of clusters at once, and mixtures whose components are merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

STEPS = 12
REGULARISATION = 1e-3  # share of the mean variance added to every covariance
_TOLERANCE = 1e-3


@dataclass
class Mixture:
    """A fitted mixture of K Gaussians.

    Attributes
    ----------
    responsibilities : ndarray (m, K)
        Rows sum to 1.
    bic : float
        Bayesian information criterion per row, smaller is better.
    """

    responsibilities: np.ndarray
    bic: float


def fit_mixture(X: np.ndarray, labels: np.ndarray, tied: bool = False, steps: int = STEPS) -> Mixture:
    """Expectation-maximisation from a partition, full covariances, or one for all (``tied``).

    Parameters
    ----------
    X : ndarray (m, d)
    labels : ndarray (m,) of int
        0 to K - 1, none missing.
    """
    X = np.asarray(X, dtype=np.float64)
    m, d = X.shape
    K = int(labels.max()) + 1
    floor = REGULARISATION * X.var(axis=0).mean() * np.eye(d)
    products = np.einsum("mi,mj->mij", X, X).reshape(m, d * d)
    R = np.zeros((m, K))
    R[np.arange(m), labels] = 1.0
    before = -np.inf
    for _ in range(steps):
        count = R.sum(axis=0) + 1e-9
        mean = (R.T @ X) / count[:, None]
        second = (R.T @ products).reshape(K, d, d) / count[:, None, None]
        covariance = second - np.einsum("ki,kj->kij", mean, mean)
        if tied:
            pooled = (covariance * (count / m)[:, None, None]).sum(axis=0)
            covariance = np.repeat(pooled[None], K, axis=0)
        chol = _cholesky(covariance, floor)
        inverse = np.linalg.inv(chol)
        log_det = np.log(np.einsum("kii->ki", chol)).sum(axis=1)
        y = (X @ inverse.transpose(2, 0, 1).reshape(d, K * d)).reshape(m, K, d)
        y -= np.einsum("kij,kj->ki", inverse, mean)[None]
        log_p = np.log(count / m) - log_det - 0.5 * (y**2).sum(axis=2) - 0.5 * d * np.log(2 * np.pi)
        top = log_p.max(axis=1, keepdims=True)
        p = np.exp(log_p - top)
        total = p.sum(axis=1, keepdims=True)
        R = p / total
        likelihood = float((top + np.log(total)).mean())
        if likelihood - before < _TOLERANCE:
            break
        before = likelihood
    covariances = d * (d + 1) / 2 * (1 if tied else K)
    parameters = K * d + K - 1 + covariances
    return Mixture(R, -2 * likelihood + parameters * np.log(m) / m)


def _cholesky(covariance: np.ndarray, floor: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.cholesky(covariance + floor)
    except np.linalg.LinAlgError:  # rounding has made a very small variance negative
        values, vectors = np.linalg.eigh(covariance)
        positive = np.einsum("kij,kj,klj->kil", vectors, np.maximum(values, 0), vectors)
        return np.linalg.cholesky(positive + floor)


def merged_components(mixture: Mixture, counts: Sequence[int]) -> dict[int, np.ndarray]:
    """Labels after merging the components that overlap most, for each requested number of clusters.

    References
    ----------
    Baudry, Raftery, Celeux, Lo and Gottardo, *Combining mixture components for clustering*, JCGS 19 (2010).
    """
    R = mixture.responsibilities.copy()
    wanted, cuts = set(counts), {}
    while R.shape[1] > 1:
        K = R.shape[1]
        own = _entropy(R).sum(axis=0)
        gain = np.full((K, K), -np.inf)
        for k in range(K - 1):
            both = R[:, k : k + 1] + R[:, k + 1 :]
            # the decrease of the assignment's entropy, per row moved, since otherwise only large components
            # would be merged
            loss = own[k] + own[k + 1 :] - _entropy(both).sum(axis=0)
            gain[k, k + 1 :] = loss / both.sum(axis=0).clip(1e-9)
        k, j = divmod(int(np.argmax(gain)), K)
        R[:, k] += R[:, j]
        R = np.delete(R, j, axis=1)
        if K - 1 in wanted:
            cuts[K - 1] = np.unique(R.argmax(axis=1), return_inverse=True)[1]
    return cuts


def _entropy(p: np.ndarray) -> np.ndarray:
    return -p * np.log(np.maximum(p, 1e-12))
