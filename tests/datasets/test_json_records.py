"""Files of JSON objects: what was written is read, and what is not such a file is refused with its line or row."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activeclust.datasets import load
from activeclust.datasets.reading import FileOptions, read_frame
from activeclust.errors import DataFileError, InvalidInput

values = st.one_of(
    st.integers(-(2**53) + 1, 2**53 - 1), st.floats(allow_nan=False, allow_infinity=False), st.booleans(),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
)  # fmt: skip


def as_list(records, **how):
    return json.dumps(records, **how)


def as_lines(records, **how):
    return "\n".join(json.dumps(record, **how) for record in records) + "\n"


@pytest.mark.parametrize("written", [as_list, as_lines])
@settings(max_examples=40, deadline=None)
@given(data=st.data(), n=st.integers(2, 8), plain=st.booleans())
def test_values_come_back_as_they_were_written(tmp_path_factory, written, data, n, plain):
    columns = {name: data.draw(st.lists(values, min_size=n, max_size=n)) for name in ("a", "b")}
    records = [{name: column[i] for name, column in columns.items()} for i in range(n)]
    path = tmp_path_factory.mktemp("j") / "rows.json"
    path.write_text(written(records, ensure_ascii=plain), encoding="utf-8")
    frame, _ = read_frame(path, FileOptions(), texts=None)
    for name, column in columns.items():
        assert frame[name].tolist() == column


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".ndjson"])
@pytest.mark.parametrize("written", [as_list, as_lines])
def test_objects_with_a_vector_and_an_inner_object_are_a_table(tmp_path, ending, written):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 4)).round(3).tolist()
    records = [
        {"id": f"d{i}", "label": f"0{i % 3}", "meta": {"source": "ab"[i % 2]}, "embedding": vectors[i]}
        for i in range(30)
    ]
    path = tmp_path / f"rows{ending}"
    path.write_text(written(records))
    found = load(path, features=["embedding"])
    np.testing.assert_allclose(found.X, np.array(vectors, dtype=np.float32))
    assert found.y.tolist() == [f"0{i % 3}" for i in range(30)]  # a code, as it was written
    assert found.items[1]["meta.source"] == "b"


def test_missing_keys_null_and_blank_lines(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1, "b": 2}\n\n{"b": 3}\n{"a": null, "b": 4}\n', encoding="utf-16")
    frame, _ = read_frame(path, FileOptions())
    assert frame["a"].isna().tolist() == [False, True, True]
    assert frame["a"].tolist()[0] == 1
    assert isinstance(frame["a"].tolist()[0], int)
    assert frame["b"].tolist() == [2, 3, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}\n{"a": 2\n', r"line 2, is not JSON: Expecting ',' delimiter at character 8"),
        ('[\n{"a": 1},\n{"a": 2,}]', r"is not JSON: .* of line 3"),
        ('{"a": 1}\n[2]\n', "line 2, holds a list; expected a list of objects, or an object on each line"),
        ('[{"a": 1}, 3]', r"row 1 \(counted from 0\), holds a number"),
        ("[null]", "holds null"),
        ('"text"', "line 1, holds a text"),
        ('{"a": 1' + "0" * 5000 + "}", "line 1, cannot be read"),
        ("[" * 100_000, "cannot be read|is not JSON"),
        ("", "is empty"),
        ("\n \n", "holds no rows"),
        ("[]", "holds no rows"),
    ],
)
def test_other_files_are_refused_with_the_place(tmp_path, text, message):
    path = tmp_path / "rows.jsonl"
    path.write_text(text)
    with pytest.raises(DataFileError, match=message):
        load(path)


def test_options_of_other_files_are_refused(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text('[{"a": 1}, {"a": 2}]')
    with pytest.raises(InvalidInput, match="--decimal is for text"):
        load(path, decimal=",")
    with pytest.raises(InvalidInput, match="--sheet is for spreadsheets"):
        load(path, sheet="one")
