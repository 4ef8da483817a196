"""Beyond a stated number of anchors kernels are taken to some of them, and nothing grows with the square of all."""

import numpy as np
import pytest
import torch

from activeclust.pfn import anchor_set
from activeclust.pfn.anchor_set import AnchorSet
from activeclust.pfn.basis import Basis
from activeclust.pfn.evidence import RULE_NAMES, Evidence
from activeclust.pfn.inference import Session, load_network
from activeclust.pfn.rules.interpolation import Interpolation
from activeclust.views.views import make_views


@pytest.fixture(scope="module")
def setting():
    """Views of 300 rows in five overlapping clusters, their clusters, and 120 anchors."""
    rng = np.random.default_rng(0)
    y = np.arange(300) % 5
    views = make_views(3.0 * rng.normal(size=(5, 8))[y] + 1.5 * rng.normal(size=(300, 8)))
    of = np.empty(300, dtype=int)
    of[views.inverse] = y
    return views, of, rng.choice(300, 120, replace=False)


@pytest.fixture
def few_centres(monkeypatch):
    monkeypatch.setattr(anchor_set, "MOST_CENTRES", 40)


def test_centres_are_spread_over_the_clusters_whatever_the_order_of_the_answers(setting, few_centres):
    views, of, rows = setting
    basis = Basis(views)
    anchors = AnchorSet(basis, torch.as_tensor(rows), torch.as_tensor(of[rows]))
    assert anchors.m == 40 and torch.bincount(anchors.centre_codes).tolist() == [8] * 5
    turned = rows[::-1].copy()
    other = AnchorSet(basis, torch.as_tensor(turned), torch.as_tensor(of[turned]))
    assert set(other.centre_rows.tolist()) == set(anchors.centre_rows.tolist())


def test_a_cluster_with_few_anchors_keeps_all_of_them(setting, few_centres):
    views, _, rows = setting
    codes = np.where(np.arange(120) < 3, 1, 0)
    anchors = AnchorSet(Basis(views), torch.as_tensor(rows), torch.as_tensor(codes))
    assert torch.bincount(anchors.centre_codes).tolist() == [37, 3]


def test_regression_on_all_centres_is_interpolation(setting):
    views, of, rows = setting
    anchors = AnchorSet(Basis(views), torch.as_tensor(rows), torch.as_tensor(of[rows]))
    rule = Interpolation("gp", "refined_far")
    exact = rule.fit(anchors, {})
    regressed = rule._regressed(anchors)
    relations = anchors.relations(torch.arange(300))
    torch.testing.assert_close(regressed.at(relations).score, exact.at(relations).score, atol=2e-3, rtol=2e-3)
    torch.testing.assert_close(regressed.left_out, exact.left_out, atol=2e-3, rtol=2e-3)


def test_labels_beyond_the_centres_count(setting, few_centres):
    """All anchors' labels enter the interpolation: with only the centres' it would be another one."""
    views, of, rows = setting
    basis = Basis(views)
    index = RULE_NAMES.index("gp_pca")
    at = torch.as_tensor(np.setdiff1d(np.arange(300), rows))
    anchors = AnchorSet(basis, torch.as_tensor(rows), torch.as_tensor(of[rows]))
    kept = anchors.centre_rows
    all_of_them = Evidence(basis, torch.as_tensor(rows), torch.as_tensor(of[rows])).at(at).pair[..., index]
    centres_alone = Evidence(basis, kept, torch.as_tensor(of)[kept]).at(at).pair[..., index]
    right = [float((s.argmax(1).numpy() == of[at]).mean()) for s in (all_of_them, centres_alone)]
    assert right[0] >= right[1] and not torch.allclose(all_of_them, centres_alone, atol=0.02)


def test_posterior_and_attention_with_few_centres(setting, few_centres):
    views, of, rows = setting
    session = Session(views, load_network(), torch.device("cpu"))
    at = np.setdiff1d(np.arange(300), rows)
    posterior = session.posterior(rows, of[rows])
    assert (posterior.known.argmax(1)[at] == of[at]).mean() > 0.85
    shares = session.attention(rows, of[rows], at[:7])
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
    assert (shares.sum(0) > 0).sum() == 40


def test_regression_does_not_amplify_what_is_rounded_off(monkeypatch):
    """Another processor rounds kernels otherwise, by parts in ten million; what is said stays the same."""
    from activeclust.pfn import kernels
    from activeclust.pfn.rules import interpolation

    rng = np.random.default_rng(1)
    y = np.arange(1500) % 4
    views = make_views(np.eye(4, 6)[y] * 6 + rng.normal(size=(1500, 6)))
    rows = torch.arange(0, 1400)
    codes = torch.as_tensor((views.pca[:1400, 0] > 0).astype(int))
    monkeypatch.setattr(anchor_set, "MOST_CENTRES", 300)
    anchors = AnchorSet(Basis(views), rows, codes)

    class Shaken:
        """A kernel whose values are rounded otherwise."""

        def __init__(self, kernel):
            self.kernel, self.noise = kernel, torch.Generator().manual_seed(0)

        def between(self, anchors, at):
            K = self.kernel.between(anchors, at)
            return K * (1 + 2e-7 * (torch.rand(K.shape, generator=self.noise) - 0.5))

    for name in ("pca", "linear", "refined_near"):
        K = kernels.KERNELS[name].between(anchors, torch.arange(1500))
        plain = Interpolation("gp", name).fit(anchors, {}).weights
        with monkeypatch.context() as patch:
            patch.setattr(interpolation, "KERNELS", {name: Shaken(kernels.KERNELS[name])})
            shaken = Interpolation("gp", name).fit(anchors, {}).weights
        torch.testing.assert_close(K @ plain, K @ shaken, atol=2e-4, rtol=0)
