"""What speaks for each rule: the features, worked anew from what the rules say, and the function that reads them."""

import numpy as np
import pytest
import torch

from activeclust.pfn.anchor_set import AnchorSet
from activeclust.pfn.basis import Basis
from activeclust.pfn.evidence import PAIR_FEATURES, RULE_NAMES, SPEAKS_FOR, TASK_FEATURES, Evidence
from activeclust.pfn.model import PFN
from activeclust.views.views import make_views


def of_task(evidence, what):
    return np.array([float(evidence.task[TASK_FEATURES.index(f"{what}:{name}")]) for name in RULE_NAMES])


def probabilities(features):
    """(rules, C, b) of pair features (b, C, features)."""
    at = [PAIR_FEATURES.index(f"probability:{name}") for name in RULE_NAMES]
    return np.exp(features.pair[..., at].permute(2, 1, 0).double().numpy())


@pytest.fixture(scope="module")
def evidence():
    """Three overlapping clusters, anchors 1, 2 and 4 of them, two of them among the first rows."""
    rng = np.random.default_rng(0)
    y = np.arange(240) % 3
    views = make_views(2.0 * np.eye(5)[y] + rng.normal(size=(240, 5)))
    rows = torch.tensor([3, 40, 150, 160, 170, 180, 190])
    return Evidence(Basis(views), rows, torch.tensor([0, 1, 1, 2, 2, 2, 2]))


def test_agreement_confidence_and_balance_are_those_of_the_first_rows_without_the_anchors(evidence):
    rows = np.setdiff1d(np.arange(128), [3, 40])
    P = probabilities(evidence.at(torch.as_tensor(rows)))
    mean = P.mean(0)
    shares = P.mean(2)
    entropy = -(shares * np.log(shares)).sum(1) / np.log(3)
    agreement = (P * mean).sum(1).mean(1) / (mean**2).sum(0).mean()
    np.testing.assert_allclose(of_task(evidence, "agreement"), agreement, atol=2e-3)
    np.testing.assert_allclose(of_task(evidence, "confidence"), P.max(1).mean(1), atol=2e-3)
    np.testing.assert_allclose(of_task(evidence, "balance"), entropy, atol=2e-3)
    assert np.ptp(agreement) > 0.1 and np.ptp(entropy) > 0.05  # rules differ here


def test_left_out_anchors_are_told_among_clusters_that_have_another(evidence):
    P = probabilities(evidence.at_anchors())
    codes = np.array([0, 1, 1, 2, 2, 2, 2])
    own = P[:, codes, np.arange(7)]
    np.testing.assert_allclose(of_task(evidence, "left out"), own.mean(1), atol=1e-4)
    np.testing.assert_allclose(of_task(evidence, "left out, log"), np.log(own).mean(1) / 8, atol=1e-4)
    told = (P.argmax(1) == codes)[:, 1:].sum(1) / 7  # of six anchors, with one more that tells nothing
    np.testing.assert_allclose(of_task(evidence, "told"), told, atol=1e-6)
    likelihood = np.log(own)[:, 1:].sum(1)  # the first anchor is alone in its cluster
    relative = np.maximum(likelihood - likelihood.max(), -60) / 10
    np.testing.assert_allclose(of_task(evidence, "likelihood"), relative, atol=2e-3)
    assert relative.max() == 0 and relative.min() < -0.5


def test_the_likelihood_says_nothing_where_every_anchor_is_alone_in_its_cluster(evidence):
    alone = Evidence(evidence.anchors.basis, torch.tensor([3, 40, 150]), torch.tensor([0, 1, 2]))
    assert (of_task(alone, "likelihood") == 0).all()


def test_one_function_reads_the_evidence_of_all_rules(evidence):
    torch.manual_seed(0)
    standing = PFN().standing
    for part in standing.parameters():
        torch.nn.init.normal_(part, std=0.5)
    task = evidence.task[None].clone()
    before = standing(task)
    assert before.std() > 0.05
    i, j = RULE_NAMES.index("gp_sharp"), RULE_NAMES.index("soft_angle")
    task[0, list(SPEAKS_FOR[i])], task[0, list(SPEAKS_FOR[j])] = (
        evidence.task[list(SPEAKS_FOR[j])],
        evidence.task[list(SPEAKS_FOR[i])],
    )
    with torch.no_grad():
        standing.names[[i, j]] = standing.names[[j, i]]
    after = standing(task)
    torch.testing.assert_close(after[0, i], before[0, j])
    torch.testing.assert_close(after[0, j], before[0, i])
    others = [r for r in range(len(RULE_NAMES)) if r not in (i, j)]
    torch.testing.assert_close(after[0, others], before[0, others])


def test_a_coordinate_that_tells_the_clusters_apart_is_relevant():
    rng = np.random.default_rng(1)
    y = np.arange(200) % 2
    X = rng.normal(size=(200, 6)) * np.array([9.0, 1, 1, 1, 1, 1])  # the strongest direction tells nothing
    X[:, 1] += 4.0 * y
    views = make_views(X)
    of = np.empty(200, dtype=int)
    of[views.inverse] = y
    rows = torch.arange(30)
    anchors = AnchorSet(Basis(views), rows, torch.as_tensor(of[:30]))
    told = np.abs([np.corrcoef(views.pca[:, a], of)[0, 1] for a in range(6)]).argmax()
    assert anchors.relevance.argmax() == told
    assert anchors.relevance[told] > 2 * anchors.relevance.median()
    pair = torch.as_tensor([int(np.flatnonzero(of == c)[0]) for c in (0, 1)])
    assert (
        AnchorSet(Basis(views), pair, torch.tensor([0, 1])).relevance == 1
    ).all()  # one each tells nothing
