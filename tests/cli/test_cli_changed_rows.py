"""A file that was sorted, or has other rows: answers go to their rows, or nowhere."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from activeclust.store import open_store
from activeclust.store.records import Event, Kind


@pytest.fixture
def rows(tmp_path):
    """A CSV of 30 rows in three groups, with ids or without; gives a function that writes it in another order."""
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(30, 2)) + 9 * np.eye(3, 2)[np.arange(30) % 3], 3)

    def write(order, ids=True, more=""):
        head = "id,a,b\n" if ids else "a,b\n"
        lines = (f"{f'n{i:02},' if ids else ''}{X[i, 0]},{X[i, 1]}\n" for i in order)
        (tmp_path / "rows.csv").write_text(head + "".join(lines) + more)
        return "rows.csv"

    return write


def begin(run, file):
    """Rows 0, 1, 2 of the file are "zero", "one", "two"."""
    status, _, err = run("annotate", file, "--ui", "terminal", "--seed", "0", "--device", "cpu")
    assert status == 0, err
    store = open_store("activeclust.db")
    stored = store.open_run("rows")
    stored.extend(Event(Kind.LABEL, row=i, cluster=name) for i, name in enumerate(("zero", "one", "two")))
    store.close()


def clusters(out):
    return {line.get("id") or line["row"]: line for line in csv.DictReader(io.StringIO(out))}


@pytest.mark.parametrize("ids", [True, False])
def test_a_sorted_file_is_refused_and_with_changed_its_answers_find_their_rows(
    run, rows, ids, tmp_path, monkeypatch
):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    begin(run, rows(range(30), ids))
    same = clusters(run("cluster", "rows.csv", "--name", "rows", "--device", "cpu")[1])
    backwards = list(range(29, 0, -1))  # and without row 0
    file = rows(backwards, ids, "n99,50,50\n" if ids else "50,50\n")
    status, out, err = run("cluster", file, "--name", "rows", "--device", "cpu")
    assert status == 1 and out == "" and "1 row removed, 1 row added" in err and "--changed" in err
    status, out, err = run("cluster", file, "--name", "rows", "--device", "cpu", "--changed")
    assert status == 0 and "2 of the 3 answers of run 'rows' found their rows" in err
    now = list(clusters(out).values())
    then = list(same.values())
    assert [line["answered"] for line in now] == ["1" if i in (1, 2) else "0" for i in (*backwards, 99)]
    assert [line["cluster"] for line in now if line["answered"] == "1"] == ["two", "one"]
    assert [then[i]["cluster"] for i in backwards if i % 3] == [
        line["cluster"] for i, line in zip(backwards, now, strict=False) if i % 3
    ]
    words = ("annotate", file, "--ui", "terminal", "--device", "cpu")
    status, _, err = run(*words)
    assert status == 1 and "1 row removed, 1 row added, 29 rows elsewhere" in err and "--changed" in err
    monkeypatch.setattr("sys.stdin", io.StringIO("n two\n"))
    status, _, err = run(*words, "--changed")
    told = "id" if ids else "content"
    assert status == 0, err
    assert f"2 answers carried over by {told}; 1 answer belonged to removed rows." in err
    store = open_store("activeclust.db")
    anchors = {anchor.row: anchor.cluster for anchor in store.open_run("rows").anchors()}
    assert {anchors[backwards.index(1)], anchors[backwards.index(2)]} == {"one", "two"} and len(anchors) == 3
    store.close()


def test_an_oracle_that_knows_some_rows_is_asked_about_those_and_scored_by_them(run, tmp_path):
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(40, 2)) + 9 * np.eye(2)[np.arange(40) % 2], 3)
    names = ["" if i % 3 else ("NA", "01")[i % 2] for i in range(40)]
    lines = (f"{a},{b},{name}\n" for (a, b), name in zip(X, names, strict=True))
    (tmp_path / "t.csv").write_text("a,b,label\n" + "".join(lines))
    words = ("--strategy", "random", "--budget", "14", "--json", "--device", "cpu")
    status, out, err = run("loop", "--oracle", "t.csv", *words)
    assert status == 0 and "26 rows of 40 rows have no label" in err
    document = json.loads(out)
    assert document["metrics"]["accuracy"] == 1.0 and set(document["clusters"]) == {"NA", "01"}
    assert document["answers"] == 14
