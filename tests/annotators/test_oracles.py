"""Oracles: what they answer, and that a noisy one is wrong as often as it says, about the same rows."""

from __future__ import annotations

import numpy as np
import pytest

from activeclust import SKIP, STOP, UNDO, UNSURE, LabelOracle, NoisyOracle
from activeclust.annotators import Query, batch, check_answer
from activeclust.errors import InvalidInput

LABELS = ["cat", 7, "dog", "7", "cat", np.int64(3)]


def asked(oracle, rows) -> list:
    return [oracle(Query(row, None, (), 1.0, ())) for row in rows]


def test_a_label_oracle_gives_each_row_its_own_label_in_any_order():
    assert asked(LabelOracle(LABELS), [5, 2, 0, 3, 1, 4]) == [3, "dog", "cat", "7", 7, "cat"]


def test_a_label_oracle_says_when_it_is_asked_about_a_row_it_does_not_know():
    with pytest.raises(InvalidInput, match="holds 6 labels and was asked about row 6"):
        asked(LabelOracle(LABELS), [6])


def test_a_noisy_oracle_is_wrong_as_often_as_it_says_and_with_every_other_label():
    true = list("abcd") * 1000
    given = asked(NoisyOracle(true, error_rate=0.3, random_state=0), range(4000))
    wrong = [(t, g) for t, g in zip(true, given, strict=True) if t != g]
    # 1,200 are expected; the standard deviation is sqrt(4000 * 0.3 * 0.7) = 29
    assert abs(len(wrong) - 1200) < 150
    pairs = {pair: wrong.count(pair) for pair in set(wrong)}
    assert len(pairs) == 12
    assert all(abs(times - 100) < 50 for times in pairs.values())


def test_a_noisy_oracle_makes_the_same_mistakes_whatever_the_order_and_others_under_another_seed():
    true = list("ab") * 50
    first = asked(NoisyOracle(true, error_rate=0.4, random_state=1), range(100))
    backwards = asked(NoisyOracle(true, error_rate=0.4, random_state=1), range(99, -1, -1))
    assert first == backwards[::-1]
    assert first != asked(NoisyOracle(true, error_rate=0.4, random_state=2), range(100))


@pytest.mark.parametrize(("rate", "right"), [(0.0, 1.0), (1.0, 0.0)])
def test_the_extremes_of_a_noisy_oracle(rate, right):
    true = list("abc") * 10
    given = asked(NoisyOracle(true, error_rate=rate), range(30))
    assert np.mean([t == g for t, g in zip(true, given, strict=True)]) == right


def test_with_one_label_there_is_no_wrong_one():
    assert asked(NoisyOracle(["a"] * 5, error_rate=1.0), range(5)) == ["a"] * 5


def test_an_error_rate_is_a_share():
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        NoisyOracle(["a", "b"], error_rate=30)


def test_batch_marks_a_function_and_leaves_its_answers_alone():
    @batch
    def by_number(queries):
        return [query.row for query in queries]

    assert by_number.answers_batches is True
    assert by_number([Query(row, None, (), 1.0, ()) for row in (4, 2)]) == [4, 2]


@pytest.mark.parametrize(
    ("answer", "stored"),
    [
        ("cat", "cat"),
        (3, 3),
        (np.int32(3), 3),
        (np.str_("x"), "x"),
        (SKIP, SKIP),
        (UNSURE, UNSURE),
        (STOP, STOP),
    ],
)
def test_answers_as_they_are_stored(answer, stored):
    given = check_answer(answer, 0)
    assert given == stored
    assert type(given) is type(stored)


@pytest.mark.parametrize("answer", [None, "", "  ", True, np.True_, 1.5, float("nan"), ["cat"], {"cat": 1}])
def test_what_is_no_answer_is_refused_with_the_row(answer):
    with pytest.raises(InvalidInput, match=r"The answer for row 17 was .*expected a cluster name"):
        check_answer(answer, 17)


def test_undo_is_an_answer_too():
    assert check_answer(UNDO, 0) is UNDO
