"""Rows are the same rows in whatever holds them: for the loop, for the estimators, and for rows that come later."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from activeclust import ActiveLoop, PFNClassifier, PFNClusterer
from activeclust.errors import InvalidInput
from activeclust.loop.items import items_of
from tests.support.containers import COMPLETE, GAPPY
from tests.support.nearest_anchor import NearestAnchor

N = 24
Y = np.arange(N) % 3


def rows(seed=0, spread=0.3):
    return 9 * np.eye(3)[Y] + spread * np.random.default_rng(seed).normal(size=(N, 3))


def loop_of(X, **options):
    known = {row: f"cluster {Y[row]}" for row in range(6)}
    options.setdefault("clusterer", PFNClusterer(device="cpu"))
    return ActiveLoop(X, None, anchors=known, random_state=0, **options)


@pytest.mark.parametrize("name", COMPLETE)
def test_the_loop_sees_the_same_rows(name):
    X = rows()
    loop = loop_of(COMPLETE[name](X), clusterer=NearestAnchor())
    np.testing.assert_array_equal(loop.X, X)
    assert loop.labels.tolist() == [f"cluster {c}" for c in Y]


@pytest.mark.parametrize("name", COMPLETE)
def test_estimators_see_the_same_rows(name):
    X = rows()
    held = COMPLETE[name](X)
    given_ = [int(c) if row < 6 else None for row, c in enumerate(Y)]
    model = PFNClusterer(device="cpu").fit(held, given_)
    np.testing.assert_array_equal(model.labels_, Y)
    there = PFNClusterer(device="cpu").fit(X, given_)
    np.testing.assert_allclose(model.posterior_, there.posterior_, atol=1e-6)
    np.testing.assert_array_equal(model.predict(held), Y)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(sorted(COMPLETE)),
    dtype=st.sampled_from(["f8", "f4", "f2", "i1", "u2", "i8", "?"]),
    order=st.permutations(range(N)),
)
@example(name="DataFrame, pyarrow", dtype="?", order=list(range(N)))
def test_the_nth_row_is_the_nth_row(name, dtype, order):
    X = (rows() * 10).round()[list(order)].astype(dtype)
    try:
        held = COMPLETE[name](X)
    except ValueError as error:  # there is no such container
        assume("scipy.sparse does not support dtype" not in str(error))
        raise
    loop = ActiveLoop(held, None, clusterer=NearestAnchor(), random_state=0)
    np.testing.assert_array_equal(loop.X, X.astype(float))


@settings(max_examples=10, deadline=None)
@given(
    name=st.sampled_from(sorted(GAPPY)),
    row=st.integers(6, N - 1),
    scale=st.sampled_from([1e-30, 1.0, 1e30, 1e300]),
    offset=st.sampled_from([0.0, 1e12]),
)
def test_a_gap_in_a_table_is_filled_in_loop_and_predict(name, row, scale, offset):
    X = (rows() + offset) * scale if scale < 1e300 or not offset else rows() * scale
    table = GAPPY[name](X, row, 0)
    loop = loop_of(table)
    assert np.isfinite(loop.X).all()
    assert "Gaps filled in: c0." in loop.preparation.notes
    full = np.arange(N) != row
    assert [loop.labels[i] for i in np.flatnonzero(full)] == [f"cluster {c}" for c in Y[full]]
    assert loop.predict(table)[full].tolist() == [f"cluster {c}" for c in Y[full]]
    model = PFNClassifier(device="cpu").fit(table, [f"cluster {c}" for c in Y])
    assert model.predict(table)[full].tolist() == [f"cluster {c}" for c in Y[full]]


def test_categories_texts_and_dates_are_rows_too():
    table = pd.DataFrame(
        {
            "size": rows()[:, 0],
            "kind": pd.Categorical(np.array(["red", "green", "blue"])[Y]),
            "seen": pd.date_range("2020-01-01", periods=N),
        }
    )
    table.loc[7, "kind"] = None
    loop = loop_of(table)
    assert loop.ask()[0].item.keys() == {"size", "kind", "seen"}
    order = np.random.default_rng(0).permutation(np.flatnonzero(np.arange(N) != 7))
    assert loop.predict(table.iloc[order]).tolist() == [f"cluster {c}" for c in Y[order]]
    with pytest.raises(InvalidInput, match="have no kind"):
        loop.predict(table.drop(columns="kind"))
    with pytest.raises(InvalidInput, match="table with named columns before"):
        loop.predict(loop.X)


def test_a_wide_sparse_matrix_is_reduced_and_so_are_new_rows():
    S = sp.random_array((N, 400), density=0.05, rng=0).tolil()
    for c in range(3):
        S[np.flatnonzero(c == Y)[:, None], np.arange(10 * c, 10 * c + 10)[None]] = 5.0
    loop = loop_of(S.tocsc())
    assert loop.X.shape == (N, N - 1)
    assert loop.predict(S.tocoo()).tolist() == [f"cluster {c}" for c in Y]


@pytest.mark.parametrize("take", [lambda X: ActiveLoop(X, None), PFNClusterer(device="cpu").fit])
def test_what_is_masked_is_missing(take):
    X = np.ma.array(rows(), mask=np.zeros((N, 3), bool))
    X[5, 1] = np.ma.masked
    with pytest.raises(ValueError, match="NaN"):
        take(X)


def test_two_columns_of_one_name_are_refused_where_columns_are_named():
    table = pd.DataFrame(rows(), columns=["a", "a", "b"]).assign(kind="x")
    with pytest.raises(InvalidInput, match="two columns 'a'"):
        ActiveLoop(table, None)


@pytest.mark.parametrize(
    "items",
    [
        pa.array([f"item {i}" for i in range(N)]),
        pa.chunked_array([[f"item {i}" for i in range(9)], [f"item {i}" for i in range(9, N)]]),
        pd.Series([f"item {i}" for i in range(N)], index=np.arange(N)[::-1]),
        np.array([f"item {i}" for i in range(N)]),
    ],
)
def test_the_nth_item_is_the_nth_item(items):
    assert [str(items_of(items, N)[i]) for i in (0, 7, N - 1)] == ["item 0", "item 7", f"item {N - 1}"]


def test_a_row_of_an_arrow_table_is_an_item():
    assert items_of(pa.table({"a": [1, 2], "b": ["x", "y"]}), 2)[1] == {"a": 2, "b": "y"}
