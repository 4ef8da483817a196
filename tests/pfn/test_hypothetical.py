"""Many hypothetical answers in one pass say what each says alone."""

import numpy as np
import pytest

from activeclust import ActiveLoop, LabelOracle, PFNClusterer
from activeclust.strategies import get
from activeclust.strategies.look_ahead import expected_errors
from activeclust.strategy import one_by_one


@pytest.fixture(scope="module")
def state():
    rng = np.random.default_rng(0)
    codes = rng.integers(3, size=120)
    X = rng.normal(size=(120, 3)) + 5 * np.eye(3)[codes]
    X[100:] = X[:20]  # equal rows are one row to the network
    codes[100:] = codes[:20]
    loop = ActiveLoop(
        X, LabelOracle(codes), clusterer=PFNClusterer(device="cpu"), strategy="random", random_state=0
    )
    loop.run(budget=7)
    return loop.state


def test_one_pass_equals_one_pass_each(state):
    C = state.n_clusters
    rows = state.candidates[[0, 5, 5, 40, -1, -1]]
    codes = np.array([0, 1, C, C, 2 % C, C])
    at = np.arange(0, 120, 7)
    together = state.hypothetical(rows, codes, at)
    alone = one_by_one(state.refit, C)(rows, codes, at)
    assert together.shape == (6, len(at), C + 2)
    np.testing.assert_allclose(together.sum(axis=2), 1.0, atol=1e-3)
    np.testing.assert_allclose(together, alone, atol=2e-3)
    assert (together[[0, 1, 4], :, C] == 0).all() and (together[[2, 3, 5], :, C] > 0).any(axis=1).all()


def test_parts_equal_the_whole(state, monkeypatch):
    from activeclust.pfn import hypothetical

    rows, codes, at = state.candidates[:9], np.arange(9) % (state.n_clusters + 1), np.arange(50)
    whole = state.hypothetical(rows, codes, at)
    monkeypatch.setattr(hypothetical, "_ELEMENTS", 1)
    np.testing.assert_allclose(state.hypothetical(rows, codes, at), whole, atol=1e-4)


def test_look_ahead_takes_the_answers_that_leave_the_fewest_errors(state):
    rng = np.random.default_rng(3)
    picks = get("look_ahead")(state, 3, rng)
    others = rng.choice(np.setdiff1d(state.candidates, picks), 12, replace=False)
    judged = np.arange(state.n_rows)
    assert expected_errors(state, picks, judged).mean() < expected_errors(state, others, judged).mean()
