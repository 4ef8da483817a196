"""The rules and the network as experts of the consensus."""

import numpy as np
import pytest
import torch

from activeclust.pfn.experts import EXPERTS, ExpertEvidence
from activeclust.pfn.inference import Session, load_network
from activeclust.views.views import make_views
from activeclust.zeroshot.consensus.experts import expert_support, skill
from activeclust.zeroshot.consensus.network import load_consensus
from tests.support.partitions import made, tensors

NETWORK = load_consensus().model


def said(rng, y, right, alone=()):
    """An expert for each share in ``right``: how often it is right about (sure) rows and left-out anchors."""
    n, C, E = len(y), int(y.max()) + 1, len(EXPERTS)
    shares = np.array([*right, *[1 / C] * (E - len(right))])
    hit = rng.random((n, E)) < shares
    guess = np.where(hit, y[:, None], (y[:, None] + rng.integers(1, C, (n, E))) % C)
    p = np.full((n, C, E), 0.1 / (C - 1))
    np.put_along_axis(p, guess[:, None], 0.9, axis=1)
    anchors = np.arange(0, n, 7)
    left_out = p[anchors, y[anchors]]
    told = ExpertEvidence(
        *tensors(np.arange(n), np.log(p).astype(np.float32), np.log(left_out).astype(np.float32)),
        *tensors(left_out > 0.5, np.isin(anchors, alone)),
    )
    return told, *tensors(anchors, y[anchors])


def test_an_expert_is_supported_by_the_anchors_that_it_predicts_when_they_are_left_out():
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 30)
    told, rows, codes = said(rng, y, [1.0, 0.0, 0.7])
    some = made(rng.permutation(y), rng.permutation(y))
    experts = expert_support(some, rows, codes, told)
    np.testing.assert_allclose(experts.log_likelihood[:2], [0, 9 * np.log(0.1 / 0.9)], rtol=1e-4)
    assert 0 > experts.log_likelihood[2] > experts.log_likelihood[1]
    weights = NETWORK.expert_weights(experts)
    np.testing.assert_allclose(weights.sum(0).detach(), 1.0, rtol=1e-5)
    assert weights[0].sum() > 2 * weights[1].sum()
    one = torch.zeros(len(EXPERTS))
    one[0] = 1.0
    assert float(skill(experts, one)[1]) == pytest.approx(0.9)
    assert float(skill(experts, one)[2]) == 1.0


def test_anchors_that_are_alone_in_their_cluster_do_not_count():
    rng = np.random.default_rng(1)
    y = np.tile([0, 1], 30)
    told, rows, codes = said(rng, y, [1.0, 0.0], alone=np.arange(0, 60, 7))
    experts = expert_support(made(y), rows, codes, told)
    assert experts.log_likelihood.abs().max() == 0
    assert len(experts.left_out) == 0


def test_an_expert_whose_clusters_are_those_of_a_likely_partition_is_supported():
    rng = np.random.default_rng(2)
    y = rng.permutation(np.repeat([0, 1], 30))
    told, rows, codes = said(rng, y, [1.0], alone=np.arange(0, 60, 7))
    some = made(y, rng.permutation(y), probability=[0.9, 0.1])
    experts = expert_support(some, rows, codes, told)
    # information with candidates by their weight given the anchors, before them, and the largest
    for column in (8, 9, 10):
        others = experts.features[1:, column]
        assert experts.features[0, column] > others.amax() + 0.1
    assert float(experts.features[0, 10]) == pytest.approx(0.53, abs=0.02)  # 1 bit, less the entropy of 0.9
    guessing, *_ = said(rng, y, [0.5], alone=np.arange(0, 60, 7))
    weights, without = (
        NETWORK.expert_weights(expert_support(some, rows, codes, evidence))[0]
        for evidence in (told, guessing)
    )
    assert weights.sum() > 2 * without.sum()


def test_an_expert_is_asked_about_anchors_as_if_they_had_no_answer():
    rng = np.random.default_rng(3)
    y = np.repeat([0, 1, 2], 30)
    views = make_views(9.0 * np.eye(3)[y] + rng.normal(size=(90, 3)))
    truth = y[views.first]
    rows = np.sort(
        np.concatenate([rng.choice(np.flatnonzero(truth == c), 3, replace=False) for c in range(3)])
    )
    codes = truth[rows]
    wrong = codes.copy()
    wrong[0] = (wrong[0] + 1) % 3
    session = Session(views, load_network(), torch.device("cpu"))
    at = np.setdiff1d(np.arange(90), rows)[:20]
    clean, mistaken = (session.experts(rows, answers, at) for answers in (codes, wrong))
    rules = slice(0, len(EXPERTS) - 1)
    assert clean.right[:, rules].float().mean() > 0.95
    assert mistaken.right[0, rules].float().mean() < 0.3
    assert clean.left_out[:, -1].exp().mean() > 0.9  # the network
    assert mistaken.left_out[0, -1].exp() < 0.5
    assert (clean.log_probability.argmax(1) == torch.as_tensor(truth[at])[:, None]).float().mean() > 0.95
