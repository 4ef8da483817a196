"""Gaussians from soft assignments: the density of SciPy's normal distribution, and exact leaving-out."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from activeclust.pfn.gaussians import Gaussians, products

_SHRINK = 0.5


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [40, 25, 60])
    X = rng.normal(size=(125, 4)) * [1.0, 2.0, 0.5, 1.0] + 3.0 * np.eye(4)[y]
    P = rng.dirichlet([0.3] * 3, 125) * 0.3 + 0.7 * np.eye(3)[y]
    return (
        torch.as_tensor(X, dtype=torch.float32),
        torch.as_tensor(P, dtype=torch.float32),
        torch.as_tensor(y),
    )


def covariances(X: np.ndarray, P: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares, means and shrunk covariances, row by row."""
    weight = P.sum(0)
    means = P.T @ X / weight[:, None]
    scatter = np.stack([(P[:, c, None] * (X - m)).T @ (X - m) for c, m in enumerate(means)])
    pooled, extra = scatter.sum(0) / weight.sum(), _SHRINK * X.shape[1]
    shrunk = (scatter + extra * pooled) / (weight + extra)[:, None, None]
    return weight / weight.sum(), means, shrunk


def test_log_density_is_that_of_the_shrunk_mixture(rows):
    X, P, _ = rows
    share, means, covariance = covariances(X.double().numpy(), P.double().numpy())
    ridge = 1e-3 * X.double().numpy().var(axis=0).mean()
    expected = np.stack(
        [
            np.log(share[c]) + multivariate_normal(means[c], covariance[c] + ridge * np.eye(4)).logpdf(X)
            for c in range(3)
        ],
        axis=1,
    )
    found, _ = Gaussians.fit(products(X), P.T[None]).log_density(products(X))
    np.testing.assert_allclose(found[0].T.numpy(), expected, atol=2e-3)


def test_sets_do_not_hear_of_each_other(rows):
    X, P, _ = rows
    F, other = products(X), P.flip(1).T
    both, _ = Gaussians.fit(F, torch.stack([P.T, other])).log_density(F)
    alone, _ = Gaussians.fit(F, other[None]).log_density(F)
    torch.testing.assert_close(both[1], alone[0])


def test_a_row_left_out_is_a_fit_without_it_but_for_the_pooled_part(rows):
    """The pooled covariance keeps the row; with many rows that is a small difference."""
    X, _, y = rows
    onehot = torch.nn.functional.one_hot(y).float()
    F = products(X)
    without, _ = Gaussians.fit(F, onehot.T[None]).log_density_left_out(F, y)
    for i in (0, 50, 124):
        kept = torch.arange(len(X)) != i
        refit, _ = Gaussians.fit(F[kept], onehot[kept].T[None]).log_density(F[i : i + 1])
        torch.testing.assert_close(without[0, y[i], i], refit[0, y[i], 0], atol=0.05, rtol=0.01)


def test_a_cluster_of_one_row_has_nothing_left(rows):
    X, _, _ = rows
    y = torch.zeros(len(X), dtype=torch.long)
    y[3] = 1
    onehot = torch.nn.functional.one_hot(y).float()
    F = products(X)
    without, far = Gaussians.fit(F, onehot.T[None]).log_density_left_out(F, y)
    assert torch.isfinite(without).all()
    assert torch.isfinite(far).all()
    assert without[0, 1, 3] < without[0, 0, 3]
