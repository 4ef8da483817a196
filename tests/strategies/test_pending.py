"""Rows that somebody is being asked about count as covered: no strategy that covers asks about their twins."""

from __future__ import annotations

import numpy as np
import pytest

from activeclust import strategies
from activeclust.strategy import PoolState
from activeclust.testing.strategies import make_state

#: all but random draws, and coverage, whose radius is not defined with two places
SPREADS = sorted(set(strategies.builtin_names()) - {"random", "coverage"})


def two_places() -> PoolState:
    """No anchor yet; rows 0 to 11 are one place, rows 12 to 19 another one at a right angle."""
    points = np.zeros((20, 4), np.float32)
    points[:12, 0] = points[12:, 1] = 1.0
    near = np.array([[j for j in (range(12) if i < 12 else range(12, 20)) if j != i][:5] for i in range(20)])
    return PoolState(
        posterior=np.empty((20, 0)),
        new_cluster_proba=np.ones(20),
        views={"pca": points, "diffusion": points},
        neighbors=near,
        density=np.ones(20),
        anchors=np.empty(0, np.intp),
        anchor_codes=np.empty(0, np.intp),
        candidates=np.arange(20),
    )


@pytest.mark.parametrize("name", SPREADS)
@pytest.mark.parametrize(("held", "other"), [(3, range(12, 20)), (15, range(12))])
def test_the_next_question_is_at_the_other_place(name, held, other):
    state = two_places().with_pending([held])
    picks = {int(strategies.get(name)(state, 1, np.random.default_rng(seed))[0]) for seed in range(20)}
    assert picks <= set(other), f"row {held} is being asked about, and {sorted(picks)} are asked beside it"


@pytest.mark.parametrize("seed", range(5))
def test_a_pending_row_covers_as_an_anchor_does(seed):
    answered = make_state(anchors=(3, 31, 50), seed=seed)
    held = make_state(anchors=(3, 31), seed=seed).with_pending([50])
    choices = [
        strategies.get("coverage")(s, 4, np.random.default_rng(seed)).tolist() for s in (answered, held)
    ]
    assert choices[0] == choices[1]


def test_pending_rows_are_answered_by_the_best_guess():
    state = PoolState(
        posterior=np.array([[0.7, 0.3], [0.2, 0.8], [0.5, 0.5], [0.6, 0.4], [1.0, 0.0]]),
        new_cluster_proba=np.array([0.1, 0.1, 0.9, 0.2, 0.0]),
        views={},
        neighbors=np.zeros((5, 0), int),
        density=np.ones(5),
        anchors=np.array([4]),
        anchor_codes=np.array([0]),
        candidates=np.array([0, 1, 2]),  # row 3 was skipped
    )
    seen = state.with_pending([0, 1, 2, 3, 4])
    assert seen.pending.tolist() == [0, 1, 2]
    assert seen.covered.tolist() == [4, 0, 1, 2]
    assert seen.candidates.tolist() == []
    assert seen.full_posterior[[0, 1]].tolist() == [[1, 0, 0], [0, 1, 0]]
    assert np.allclose(seen.full_posterior[2], [0.05, 0.05, 0.9]), "a new cluster stays open"
    assert np.allclose(seen.full_posterior[3], state.full_posterior[3])
    assert state.pending.tolist() == []
    assert state.posterior[0, 0] == 0.7
    assert state.with_pending([]) is state


def test_what_people_hold_is_what_a_loop_would_have_asked():
    """Held rows, one after the other, cover as well as the same rows would in one batch."""
    state = make_state(n_rows=80, anchors=(), n_clusters=8, seed=2)
    together = strategies.get("herding")(state, 6, np.random.default_rng(0)).tolist()
    one_by_one: list[int] = []
    for _ in range(6):
        seen = state.with_pending(one_by_one)
        one_by_one += strategies.get("herding")(seen, 1, np.random.default_rng(0)).tolist()
    assert one_by_one == together


def test_propose_counts_what_is_held(make):
    loop = make(None, strategy="herding")
    first = loop.propose(1)
    again = loop.propose(4, without=first)
    assert loop.propose(5) == first + again, "what is held and what is next are together the batch"


def test_propose_counts_what_another_person_holds(make):
    loop = make(None, strategy="herding")
    five = loop.propose(5)
    loop.stored.lease(five[:2], 2, "ann", 60.0)
    assert loop.propose(3) == five[2:]
