"""Stop rules, the signals they read, and the audit they are held against."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activeclust.errors import InvalidInput
from activeclust.stopping import converged, estimate, expected_gain, parse_stop
from activeclust.testing.strategies import make_state


def steady(rounds: int, batch: int, kappa: float = 0.995) -> list[dict]:
    return [{"budget": batch * i, "agreement": kappa, "clusters": 4} for i in range(rounds)]


def test_converged_needs_a_window_of_answers_whatever_the_batch_size():
    fires = {
        batch: next(r for r in range(200) if converged(steady(r, batch, 0.9995))) for batch in (1, 5, 20)
    }
    answers = {batch: batch * (rounds - 1) for batch, rounds in fires.items()}
    assert answers == {1: 15, 5: 15, 20: 60}  # three rounds of 20


def test_converged_wants_the_change_summed_over_the_window():
    assert converged(steady(5, 5, 0.992))
    assert not converged(steady(5, 5, 0.98))
    assert not converged(steady(30, 1, 0.995))  # 15 answers that each change half a percent


def test_converged_waits_for_new_clusters_to_settle_and_for_scores():
    rounds = steady(8, 5)
    rounds[-1] = rounds[-1] | {"clusters": 5}
    assert not converged(rounds)
    rounds = steady(8, 5)
    rounds[-2] = rounds[-2] | {"agreement": None}
    assert not converged(rounds)
    assert not converged([])


def test_accuracy_must_last_two_rounds():
    stop = parse_stop("accuracy=0.95")
    rounds = [{"budget": 5 * i, "expected_accuracy": a} for i, a in enumerate([None, 0.96, 0.94, 0.95, 0.97])]
    assert [stop(rounds[:i]) for i in range(6)] == [False] * 5 + [True]


def test_several_rules_fire_with_the_first():
    stop = parse_stop("converged, gain=0.01")
    assert stop(steady(5, 5))
    assert stop([{"budget": b, "expected_gain": 0.009} for b in (5, 10)])
    assert not stop([{"budget": b, "expected_gain": 0.02} for b in (5, 10)])


@pytest.mark.parametrize(
    "text", ["", "convergd", "accuracy", "accuracy=", "accuracy=95", "accuracy=x", "converged=1"]
)
def test_rules_that_do_not_exist_are_named(text):
    with pytest.raises(InvalidInput, match=r"accuracy=0\.95"):
        parse_stop(text)


def test_expected_gain_falls_as_the_batch_repeats_what_is_known():
    state = make_state()
    assert expected_gain(state, np.array([], int)) == 0
    assert expected_gain(state, state.anchors) == 0
    assert expected_gain(make_state(anchors=()), np.array([5])) > expected_gain(state, np.array([5]))


@settings(deadline=None)  # the first call imports scipy.stats
@given(st.integers(1, 400), st.data())
def test_the_interval_holds_the_estimate_and_stays_a_share(asked, data):
    right = data.draw(st.integers(0, asked))
    answered = data.draw(st.integers(0, 1000))
    audit = estimate(right, asked, rows=2000, answered=answered)
    assert 0 <= audit.low <= audit.accuracy <= audit.high <= 1
    assert audit.low >= answered / 2000 - 1e-12


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng, truth = np.random.default_rng(0), 0.9
    audits = [estimate(int(rng.binomial(50, truth)), 50, rows=10**9) for _ in range(1000)]
    assert 0.93 < np.mean([a.low <= truth <= a.high for a in audits]) < 0.985


def test_an_estimate_from_nothing_is_refused():
    with pytest.raises(InvalidInput, match="one or more asked"):
        estimate(0, 0, rows=10)
