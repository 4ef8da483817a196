"""Metrics against hand-worked values and against the invariants they must keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activeclust import metrics
from activeclust.errors import InvalidInput

names = st.lists(st.sampled_from(["a", "b", "c", 1, "1"]), min_size=2, max_size=30)


def test_a_perfect_partition_scores_one_everywhere():
    scores = metrics.evaluate([0, 0, 1, 1], [0, 0, 1, 1], np.ones(4))
    assert scores == {"accuracy": 1, "v_measure": 1, "ari": 1, "nmi": 1, "clusters": 2, "ece": 0}


def test_a_partition_that_is_partly_right_by_hand():
    true, pred = list("aaabbb"), list("aabbbb")
    scores = metrics.evaluate(true, pred, np.array([0.9, 0.9, 0.9, 0.9, 0.9, 0.9]))
    # contingency table [[2, 1], [0, 3]]. Pairs together in both 1 + 3, in truth 3 + 3, predicted 1 + 6, of 15:
    # ARI (4 - 6 * 7 / 15) / ((6 + 7) / 2 - 6 * 7 / 15) = 1.2 / 3.7
    # H(true) ln 2 = 0.6931, H(pred) 0.6365, mutual information 0.6931 - 4/6 * 0.5623 = 0.3183
    assert scores["accuracy"] == pytest.approx(5 / 6)
    assert scores["ari"] == pytest.approx(1.2 / 3.7)
    assert scores["v_measure"] == pytest.approx(2 * 0.3183 / (0.6931 + 0.6365), abs=1e-4)
    assert scores["nmi"] == pytest.approx(0.3183 / (0.6931 * 0.6365) ** 0.5, abs=1e-4)
    assert scores["clusters"] == 2
    assert scores["ece"] == pytest.approx(0.9 - 5 / 6)


def test_a_partition_that_says_nothing_has_no_more_than_chance():
    scores = metrics.evaluate(list("abab"), list("aaaa"))
    assert (scores["accuracy"], scores["ari"], scores["v_measure"], scores["nmi"]) == (0.5, 0, 0, 0)
    assert scores["clusters"] == 1


def test_known_rows_and_codes_by_hand():
    assert metrics.known_rows(["a", None, float("nan"), 0, ""]).tolist() == [True, False, False, True, False]
    assert metrics.codes(["b", "a", "b", 1, "1", 1]).tolist() == [0, 1, 0, 2, 3, 2]


def test_the_number_1_and_the_text_1_are_different_clusters():
    scores = metrics.evaluate([1, 1, "1", "1"], [1, 1, 1, 1])
    assert scores["accuracy"] == 0.5
    assert scores["clusters"] == 1


def test_numpy_labels_and_plain_ones_are_the_same_names():
    true = np.array([3, 3, 7])
    assert metrics.evaluate(true, [3, 3, 7])["accuracy"] == 1.0
    assert metrics.evaluate(np.array(["x", "y"]), ["x", "y"])["accuracy"] == 1.0


def test_unknown_and_masked_rows_do_not_count():
    true = ["a", None, "b", "noise"]
    scores = metrics.evaluate(true, ["a", "b", "b", "b"], mask=np.array([1, 1, 1, 0], bool))
    assert scores["accuracy"] == 1.0


def test_nothing_predicted_yet_has_no_score():
    scores = metrics.evaluate(["a", "b"], [None, None], np.zeros(2))
    assert scores == {
        "accuracy": None,
        "v_measure": None,
        "ari": None,
        "nmi": None,
        "clusters": 0,
        "ece": None,
    }


@given(names)
def test_partition_scores_do_not_depend_on_the_names(labels):
    renamed = [f"cluster {metrics.codes(labels)[i]}" for i in range(len(labels))]
    scores = metrics.evaluate(labels, renamed)
    assert scores["ari"] == pytest.approx(1)
    assert scores["v_measure"] == pytest.approx(1)
    assert scores["accuracy"] == 0


@given(names)
def test_agreement_with_itself_is_one(labels):
    assert metrics.agreement(labels, labels) == 1.0


def test_agreement_by_hand():
    # observed 3/4, expected by chance 1/2, so kappa is (3/4 - 1/2) / (1 - 1/2)
    assert metrics.agreement(["a", "a", "b", "b"], ["a", "a", "b", "a"]) == pytest.approx(0.5)
    assert metrics.agreement([None, None], ["a", "b"]) is None


def test_calibration_error_by_hand():
    confidence = np.array([0.55, 0.55, 0.95, 0.95])
    right = np.array([True, False, True, True])
    assert metrics.expected_calibration_error(confidence, right) == pytest.approx((0.1 + 0.1) / 4)


def test_calibration_error_of_a_calibrated_forecast_is_small():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(size=20_000)
    assert metrics.expected_calibration_error(confidence, rng.uniform(size=20_000) < confidence) < 0.02


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.floats(0.1, 9))
def test_area_of_a_curve_lies_between_its_lowest_and_highest_point(heights, step):
    area = metrics.area_under_budget_curve([step * i for i in range(len(heights))], heights)
    assert area is not None
    assert min(heights) - 1e-9 <= area <= max(heights) + 1e-9


def test_area_by_hand():
    # trapezoids over 10, 20 and 50: (10 * 0.6 + 30 * 0.75) / 40
    assert metrics.area_under_budget_curve([0, 10, 20, 50], [None, 0.5, 0.7, 0.8]) == pytest.approx(28.5 / 40)


def test_area_of_one_point_and_of_none():
    assert metrics.area_under_budget_curve([5], [0.25]) == 0.25
    assert metrics.area_under_budget_curve([0, 5], [None, None]) is None


def test_t_interval_is_the_textbook_one():
    interval = metrics.mean_interval([4.0, 5.0, 6.0, 7.0])
    # t(0.975, 3) = 3.18245, standard error 1.290994 / 2
    assert interval.low == pytest.approx(5.5 - 3.18245 * 1.290994 / 2, abs=1e-4)
    assert interval.mean == 5.5


def test_paired_difference_by_hand():
    # differences 1, 2, 3: mean 2, t(0.975, 2) = 4.30265, standard error 1 / sqrt(3)
    difference = metrics.paired_difference([3.0, 7.0, 5.0], [2.0, 5.0, 2.0])
    assert (difference.mean, difference.n, difference.level) == (2.0, 3, 0.95)
    assert difference.high == pytest.approx(2 + 4.30265 / 3**0.5, abs=1e-4)
    assert not difference.excludes_zero
    drawn = metrics.paired_difference(
        [3.0, 7.0, 5.0], [2.0, 5.0, 2.0], bootstrap=True, rng=np.random.default_rng(0)
    )
    assert drawn.mean == 2.0
    assert 1.0 <= drawn.low < 2.0 < drawn.high <= 3.0  # a resampled mean stays among the values


def test_an_interval_excludes_zero_on_either_side():
    sides = [(0.1, 0.3), (-0.3, -0.1), (-0.1, 0.1), (0.0, 0.2)]
    assert [metrics.Interval(0.0, low, high, 0.95, 3).excludes_zero for low, high in sides] == [
        True, True, False, False,
    ]  # fmt: skip


def test_paired_difference_sees_what_unpaired_noise_would_hide():
    rng = np.random.default_rng(1)
    difficulty = rng.normal(0, 10, size=20)
    a = difficulty + 1 + rng.normal(0, 0.1, size=20)
    for bootstrap in (False, True):
        difference = metrics.paired_difference(a, difficulty, bootstrap=bootstrap, rng=rng)
        assert difference.excludes_zero
        assert difference.low < 1 < difference.high or abs(difference.mean - 1) < 0.1
    assert metrics.paired_difference([1, 2, 3], [1, 2, 3]) == metrics.Interval(0, 0, 0, 0.95, 3)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: metrics.evaluate([1, 2], [1]), "one true label per predicted one"),
        (lambda: metrics.evaluate([None, None], [1, 2]), "nothing to score"),
        (lambda: metrics.evaluate([], []), "one or more rows"),
        (lambda: metrics.evaluate([1, 2], [1, 2], mask=np.ones(3)), "mask of 2 rows"),
        (lambda: metrics.agreement([1], [1, 2]), "two labelings of the same rows"),
        (lambda: metrics.area_under_budget_curve([1], []), "one score per budget"),
        (lambda: metrics.area_under_budget_curve([2, 1], [0.1, 0.2]), "must not fall"),
        (lambda: metrics.mean_interval([1.0]), "two or more finite repetitions"),
        (lambda: metrics.mean_interval([1.0, 2.0], level=95), "between 0 and 1"),
        (lambda: metrics.paired_difference([1, 2], [1]), "two sequences of one length"),
        (lambda: metrics.paired_difference([1, 2], [1, 1], bootstrap=True), "numpy Generator"),
        (lambda: metrics.expected_calibration_error(np.ones(2), np.ones(3)), "as many outcomes"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, says):
    with pytest.raises(InvalidInput, match=says):
        call()


def test_nearly_equal_scores_have_a_narrow_interval_and_no_warning():
    interval = metrics.mean_interval([0.1 + 1e-17, 0.1, np.nextafter(0.1, 1)])
    assert interval.low <= interval.mean <= interval.high
    assert interval.high - interval.low < 1e-15
    by_hand = metrics.mean_interval([1.0, 2.0, 4.0], 0.9)  # t(0.95, 2) = 2.919986, s = 1.527525
    assert by_hand.high - by_hand.mean == pytest.approx(2.919986 * 1.527525 / 3**0.5, rel=1e-6)
