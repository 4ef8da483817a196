"""Tables and sparse matrices become numbers, and rows that come later become numbers in the same way."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn

from activeclust.datasets import load
from activeclust.datasets.columns import TableEncoder
from activeclust.datasets.preparation import Preparation
from activeclust.errors import InvalidInput


def table(n: int = 60, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "size": rng.normal(5, 3, n),
            "count": rng.integers(9, size=n),
            "colour": pd.Categorical.from_codes(rng.integers(3, size=n), ["red", "green", "blue"]),
            "shape": rng.choice(["round", "square"], n),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(700, size=n), "D"),
            "note": [
                f"the {word} one of {i} things" for i, word in enumerate(rng.choice(["big", "small"], n))
            ],
            "vector": list(rng.normal(size=(n, 4)).astype(np.float32)),
            "took": pd.to_timedelta(rng.integers(900, size=n), "s"),
        }
    )


def with_gaps(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.copy()
    frame.loc[3, "size"] = np.nan
    frame.loc[4, ["colour", "shape", "day"]] = None
    frame["count"] = frame["count"].astype("Int64")
    frame.loc[5, "count"] = pd.NA
    return frame


@pytest.mark.parametrize("frame", [table(), with_gaps(table())], ids=["complete", "with gaps"])
def test_the_same_rows_become_the_same_numbers_later(frame):
    preparation = Preparation()
    X = preparation.fit(frame)
    assert np.isfinite(X).all()
    np.testing.assert_allclose(preparation.transform(frame), X, atol=1e-5)
    # one row, columns in another order, an index of its own
    one = frame.iloc[[7], ::-1].set_axis(["g"])
    np.testing.assert_allclose(preparation.transform(one), X[[7]], atol=1e-5)


def test_it_is_what_load_does(tmp_path):
    frame = with_gaps(table()).drop(columns=["vector", "took"])
    frame.to_parquet(tmp_path / "t.parquet")
    data = load(tmp_path / "t.parquet", impute=True)
    preparation = Preparation()
    np.testing.assert_array_equal(preparation.fit(frame), data.X)
    assert preparation.notes == data.notes


def test_gaps_and_categories_that_only_come_later():
    preparation = Preparation()
    X = preparation.fit(pd.DataFrame({"a": [0.0, 2.0, 4.0], "b": ["x", "y", "x"]}))
    later = preparation.transform(pd.DataFrame({"a": [None, 2.0], "b": ["x", "never"]}))
    np.testing.assert_allclose(later[0], X[[0, 2]].mean(axis=0), atol=1e-6)  # the median, and x
    np.testing.assert_allclose(later[1], [0, 0, 0], atol=1e-6)


@pytest.mark.parametrize(
    "column",
    [[1, None, 3, 2], [1.5, 2, None, 4], pd.array([1, None, 3, 2], dtype="Int64")],
    ids=["objects", "mixed", "Int64"],
)
def test_numbers_are_numbers_whatever_holds_them(column):
    frame = pd.DataFrame({"a": pd.Series(column, dtype=getattr(column, "dtype", object)), "b": list("xyxy")})
    encoder = TableEncoder("X", impute=True)
    encoder.fit(frame)
    assert encoder.kinds == {"a": "number", "b": "category"}


def test_what_needs_preparation():
    numbers = pd.DataFrame({"a": [1, 2], "b": [True, False]})
    assert not Preparation.needed_by(numbers)
    assert not Preparation.needed_by(numbers.to_numpy())
    assert Preparation.needed_by(numbers.assign(c=["x", "y"]))
    assert Preparation.needed_by(numbers.assign(c=[1.0, np.nan]))
    assert Preparation.needed_by(sp.eye_array(3).tocsr())


def test_sparse_rows_later_and_dense():
    S = sp.random_array((80, 500), density=0.05, rng=0, format="csr")
    preparation = Preparation()
    X = preparation.fit(S)
    assert X.shape == (80, 79)
    np.testing.assert_allclose(preparation.transform(S[:5]), X[:5], atol=1e-4)
    np.testing.assert_allclose(preparation.transform(S[:5].toarray()), X[:5], atol=1e-4)
    narrow = sp.csr_array(np.eye(4) * 1e9 + 0.1)
    np.testing.assert_array_equal(Preparation().fit(narrow), narrow.toarray())


def test_scikit_learns_output_setting_changes_nothing():
    frame = with_gaps(table())
    plain = Preparation().fit(frame)
    with sklearn.config_context(transform_output="pandas"):
        preparation = Preparation()
        set_so = preparation.fit(frame)
        later = preparation.transform(frame)
    np.testing.assert_array_equal(set_so, plain)
    np.testing.assert_allclose(later, plain, atol=1e-5)


@pytest.mark.parametrize(
    ("later", "says"),
    [
        (pd.DataFrame({"a": [1.0]}), "no b"),
        (np.zeros((2, 2)), "expected a DataFrame, got ndarray"),
        (pd.DataFrame({"a": ["red"], "b": ["x"]}), "was a column of numbers"),
    ],
)
def test_other_columns_later_are_named(later, says):
    preparation = Preparation()
    preparation.fit(pd.DataFrame({"a": [0.0, 2.0, 4.0], "b": ["x", "y", "x"]}))
    with pytest.raises(InvalidInput, match=says):
        preparation.transform(later)


def test_vectors_with_gaps_are_refused():
    with pytest.raises(InvalidInput, match=r"missing in row 1 .*drop these rows"):
        Preparation().fit(pd.DataFrame({"v": [np.ones(2), None, np.zeros(2)], "a": [1, 2, 3]}))
