"""Texts and records, in whatever container: the same rows at fit and later, for the estimators and the loop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activeclust import ActiveLoop, PFNClassifier, PFNClusterer
from activeclust.datasets.preparation import as_table
from activeclust.errors import InvalidInput

N, TOPICS = 45, ("tax", "cats", "rain")
WORDS = ("form office refund", "fur purring kitten", "cloud umbrella storm")
RNG = np.random.default_rng(0)
TEXTS = [f"{' '.join(RNG.permutation(WORDS[i % 3].split())[:2])} {TOPICS[i % 3]} n{i}" for i in range(N)]
NUMBERS = (RNG.normal(size=(N, 2)) + 8 * np.array([[0, 0], [1, 0], [0, 1]])[np.arange(N) % 3]).round(3)
RECORDS = [{"a": float(a), "b": float(b)} for a, b in NUMBERS]
NESTED = [record | {"of": {"topic": TOPICS[i % 3]}} for i, record in enumerate(RECORDS)]
Y = [TOPICS[i % 3] for i in range(N)]

HOLDERS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "objects": lambda texts: np.array(texts, dtype=object),
    "Series": lambda texts: pd.Series(texts, name="said"),
    "shuffled index": lambda texts: pd.Series(texts, index=range(len(texts))[::-1]),
    "strings of pandas": lambda texts: pd.Series(texts, dtype="string"),
}
if hasattr(np.dtypes, "StringDType"):
    HOLDERS["strings of numpy"] = lambda texts: np.array(texts, dtype=np.dtypes.StringDType())


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_texts_in_every_container_are_the_same_rows(hold):
    first = PFNClassifier(device="cpu").fit(TEXTS[:30], Y[:30])
    model = PFNClassifier(device="cpu").fit(hold(TEXTS[:30]), Y[:30])
    found = model.predict_proba(hold(TEXTS[30:]))
    np.testing.assert_array_equal(found, first.predict_proba(TEXTS[30:]))
    assert model.score(hold(TEXTS[30:]), Y[30:]) > 0.8  # chance: 0.33
    assert model.feature_names_in_.tolist() == ["text"]


@pytest.mark.parametrize("records", [RECORDS, NESTED], ids=["numbers", "nested"])
def test_records_are_a_table_whatever_the_order_of_their_keys(records):
    turned = [dict(reversed(record.items())) for record in records]
    model = PFNClusterer(device="cpu").fit(records, [*Y[:6], *[None] * (N - 6)])
    assert model.feature_names_in_.tolist()[:2] == ["a", "b"]
    assert (model.labels_ == np.array(Y, dtype=object)).mean() > 0.9
    loop = ActiveLoop(records, None, anchors=dict(enumerate(Y[:6])))
    np.testing.assert_array_equal(loop.predict(turned), loop.predict(records))
    assert (loop.predict(records) == np.array(Y)).mean() > 0.9
    with pytest.raises(InvalidInput, match="no a"):
        loop.predict([{"b": 1.0}])


def test_a_loop_shows_texts_and_records_as_they_were_given():
    for rows in (TEXTS, pd.Series(TEXTS), NESTED):
        seen = {}

        def answer(query, seen=seen):
            seen[query.row] = query.item
            return Y[query.row]

        loop = ActiveLoop(rows, answer, random_state=0)
        loop.run(budget=4)
        for row, item in seen.items():
            assert item == (TEXTS[row] if rows is not NESTED else {"a": RECORDS[row]["a"], "b": RECORDS[row]["b"],
                                                                   "of.topic": TOPICS[row % 3]})  # fmt: skip


def test_columns_of_a_table_of_numbers_are_found_by_name():
    frame = pd.DataFrame(NUMBERS, columns=["a", "b"])
    loop = ActiveLoop(frame, None, anchors=dict(enumerate(Y[:6])))
    np.testing.assert_array_equal(loop.predict(frame[["b", "a"]]), loop.predict(frame))
    np.testing.assert_array_equal(loop.predict(NUMBERS), loop.predict(frame))
    with pytest.raises(InvalidInput, match="no b"):
        loop.predict(frame[["a"]])


def test_a_series_of_categories_is_a_table():
    colours = pd.Series(["red", "blue"] * 20, dtype="category", name="colour")
    model = PFNClusterer(device="cpu").fit(colours)
    assert model.feature_names_in_.tolist() == ["colour"]


@pytest.mark.parametrize(
    "rows", [[1.0, 2.0, 3.0], np.arange(5), pd.Series([1.0, 2.0]), [], ["a", 1], [{"a": 1}, 2]]
)
def test_what_is_neither_is_refused(rows):
    with pytest.raises((ValueError, TypeError)):
        PFNClusterer(device="cpu").fit(rows)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.text(), st.none()), min_size=1, max_size=9))
def test_texts_are_recognised_and_kept(texts):
    frame = as_table(texts)
    if all(text is None for text in texts):
        assert frame is None
    else:
        assert frame["text"].tolist() == texts
