"""A label is what the file or the container says, in its place; what is missing is missing, and nothing else is."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from activeclust.errors import InvalidInput
from activeclust.labels import compact, is_missing, label, labels_of, written_labels

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6).filter(
    lambda text: text.strip() and "\0" not in text
)
INTEGERS = st.integers(-(2**31), 2**31 - 1)
MISSING = [None, float("nan"), np.nan, np.float32("nan"), pd.NA, pd.NaT, np.ma.masked, "", "  ", "\t",
           np.datetime64("NaT"), np.timedelta64("NaT"), Decimal("NaN")]  # fmt: skip


def shuffled(series: pd.Series) -> pd.Series:
    """The same values under an index that runs backwards: a label counts by its place."""
    return series.set_axis(range(len(series) - 1, -1, -1))


OF_INTEGERS = {
    "list": list,
    "tuple": tuple,
    "objects": lambda values: np.array([*values, None], dtype=object)[:-1],
    "Int64": lambda values: shuffled(pd.Series(values, dtype="Int64")),
    "object": lambda values: shuffled(pd.Series(values, dtype=object)),
    "floats": lambda values: shuffled(pd.Series(values, dtype="float64")),
    "Float64": lambda values: pd.Series(values, dtype="Float64"),
    "category": lambda values: shuffled(pd.Series(values, dtype="Int64").astype("category")),
    "arrow series": lambda values: shuffled(pd.Series(values, dtype="int64[pyarrow]")),
    "arrow": lambda values: pa.array(values, pa.int64()),
    "masked": lambda values: np.ma.array([v or 0 for v in values], mask=[v is None for v in values]),
    "torch": lambda values: torch.tensor([np.nan if v is None else v for v in values], dtype=torch.float64),
    "column": lambda values: pd.DataFrame({"y": pd.Series(values, dtype="Int64")}),
    "numpy scalars": lambda values: [None if v is None else np.int64(v) for v in values],
    "NA": lambda values: [pd.NA if v is None else v for v in values],
    "index": lambda values: pd.Index(values, dtype="Int64"),
}
OF_NAMES = {
    "list": list,
    "objects": lambda values: np.array([*values, None], dtype=object)[:-1],
    "string": lambda values: shuffled(pd.Series(values, dtype="string")),
    "object": lambda values: shuffled(pd.Series(values, dtype=object)),
    "category": lambda values: shuffled(pd.Series(values, dtype=object).astype("category")),
    "arrow series": lambda values: pd.Series(values, dtype="string[pyarrow]"),
    "arrow": lambda values: pa.array(values, pa.string()),
    "numpy scalars": lambda values: [None if v is None else np.str_(v) for v in values],
    "nan": lambda values: [np.nan if v is None else v for v in values],
}


@pytest.mark.parametrize("container", OF_INTEGERS)
@given(values=st.lists(st.none() | INTEGERS, min_size=1, max_size=8))
def test_integers_stay_in_their_places_in_every_container(container, values):
    found = labels_of(OF_INTEGERS[container](values)).tolist()
    assert found == values
    assert {type(value) for value in found} <= {int, type(None)}


@pytest.mark.parametrize("container", OF_NAMES)
@given(values=st.lists(st.none() | NAMES, min_size=1, max_size=8))
def test_names_stay_in_their_places_in_every_container(container, values):
    found = labels_of(OF_NAMES[container](values)).tolist()
    assert found == values
    assert {type(value) for value in found} <= {str, type(None)}


@pytest.mark.parametrize("nothing", MISSING, ids=repr)
def test_what_is_missing_is_missing(nothing):
    assert is_missing(nothing)
    assert label(nothing) is None
    assert labels_of(["a", nothing, 2]).tolist() == ["a", None, 2]


@pytest.mark.parametrize("name", ["nan", "NaN", "NA", "None", "null", "<NA>", "NaT", "-1", "0", "."])
def test_a_text_that_only_looks_missing_is_a_name(name):
    assert labels_of([name, "a"], unlabelled=-1).tolist() == [name, "a"]
    assert written_labels([name, "a"]).tolist() == [name, "a"]


def test_minus_one_is_a_label_unless_the_caller_says_otherwise():
    values = [-1, np.int8(-1), -1.0, np.float32(-1), 0, "-1"]
    assert labels_of(values).tolist() == [-1, -1, -1, -1, 0, "-1"]
    assert labels_of(values, unlabelled=-1).tolist() == [None, None, None, None, 0, "-1"]


@pytest.mark.parametrize(
    "scalar", [np.int8, np.uint8, np.int64, np.uint64, np.float16, np.float64, Decimal, int]
)
def test_a_number_is_one_label_whatever_its_type(scalar):
    assert label(scalar(3)) == 3
    assert type(label(scalar(3))) is int


def test_dates_ranges_and_bools_are_labels():
    days = pd.Series(pd.to_datetime(["2024-05-01", None, "2024-05-02"]))
    assert [value is None for value in labels_of(days)] == [False, True, False]
    assert labels_of(np.array(["2024-05-01", "NaT"], "M8[D]")).tolist() == ["2024-05-01", None]
    assert labels_of(pd.Series(pd.interval_range(0, 2))).tolist() == ["(0, 1]", "(1, 2]"]
    assert labels_of(pd.cut(pd.Series([1.0, np.nan, 9.0]), 2)).tolist()[1] is None
    assert labels_of(pd.Series([True, None, False], dtype="boolean")).tolist() == [1, None, 0]


@pytest.mark.parametrize(
    "value",
    [0.5, np.float32(2.25), float("inf"), 1j, (1, 2), {"a": 1}, object()],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_name_is_refused_with_its_row(value):
    with pytest.raises(InvalidInput, match="Row 1 of y"):
        labels_of([1, value])


@pytest.mark.parametrize(
    "values",
    ["abc", {0: "a"}, {"a", "b"}, 5, np.zeros((3, 2)), np.array(1)],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_order_of_rows_is_refused(values):
    with pytest.raises(InvalidInput, match="one label per row"):
        labels_of(values)


@given(
    st.lists(
        st.just("") | NAMES | st.from_regex(r"[+-]?0?\d{1,3}(\.0)?", fullmatch=True), min_size=1, max_size=6
    )
)
def test_a_label_prints_as_it_was_written(texts):
    found = written_labels(texts).tolist()
    assert [None if not text.strip() else text for text in texts] == [
        None if value is None else str(value) for value in found
    ]
    # as many labels as texts: none becomes another's
    assert len({text for text in texts if text.strip()}) == len(
        {value for value in found if value is not None}
    )


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["1", "2", ""], [1, 2, None]),
        (["-1", "0"], [-1, 0]),
        (["01", "1", "001"], ["01", "1", "001"]),
        (["1", "1.0"], ["1", "1.0"]),
        (["1", "x"], ["1", "x"]),
        (["9007199254740996", "9007199254740997"], [9007199254740996, 9007199254740997]),
        (["99999999999999999999", "1"], ["99999999999999999999", "1"]),
        (["١", "1"], ["١", "1"]),
        (["1_0", "+1", "--1"], ["1_0", "+1", "--1"]),
        (["9" * 5000, "1"], ["9" * 5000, "1"]),
    ],
)
def test_only_a_column_of_integers_is_read_as_integers(texts, labels):
    assert written_labels(texts).tolist() == labels


def test_labels_are_int64_only_where_all_fit():
    assert compact(labels_of([1.0, 2.0])).dtype == np.int64
    for values in ([1, None], [2**63, 1], [1, "1"]):
        assert compact(labels_of(values)).dtype == object
