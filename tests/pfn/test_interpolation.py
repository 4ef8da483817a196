"""Interpolation gives what its formulas say, on plain rows and where rounding makes a kernel indefinite."""

import numpy as np
import pytest
import torch

from activeclust.pfn import anchor_set
from activeclust.pfn.anchor_set import AnchorSet
from activeclust.pfn.basis import Basis
from activeclust.pfn.kernels import KERNELS
from activeclust.pfn.rules.interpolation import Interpolation
from activeclust.views.views import make_views

KINDS = ("refined_near", "white", "linear", "sphere")


@pytest.fixture(scope="module", params=["plain", "islands"])
def setting(request):
    """150 rows, 90 of them anchors, and whether they are in groups of five that are very far from each other."""
    rng, islands = np.random.default_rng(0), request.param == "islands"
    X = np.repeat(rng.normal(size=(30, 8)) * 1e5, 5, 0) * islands + rng.normal(size=(150, 8))
    return Basis(make_views(X)), torch.as_tensor(rng.permutation(150)[:90]), islands


def kernel(anchors, name):
    return KERNELS[name].between(anchors, anchors.rows).double().numpy()


def test_without_further_anchors(setting):
    basis, rows, islands = setting
    anchors = AnchorSet(basis, rows, torch.arange(90) % 3)
    Y, indefinite = np.eye(3)[np.arange(90) % 3], []
    for name in KINDS:
        K = kernel(anchors, name)
        A = K + 0.1 * K.diagonal().mean() * np.eye(90)
        inverse = np.linalg.inv(A)
        indefinite.append(np.linalg.eigvalsh((A + A.T) / 2)[0] < 0)
        fitted = Interpolation("gp", name).fit(anchors, {})
        np.testing.assert_allclose(fitted.weights, inverse @ Y, rtol=1e-3, atol=1e-4)
        left_out = Y - inverse @ Y / np.maximum(inverse.diagonal(), 1e-9)[:, None]
        np.testing.assert_allclose(fitted.left_out, left_out, rtol=1e-3, atol=1e-4)
    assert any(indefinite) == islands


def test_with_more_anchors_than_centres(setting, monkeypatch):
    basis, rows, islands = setting
    monkeypatch.setattr(anchor_set, "MOST_CENTRES", 60)
    anchors = AnchorSet(basis, rows, torch.arange(90) % 3)
    Y, at, indefinite = np.eye(3)[np.arange(90) % 3], anchors.centres.numpy(), []
    for name in KINDS:
        beside = kernel(anchors, name)
        K, Y_m = beside[at], Y[at]
        scale = K.diagonal().mean()
        A = 0.1 * scale * (K + 1e-4 * scale * np.eye(60)) + beside.T @ beside
        indefinite.append(np.linalg.eigvalsh((A + A.T) / 2)[0] < 0)
        weights = np.linalg.solve(A, beside.T @ Y)
        own = (K * np.linalg.solve(A, K.T).T).sum(1, keepdims=True)
        left_out = (K @ weights - own * Y_m) / np.maximum(1 - own, 1e-3)
        fitted = Interpolation("gp", name).fit(anchors, {})
        tolerance = {"rtol": 5e-3, "atol": 5e-3 * np.abs(weights).max()}
        np.testing.assert_allclose(K @ fitted.weights.numpy(), K @ weights, rtol=1e-2, atol=1e-3)
        np.testing.assert_allclose(fitted.weights, weights, **tolerance)
        np.testing.assert_allclose(fitted.left_out, left_out, rtol=1e-2, atol=1e-3)
    assert any(indefinite) == islands
