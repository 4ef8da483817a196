"""A run begins with what is known, and says where it is kept."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from activeclust.store import open_store

WORDS = ("--ui", "terminal", "--device", "cpu", "--seed", "0")


@pytest.fixture
def begin(run, monkeypatch):
    """``activeclust annotate`` with what is typed; gives what was said on stderr."""

    def call(typed, *words):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        status, _, err = run("annotate", *words, *WORDS)
        assert status == 0, err
        return err

    return call


def anchors(name="rows", db="activeclust.db"):
    store = open_store(db, create=False)
    found = {anchor.row: anchor.cluster for anchor in store.open_run(name).anchors()}
    store.close()
    return found


def table(tmp_path, labels=None):
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(30, 2)) + 9 * np.eye(3, 2)[np.arange(30) % 3], 3)
    lines = [f"n{i},{a},{b}" + ("" if labels is None else f",{labels[i]}") for i, (a, b) in enumerate(X)]
    head = "id,a,b" + ("" if labels is None else ",label")
    (tmp_path / "rows.csv").write_text("\n".join([head, *lines]) + "\n")
    return tmp_path / "rows.csv"


def test_a_partly_filled_column_of_labels_is_a_beginning(begin, run, tmp_path):
    labels = [""] * 30
    labels[4], labels[9], labels[20] = "01", "NA", "7"
    err = begin("u\nn seven\nq\n", table(tmp_path, labels))
    assert "The run begins with 3 answers from the data's own labels." in err
    found = anchors()
    assert (found.pop(4), found.pop(9)) == ("01", "NA") and list(found.values()) == [
        "seven"
    ]  # the third is taken back
    assert "begins with" not in begin("q\n", table(tmp_path, labels))
    assert anchors() == {4: "01", 9: "NA", **found}
    assert json.loads(run("report", "--name", "rows", "--json")[1])["metrics"].get("accuracy") is None


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("naming", ["id", "row"])
def test_answers_of_a_file_are_a_beginning_once(begin, tmp_path, separator, naming):
    rows = table(tmp_path)
    lines = [[naming, "Cluster", "annotator"]]
    lines += [
        [f"n{i}" if naming == "id" else i, name, who]
        for i, name, who in ((3, "a; b", "eva"), (5, "", ""), (7, "é", ""))
    ]
    with (tmp_path / "given.csv").open("w", newline="", encoding="cp1252") as file:
        csv.writer(file, delimiter=separator).writerows(lines)
    err = begin("q\n", rows, "--answers", "given.csv")
    assert "The run begins with 2 answers from given.csv." in err and "read as cp1252" in err
    assert anchors() == {3: "a; b", 7: "é"}
    begin("u\nq\n", rows, "--answers", "given.csv")
    assert anchors() == {3: "a; b"}
    begin("q\n", rows, "--answers", "given.csv")
    assert anchors() == {3: "a; b"}


@pytest.mark.parametrize("ending", [".jsonl", ".json"])
def test_answers_of_a_json_file_are_a_beginning(begin, run, tmp_path, ending):
    rows = table(tmp_path)
    given = [{"id": "n3", "cluster": "a"}, {"id": "n5", "cluster": 2}, {"id": "n7", "cluster": None}]
    lines = [json.dumps(given)] if ending == ".json" else [json.dumps(answer) for answer in given]
    (tmp_path / f"given{ending}").write_text("\n".join(lines) + "\n")
    assert "The run begins with 2 answers" in begin("q\n", rows, "--answers", f"given{ending}")
    assert anchors() == {3: "a", 5: "2"}
    given[1]["id"] = "n99"
    (tmp_path / f"given{ending}").write_text(json.dumps(given))
    status, _, err = run("annotate", rows, *WORDS, "--name", "other", "--answers", f"given{ending}")
    assert status == 1 and f"given{ending}, record 2: there is no row 'n99' in the data." in err


def test_the_log_of_a_run_is_no_table_of_answers(begin, run, tmp_path):
    rows = table(tmp_path)
    begin("n 1\nq\n", rows)
    assert run("export", "--name", "rows", "-o", "log.jsonl")[0] == 0
    status, _, err = run("cluster", rows, "--answers", "log.jsonl", "--device", "cpu")
    assert status == 1 and "log.jsonl is the log of a run, not a table of answers." in err
    assert "`activeclust import log.jsonl`" in err


def test_what_was_exported_is_a_beginning_elsewhere(begin, run, tmp_path):
    rows = table(tmp_path)
    begin("n 1\nn one\ns\n?\nn 1\nq\n", rows)
    before = anchors()
    assert run("export", "--name", "rows", "-o", "given.csv")[0] == 0
    begin("q\n", rows, "--name", "again", "--answers", "given.csv")
    assert anchors("again") == before
    status, out, _ = run("cluster", rows, "--answers", "given.csv", "--device", "cpu")
    assert status == 0
    lines = list(csv.DictReader(io.StringIO(out)))
    assert {int(line["row"]): line["cluster"] for line in lines if line["answered"] == "1"} == before


def test_a_simulated_run_begins_with_answers_too(run, tmp_path):
    rows = table(tmp_path, [f"c{i % 3}" for i in range(30)])
    (tmp_path / "given.csv").write_text("id,cluster\nn0,c0\nn1,c1\n")
    words = ("--answers", "given.csv", "--budget", "5", "--strategy", "random", "--json", "--device", "cpu")
    status, out, err = run("loop", "--oracle", rows, *words)
    assert status == 0 and "begins with 2 answers" in err
    document = json.loads(out)
    assert document["answers"] == 5 and document["rounds"][0]["budget"] == 2


def test_it_is_said_where_answers_are_kept_and_where_others_are(begin, tmp_path, monkeypatch):
    monkeypatch.setenv("ACTIVECLUST_CACHE", str(tmp_path / "cache"))
    rows = table(tmp_path)
    (tmp_path / "one").mkdir(), (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "one")
    err = begin("n x\nq\n", rows)
    database = tmp_path / "one" / "activeclust.db"
    assert f"The answers are kept in {database}, a new database." in err
    assert "kept in" not in begin("q\n", rows).replace("kept as", "")
    monkeypatch.chdir(tmp_path / "other")
    err = begin("q\n", rows)
    assert f"A run 'rows' over {rows} with 1 answers is in {database}: --db {database}" in err
