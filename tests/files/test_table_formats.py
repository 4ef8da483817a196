"""Tables that are written come back as they were, in every format; names that say no format are refused."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activeclust.errors import InvalidInput, MissingDependency
from activeclust.files import table_formats
from activeclust.files.table_formats import TABLE_FORMATS
from activeclust.files.tables_out import check_table_name, write_table

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"),
    max_size=12,
)
TEXTS = ["=1+1", "a, b", 'so "called"', "größe", "007", "two\nlines", "tab\there", "NA"]


def read(content: bytes, ending: str) -> dict[str, list]:
    """Columns as a program of that format reads them, texts and None."""
    if ending in (".csv", ".tsv"):
        lines = list(
            csv.reader(
                io.StringIO(content.decode("utf-8-sig"), newline=""),
                delimiter="," if ending == ".csv" else "\t",
            )
        )
        return {name: [line[i] or None for line in lines[1:]] for i, name in enumerate(lines[0])}
    if ending == ".jsonl":
        lines = [json.loads(line) for line in content.decode().split("\n") if line]
        return {name: [line[name] for line in lines] for name in lines[0]}
    if ending == ".parquet":
        frame = pd.read_parquet(io.BytesIO(content)).astype(object)
    else:
        frame = pd.read_excel(io.BytesIO(content), dtype=object, keep_default_na=False, na_values=[""])
    return {name: [None if np.ndim(v) == 0 and pd.isna(v) else v for v in frame[name]] for name in frame}


@pytest.mark.parametrize("ending", TABLE_FORMATS)
@settings(max_examples=30, deadline=None)
@given(names=st.lists(st.one_of(texts, st.sampled_from(TEXTS)), min_size=1, max_size=5))
def test_texts_come_back(ending, names):
    found = read(TABLE_FORMATS[ending]({"row": range(len(names)), "name": names}), ending)
    assert [int(row) for row in found["row"]] == list(range(len(names)))
    if ending in (".jsonl", ".parquet"):
        assert found["name"] == names
    else:  # these cannot tell an empty cell from a missing one; a spreadsheet writes a line's end in its own way
        assert [(v or "").replace("_x000D_", "\r") for v in found["name"]] == names


@pytest.mark.parametrize("ending", TABLE_FORMATS)
def test_numbers_stay_numbers_and_gaps_stay_gaps(ending):
    columns = {
        "n": np.array([1, 2, 3]), "p": np.array([0.25, 0.5, 1.0]), "gap": [1.5, None, float("nan")],
        "when": [date(2024, 5, 1)] * 3, "mixed": ["a", 2, None],
    }  # fmt: skip
    found = read(TABLE_FORMATS[ending](columns), ending)
    assert [float(v) for v in found["p"]] == [0.25, 0.5, 1.0]
    if ending not in (".csv", ".tsv"):
        assert not any(isinstance(v, str) for v in (*found["n"], *found["p"]))
    assert [v is None for v in found["gap"]] == [False, True, True]
    assert [str(v) for v in found["when"]] == ["2024-05-01"] * 3
    assert [None if v is None else str(v) for v in found["mixed"]] == ["a", "2", None]


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_vectors_stay_vectors(ending):
    found = read(TABLE_FORMATS[ending]({"v": [[1.0, 2.0], [3.0, 4.0]]}), ending)
    assert [list(v) for v in found["v"]] == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("ending", TABLE_FORMATS)
def test_half_a_surrogate_pair_stops_no_file(ending):
    found = read(TABLE_FORMATS[ending]({"file": ["caf\udce9", "b"]}), ending)
    assert found["file"][0].startswith("caf") and found["file"][1] == "b"


def test_only_ascii_has_no_byte_order_mark():
    assert TABLE_FORMATS[".csv"]({"a": ["x"]}) == b"a\nx\n"
    assert TABLE_FORMATS[".csv"]({"a": ["é"]}).startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("name", ["clusters.json", "clusters", "clusters.xls", "clusters.csv.gz"])
def test_a_name_that_says_no_format_is_refused(tmp_path, name):
    with pytest.raises(InvalidInput, match=r"ends in \.csv, \.tsv, \.xlsx, \.jsonl, \.parquet; got"):
        check_table_name(Path(name))
    with pytest.raises(InvalidInput):
        write_table(tmp_path / name, {"a": [1]})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("ending", "extra"), [(".xlsx", "excel"), (".parquet", "parquet")])
def test_a_missing_library_is_named_before_anything_is_computed(monkeypatch, ending, extra):
    monkeypatch.setitem(__import__("sys").modules, {"excel": "openpyxl", "parquet": "pyarrow"}[extra], None)
    with pytest.raises(MissingDependency, match=rf"activeclust\[{extra}\]"):
        table_formats.NEEDED[ending]()
    with pytest.raises(MissingDependency):
        check_table_name(Path(f"clusters{ending}"))
