"""Stop rules, the signals they read, and the audit they are held against."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from pools import on_circle, pool
from sklearn.datasets import make_blobs

from activeclust import SKIP, STOP, UNDO, UNSURE, ActiveLoop, LabelOracle
from activeclust.audit import audit, estimate
from activeclust.cli.audit import audit_command
from activeclust.errors import InvalidInput
from activeclust.loop.stopping import answers_to, converged, expected_gain, expected_interval, parse_stop
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


def test_expected_gain_by_hand():
    # rows at 0 (answered), 90 and 180 degrees, wrong with 0.1, 0.4 and 0.6. Asking about the row at 180 brings
    # it from exp(-4) to 1 and the row at 90 no nearer; k = exp((cos - 1) / 0.5)
    full = [[0.9, 0.05, 0.05], [0.6, 0.2, 0.2], [0.4, 0.3, 0.3]]
    state = pool(full, points=on_circle([0, 90, 180]), anchors=(0,))
    assert expected_gain(state, np.array([2])) == pytest.approx(0.6 * (1 - np.exp(-4)) / 3, rel=1e-5)
    by_90 = 0.4 * (1 - np.exp(-2)) + 0.6 * (np.exp(-2) - np.exp(-4))
    assert expected_gain(state, np.array([1])) == pytest.approx(by_90 / 3, rel=1e-5)


def test_gain_must_stay_small_two_rounds():
    stop = parse_stop("gain=0.01")
    rounds = [{"budget": 5 * i, "expected_gain": g} for i, g in enumerate([None, 0.009, 0.02, 0.01, 0.005])]
    assert [stop(rounds[:i]) for i in range(6)] == [False] * 5 + [True]


def test_an_estimate_by_hand():
    # 45 of 50 with z = 1.96: Wilson's centre (0.9 + z^2 / 100) / (1 + z^2 / 50) = 0.8715, half width 0.0851.
    # A fifth of the rows was answered and counts as right: 0.2 + 0.8 times each.
    result = estimate(45, 50, rows=1000, answered=200)
    assert result.accuracy == pytest.approx(0.2 + 0.8 * 0.9)
    assert result.low == pytest.approx(0.2 + 0.8 * (0.8715 - 0.0851), abs=1e-3)
    assert result.high == pytest.approx(0.2 + 0.8 * (0.8715 + 0.0851), abs=1e-3)
    assert (result.asked, result.right, result.rows, result.answered) == (50, 45, 1000, 200)


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


# --- the audit ----------------------------------------------------------------------------------------


def small_loop(annotator=None, **options) -> ActiveLoop:
    X, y = make_blobs(80, centers=3, cluster_std=2.0, random_state=0)
    loop = ActiveLoop(X, annotator or LabelOracle(y), random_state=0, **options)
    for row in range(6):
        loop.tell(row, int(y[row]))
    return loop


def test_an_audit_judges_the_labels_that_were_there_before_it():
    loop = small_loop()
    before = loop.labels.copy()
    result = audit(loop, 30, random_state=1)
    truth = np.array(loop.annotator.labels)
    asked = [event.row for event in loop.stored.events() if event.details.get("audit")]
    assert len(asked) == len(set(asked)) == result.asked == 30
    assert min(asked) >= 6
    assert result.right == (before[asked] == truth[asked]).sum()
    assert len(loop.anchors) == 36, "the answers of an audit are answers"


def test_an_audit_of_all_rows_is_the_accuracy():
    loop = small_loop()
    accuracy = np.mean(loop.labels == np.array(loop.annotator.labels))
    assert audit(loop, 1000, random_state=0).accuracy == pytest.approx(accuracy)


def test_an_audit_shows_no_suggestions_and_knows_skip_undo_and_stop():
    script = iter([SKIP, 0, UNDO, 1, UNSURE, UNDO, UNDO, 2, STOP])
    seen = []

    def annotator(query):
        seen.append(query)
        return next(script)

    loop = small_loop(annotator)
    result = audit(loop, 10, random_state=3)
    assert result.asked == 1
    assert all(query.suggestions == () for query in seen)
    assert len(loop.anchors) == 7
    rows = [query.row for query in seen]
    assert rows[1] == rows[3] == rows[7], "an undone row is asked again"
    assert rows[2] == rows[4] == rows[6] == rows[8]


def test_an_audit_of_nothing_is_refused():
    X, y = make_blobs(30, centers=2, random_state=0)
    with pytest.raises(InvalidInput, match="at least one answer"):
        audit(ActiveLoop(X, LabelOracle(y), random_state=0))
    with pytest.raises(InvalidInput, match="No row was answered"):
        audit(small_loop(lambda query: STOP))


def test_the_audit_command_reads_the_run_and_prints_the_estimate(tmp_path):
    X, y = make_blobs(60, centers=3, random_state=0)
    np.savez(tmp_path / "rows.npz", X=X, y=y)
    db = str(tmp_path / "runs.db")
    source = str(tmp_path / "rows.npz")
    ActiveLoop(X, LabelOracle(y), store=db, name="mine", random_state=0, source=source).run(6)
    command = ["--name", "mine", "--db", db, "--oracle", "--n", "10", "--json"]
    done = CliRunner().invoke(audit_command, command)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["asked"] == 10


# --- the expected accuracy as an interval, and the forecast ---------------------------------------------


def test_the_interval_is_that_of_independent_rows_where_rows_are_apart():
    confidence = np.full(400, 0.9)
    low, high = expected_interval(confidence, np.eye(400), 1)
    # k is e^-5 between rows at a right angle: 1 + 399 e^-5 in place of 1
    half = 1.96 * np.sqrt(0.09 / 400 * (1 + 399 * np.exp(-5)) + (0.4 * 0.1) ** 2)
    assert (low, high) == pytest.approx((0.9 - half, 0.9 + half), abs=1e-4)


def test_errors_that_go_together_widen_the_interval():
    points = np.repeat(np.eye(4), 50, axis=0)
    low, high = expected_interval(np.full(200, 0.9), points, 1)
    assert high == 1.0
    assert low == pytest.approx(0.9 - 1.96 * np.sqrt(0.09 * (1 + 3 * np.exp(-5)) / 4 + 0.04**2), abs=1e-4)


def test_the_interval_ends_at_what_is_answered_and_begins_with_an_answer():
    assert expected_interval(np.zeros(10), np.eye(10), 0) == (None, None)
    low, high = expected_interval(np.r_[np.ones(8), 0.5, 0.5], np.tile(np.eye(2)[0], (10, 1)), 8)
    assert low == 0.8 and high == 1.0
    assert expected_interval(np.ones(10), np.eye(10), 10) == (1.0, 1.0)


@given(st.floats(0.06, 0.9), st.integers(2, 500))
def test_the_forecast_continues_the_error_as_one_over_the_answers(error, answers):
    rounds = [{"budget": k, "expected_accuracy": 1 - error * answers / k} for k in (answers // 2, answers)]
    told = answers_to(rounds)
    there = error * answers / 0.05
    assert told == max(1, round(there - answers))
    rounds.append({"budget": answers + told, "expected_accuracy": 1 - error * answers / (answers + told + 1)})
    assert answers_to(rounds) == 0 or answers_to(rounds) == 1, "there after so many answers"
    assert answers_to(rounds[:2], goal=0.999 - error) == 0


def test_nothing_is_forecast_from_a_curve_that_does_not_rise_or_is_too_short():
    flat = [{"budget": k, "expected_accuracy": 0.7} for k in (5, 10, 15, 20)]
    assert answers_to(flat) is None
    assert answers_to([{"budget": k, "expected_accuracy": 1 - 2 / k} for k in (10, 15, 19)]) is None
    assert answers_to([]) is None
    assert answers_to([{"budget": 0, "expected_accuracy": None}]) is None
    assert (
        answers_to([{"budget": 0, "expected_accuracy": None}, {"budget": 4, "expected_accuracy": 0.97}]) == 0
    )


def test_every_round_holds_the_interval_and_the_forecast():
    X, y = make_blobs(120, centers=4, cluster_std=2.0, random_state=0)
    history = ActiveLoop(X, LabelOracle(y), random_state=0, batch_size=4).run(budget=40)
    assert history[0].metrics["expected_low"] is None
    for record in history[1:]:
        low, high = record.metrics["expected_low"], record.metrics["expected_high"]
        assert low <= record.metrics["expected_accuracy"] <= high
        assert record.budget / 120 <= low
    assert history[-1].metrics["answers_to_goal"] == answers_to(
        [{"budget": record.budget, **record.metrics} for record in history]
    )
