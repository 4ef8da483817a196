"""What the experts behind a posterior say, and their sums."""

import numpy as np
import pytest
import torch

from activeclust.pfn import inference
from activeclust.pfn.experts import EXPERTS, weighted
from activeclust.pfn.inference import Session, load_network
from activeclust.views.views import make_views


@pytest.fixture(scope="module")
def session():
    rng = np.random.default_rng(0)
    X = 3.0 * np.eye(3)[np.arange(90) % 3] + rng.normal(size=(90, 3))
    return Session(make_views(X), load_network(), torch.device("cpu"))


ROWS, CODES = np.arange(10, 22), np.arange(12) % 3
WEIGHTS = torch.as_tensor(np.random.default_rng(1).dirichlet(np.ones(len(EXPERTS)), 4).T).float()


def test_the_network_is_the_last_expert(session):
    at = np.arange(40, 60)
    told = session.experts(ROWS, CODES, at)
    assert EXPERTS[-1] == "network" and told.log_probability.shape == (20, 3, len(EXPERTS))
    known = session.posterior(ROWS, CODES).known[at]
    np.testing.assert_allclose(told.log_probability[..., -1].exp(), known, atol=1e-3)
    np.testing.assert_allclose(told.log_probability[..., 0].exp().sum(1), 1.0, atol=1e-2)


@pytest.mark.parametrize("chunk", [4_000_000, 1])
def test_sums_are_of_all_rows_whatever_the_chunks(session, monkeypatch, chunk):
    monkeypatch.setattr(inference, "_CHUNK_ELEMENTS", chunk)
    asked = []
    out = session.posterior(ROWS, CODES, lambda told: asked.append(told) or WEIGHTS).experts
    assert asked == [out.told] and out.weights is WEIGHTS
    at = np.setdiff1d(np.arange(90), ROWS)
    opinions = session.experts(ROWS, CODES, at).log_probability
    np.testing.assert_allclose(out.sums[at], weighted(opinions, WEIGHTS), atol=1e-4)
    products, mixtures = opinions @ WEIGHTS[:, :2], opinions.exp() @ WEIGHTS[:, 2:]
    np.testing.assert_allclose(out.sums[at], torch.cat([products, mixtures], 2), atol=1e-4)


def test_anchors_that_are_alone_in_their_cluster_are_named(session):
    told = session.experts(np.array([1, 4, 5]), np.array([0, 0, 1]), np.arange(50, 60))
    assert told.alone.tolist() == [False, False, True]


def test_where_every_row_is_an_anchor_the_anchors_are_the_sample(session):
    out = session.posterior(np.arange(90), np.arange(90) % 3, lambda told: WEIGHTS)
    assert out.experts.told.rows.tolist() == list(range(90))
    assert torch.isfinite(out.experts.told.log_probability).all()
