"""What ``activeclust cluster`` writes opens beside the rows' own columns."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from activeclust.datasets import load
from activeclust.store import open_store
from activeclust.store.records import Event, Kind


@pytest.fixture
def rows(tmp_path):
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(30, 2)) + 9 * np.eye(3, 2)[np.arange(30) % 3], 3)
    frame = pd.DataFrame({"key": [f"{i:03}" for i in range(30)], "a": X[:, 0], "b": X[:, 1],
                          "n": pd.array([*range(29), None], dtype="Int64"),
                          "cluster": [("=1+1", "größe", "\x0bx")[i % 3] for i in range(30)]})  # fmt: skip
    frame.to_csv(tmp_path / "rows.csv", index=False)
    return "rows.csv"


WORDS = ("--id-column", "key", "--features", "a,b", "--device", "cpu")


def begin(run, monkeypatch, rows):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run("annotate", rows, "--ui", "terminal", "--seed", "0", *WORDS)[0] == 0
    store = open_store("activeclust.db")
    run_ = store.open_run("rows")
    run_.extend(
        Event(Kind.LABEL, row=i, cluster=name, annotator=who)
        for i, (name, who) in enumerate([("null", "eva"), ("one", ""), (2, "bob")])
    )
    store.close()


READ = {
    "csv": lambda path: pd.read_csv(path, dtype=str, keep_default_na=False),
    "tsv": lambda path: pd.read_csv(path, dtype=str, keep_default_na=False, sep="\t"),
    "xlsx": lambda path: pd.read_excel(path, dtype=str, keep_default_na=False),
    "parquet": lambda path: as_texts(pd.read_parquet(path)),
    "jsonl": lambda path: as_texts(pd.read_json(path, lines=True, dtype=False)),
}


def as_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Whole numbers without a fraction, gaps as empty texts."""
    return frame.map(
        lambda v: "" if pd.isna(v) else str(int(v)) if isinstance(v, float) and v == int(v) else str(v)
    )


@pytest.mark.parametrize("ending", READ)
def test_the_rows_own_columns_stand_beside_their_clusters(run, monkeypatch, rows, ending):
    begin(run, monkeypatch, rows)
    status, _, err = run("cluster", rows, "--name", "rows", "-o", f"out.{ending}", *WORDS)
    assert status == 0 and f"Wrote out.{ending}: 3 clusters." in err
    found = READ[ending](f"out.{ending}")
    assert list(found.columns) == [
        "row", "id", "cluster", "probability", "new_cluster_probability", "answered", "answered_by",
        "key", "a", "b", "n", "cluster (data)",
    ]  # fmt: skip
    assert found["id"].tolist() == found["key"].tolist() == [f"{i:03}" for i in range(30)]
    assert found["cluster"].tolist()[:3] == ["null", "one", "2"]
    assert found["answered_by"].tolist()[:3] == ["eva", "", "bob"]
    assert found["n"].tolist() == [*(str(i) for i in range(29)), ""]
    assert found["cluster (data)"].tolist()[:2] == ["=1+1", "größe"]
    if ending == "csv":
        assert Path("out.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    again = load(f"out.{ending}", id_column="key", label_column="cluster", features=["a", "b"])
    assert again.row_ids.values == tuple(f"{i:03}" for i in range(30))


def test_an_unknown_format_is_refused_before_the_rows_are_read(run, rows):
    status, _, err = run("cluster", rows, "-o", "out.json", *WORDS)
    assert status == 1 and "ends in .csv, .tsv, .xlsx, .jsonl, .parquet; got 'out.json'" in err
    assert "Standardised" not in err and not Path("out.json").exists()


def test_columns_can_be_left_out(run, rows):
    status, out, _ = run("cluster", rows, "--no-columns", *WORDS)
    assert status == 0
    header = next(csv.reader(io.StringIO(out)))
    assert header[-1] == "answered_by" and "key" not in header


def test_answers_are_exported_with_ids_and_columns_and_find_their_rows_again(
    run, monkeypatch, rows, tmp_path
):
    begin(run, monkeypatch, rows)
    status, out, err = run("export", "--name", "rows")
    lines = list(csv.DictReader(io.StringIO(out)))
    assert [(line["id"], line["row"], line["cluster"]) for line in lines] == [
        ("000", "0", "null"), ("001", "1", "one"), ("002", "2", "2")
    ]  # fmt: skip
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for ending in ("csv", "parquet", "json"):
        db = tmp_path / "activeclust.db"
        status, _, err = run("export", "--db", db, "--name", "rows", "--columns", "-o", f"out.{ending}")
        assert status == 0, err
    whole = pd.read_csv("out.csv", dtype=str, keep_default_na=False)
    assert list(whole.columns[-6:]) == ["id", "key", "a", "b", "n", "cluster (data)"]
    assert whole["n"].tolist() == ["0", "1", "2"] and whole["key"].tolist() == ["000", "001", "002"]
    assert pd.read_parquet("out.parquet")["cluster (data)"].tolist()[1] == "größe"
    assert '"cluster (data)": "größe"' in Path("out.json").read_text(encoding="utf-8")
    # into a run over the file backwards
    frame = pd.read_csv(tmp_path / "rows.csv", dtype=str, keep_default_na=False)
    frame[::-1].to_csv("back.csv", index=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run("annotate", "back.csv", "--ui", "terminal", "--seed", "0", *WORDS)[0] == 0
    for file in ("out.csv", "out.parquet"):
        status, _, err = run("import", file, "--name", "back")
        assert status == 0, err
    store = open_store("activeclust.db")
    assert {a.row: a.cluster for a in store.open_run("back").anchors()} == {29: "null", 28: "one", 27: 2}
    store.close()
    frame[1:].to_csv(tmp_path / "rows.csv", index=False)
    status, _, err = run("export", "--db", tmp_path / "activeclust.db", "--name", "rows", "--columns")
    assert status == 1 and "has other rows" in err


@pytest.mark.filterwarnings("default:The file is not UTF-8")
def test_answers_in_another_encoding_are_imported_and_the_guess_is_said(run, rows, tmp_path):
    (tmp_path / "a.csv").write_bytes("row;cluster\n0;Käse\n".encode("cp1252"))
    status, _, err = run("import", "a.csv", "--name", "x", "--rows", "30")
    assert status == 0 and "read as cp1252, as in 'Käse'" in err


def test_the_data_are_read_as_for_the_run(run, monkeypatch, rows):
    begin(run, monkeypatch, rows)
    whole = run("cluster", rows, "--name", "rows", *WORDS)[1]
    status, out, err = run("cluster", rows, "--name", "rows", "--device", "cpu")
    assert status == 0 and out == whole
    assert "As in run 'rows': --id-column key, --features a,b." in err
    status, out, err = run("cluster", rows, "--name", "rows", "--device", "cpu", "--features", "a")
    assert status == 0 and out != whole and "--features" not in err
