"""Which item goes with which row: the n-th, whatever holds them and whatever an index says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activeclust.errors import InvalidInput
from activeclust.loop.items import items_of

CONTAINERS = {
    "list": lambda names, order: names,
    "tuple": lambda names, order: tuple(names),
    "array": lambda names, order: np.array(names),
    "series": lambda names, order: pd.Series(names, index=order),
    "series of equal keys": lambda names, order: pd.Series(names, index=[0] * len(names)),
    "categories": lambda names, order: pd.Series(names, index=order, dtype="category"),
}


@given(st.permutations(range(7)), st.sampled_from(sorted(CONTAINERS)))
def test_the_nth_item_is_the_nth_row(order, kind):
    names = [f"text {i}" for i in range(7)]
    items = items_of(CONTAINERS[kind](names, order), 7)
    assert [str(items[row]) for row in range(7)] == names
    assert str(items[np.int64(4)]) == "text 4"


@given(st.permutations(range(5)))
def test_a_row_of_a_frame_is_a_dict_in_the_types_of_its_columns(order):
    frame = pd.DataFrame({"n": range(5), "x": np.arange(5) / 2, "word": list("abcde")}, index=order)
    items = items_of(frame, 5)
    assert [items[row] for row in range(5)] == [{"n": i, "x": i / 2, "word": "abcde"[i]} for i in range(5)]
    assert isinstance(items[3]["n"], (int, np.integer))


def test_paths_stay_paths():
    assert items_of([Path("a.png"), Path("b.png")], 2)[1] == Path("b.png")


@pytest.mark.parametrize("items", [{0: "a", 1: "b"}, {"a", "b"}, iter("ab"), "ab"], ids=type)
def test_what_has_no_nth_entry_is_refused(items):
    with pytest.raises(InvalidInput, match="items is a sequence with one entry per row"):
        items_of(items, 2)


def test_a_question_shows_the_item_of_its_row(make):
    order = np.random.default_rng(3).permutation(60)
    loop = make(None, items=pd.Series([f"row {i}" for i in range(60)], index=order), batch_size=20)
    assert [query.item for query in loop.ask()] == [f"row {query.row}" for query in loop.ask()]
