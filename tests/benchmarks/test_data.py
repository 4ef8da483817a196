"""Data sets of the benchmarks: draws of anchors, collections, tables, and the release's own sets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from draws import anchor_draws
from rows import Collection, Rows, sample_of
from tables import table as read_table


def test_anchor_draws_are_the_same_every_time_and_leave_noise_out():
    y = np.array([0, 0, 0, 1, 1, 2])
    scored = np.flatnonzero(y != 0)
    first, again = (list(anchor_draws(y, scored, "2 each", 3)) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
        assert sorted(y[a]) == [1, 1, 2]
    assert not np.array_equal(*list(anchor_draws(np.zeros(99), np.arange(99), "10", 2)))


def test_collections_read_a_set_when_its_turn_comes():
    read_so_far = []

    def load(name: str) -> Rows:
        read_so_far.append(name)
        return Rows(name, np.zeros((4, 2)), np.arange(4))

    both = Collection(("a", "b"), load)
    assert next(iter(both)).name == "a"
    assert read_so_far == ["a"]
    with pytest.raises(SystemExit, match="No such data set: c; there are a, b"):
        both.only("c")
    assert len(sample_of(load("a"), 3, seed=0).y) == 3
    assert len(sample_of(load("a"), 9, seed=0).y) == 4


def test_a_table_of_words_numbers_and_gaps():
    frame = pd.DataFrame(
        {
            "n": ["1", "2", "?", "5"],
            "w": ["x", "y", "x", "<null>"],
            "none": [None] * 4,
            "c": ["a", "b", "a", "b"],
        }
    )
    rows = read_table("small", frame)
    assert rows.y.tolist() == [0, 1, 0, 1]
    assert rows.X.shape == (4, 3)  # n, w is x, w is y
    assert np.isfinite(rows.X).all()
    np.testing.assert_allclose(rows.X.mean(axis=0), 0, atol=1e-9)


def test_the_release_suite_shares_nothing_and_is_drawn_anew():
    from data import release
    from tables import KEEL, KEEL_RELEASE, PUBLIC

    assert not set(KEEL_RELEASE) & {*KEEL, *PUBLIC}
    of_39 = {
        "iris",
        "wine",
        "wdbc",
        "ecoli",
        "ionosphere",
        "statlog",
    }  # KEEL's names for tables of the 39 sets
    assert not set(KEEL_RELEASE) & of_39
    one, same, next_ = release(version="1.0"), release(version="1.0"), release(version="1.1")
    made = one.names[len(KEEL_RELEASE) :]
    assert len(made) >= 6
    for name, other in zip(made, next_.names[len(KEEL_RELEASE) :], strict=True):
        assert np.array_equal(one.load(name).X, same.load(name).X)
        assert not np.array_equal(one.load(name).X, next_.load(other).X)
