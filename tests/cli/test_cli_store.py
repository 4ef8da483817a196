"""The commands over the store as a shell sees them: arguments, exit status, two streams."""

from __future__ import annotations

import csv
import io
import json
import sqlite3

import pytest

from activeclust.cli import main
from activeclust.store import open_store
from activeclust.store.records import Event, Kind, RunSpec


@pytest.fixture
def db(tmp_path):
    """A team's run: three people a row, one dispute, a name that is no ordinary one."""
    path = tmp_path / "answers.db"
    store = open_store(path)
    run = store.create_run(RunSpec("mine", "entropy", 0, 20, "h", "m", options={"annotators": 3}))
    for row, answers in enumerate(["ccc", "cdc", "cd", "dd", "c"]):
        for who, cluster in zip(["eva", "bob", "\x1b[31m"], answers, strict=False):
            details = {"suggestions": [["c", 0.75], ["d", 0.25]]}
            run.append(Event(Kind.LABEL, row=row, cluster=cluster, annotator=who, details=details))
    run.append(Event(Kind.LABEL, row=0, cluster=1, annotator="eva"))
    run.append(Event(Kind.UNDO, target=12, annotator="bob"))
    store.close()
    return str(path)


@pytest.fixture
def call(capsys):
    """``call(*arguments) -> (exit status, stdout, stderr)``."""

    def call(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return caught.value.code, out, err

    return call


def test_log_shows_who_said_what_when_and_what_it_replaced(call, db):
    status, out, err = call("log", "--db", db, "--name", "mine")
    lines = out.splitlines()
    assert (status, err, len(lines)) == (0, "", 13)
    assert lines[0].split()[:1] == ["1"] and "eva" in lines[0] and "row 0 is 'c'" in lines[0]
    assert "(before: row 0 is 'c' by eva, event 1)" in lines[1]
    assert lines[11].endswith("[taken back by event 13]")
    assert "took back event 12" in lines[12] and "row 0 is 1 by eva" in lines[12]
    assert "\x1b" not in out, "a name must not reach the terminal as a command to it"


def test_log_is_narrowed_down(call, db):
    assert len(call("log", "--db", db, "--name", "mine", "--annotator", "bob")[1].splitlines()) == 5
    assert len(call("log", "--db", db, "--name", "mine", "--row", "0")[1].splitlines()) == 5
    assert len(call("log", "--db", db, "--name", "mine", "--last", "2")[1].splitlines()) == 2
    assert call("log", "--db", db, "--name", "mine", "--row", "19") == (0, "", "There are no such answers.\n")


def test_log_as_json(call, db):
    records = [
        json.loads(line) for line in call("log", "--db", db, "--name", "mine", "--json")[1].splitlines()
    ]
    assert [record["seq"] for record in records] == list(range(1, 14))
    assert (records[11]["cluster"], records[11]["undone_by"], records[12]["replaced"]) == (1, 13, 12)


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet", "label-studio"])
def test_export_and_import_go_round(call, db, tmp_path, format):
    first, again = tmp_path / f"first.{format}", tmp_path / "again.db"
    status, out, err = call("export", "--db", db, "--name", "mine", "--format", format, "-o", first)
    assert (status, out, err) == (0, "", f"Wrote {first}.\n")
    rows = [] if format in ("jsonl", "parquet") else ["--rows", 20]
    status, out, err = call("import", first, "--db", again, "--name", "mine", "--format", format, *rows)
    assert (status, out) == (0, "") and "Run 'mine': 1" in err
    second = tmp_path / "second"
    call("export", "--db", again, "--name", "mine", "--format", format, "-o", second)
    if rows:  # a file that does not tell how many people answer a row makes a run that asks one
        old, new = open_store(db), open_store(again)
        assert [v[:4] for v in _votes(new)] == [v[:4] for v in _votes(old)]
        old.close()
        new.close()
    else:
        assert second.read_bytes() == first.read_bytes()
    assert sorted(path.name for path in tmp_path.glob("*.part")) == []


def _votes(store):
    return [(v.row, v.kind, v.cluster, v.annotator, v.seq) for v in store.open_run("mine").votes()]


def test_export_goes_to_stdout_and_import_comes_from_stdin(call, db, tmp_path, monkeypatch):
    status, out, err = call("export", "--db", db, "--name", "mine")
    lines = list(csv.DictReader(io.StringIO(out, newline="")))
    assert (status, err, len(lines)) == (0, "", 11)
    assert [line["row"] for line in lines if line["counts"] == "1"] == ["0", "1", "3", "4"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(out.encode())))
    other = tmp_path / "other.db"
    status, _, err = call("import", "-", "--format", "csv", "--db", other, "--name", "x", "--rows", 20)
    assert status == 0 and "11 new events" in err


def test_suggestions_of_the_clusterer_become_predictions(call, db, tmp_path):
    made = tmp_path / "clusters.csv"
    made.write_text("row,cluster,probability\n7,c,0.9\n8,d,0.6\n")
    config = tmp_path / "config.xml"
    where = ["--db", db, "--name", "mine", "--format", "label-studio"]
    status, out, _ = call("export", *where, "--suggestions", made, "--label-config", config)
    tasks = {task["data"]["row"]: task for task in json.loads(out)}
    assert status == 0 and sorted(tasks) == [0, 1, 2, 3, 4, 7, 8]
    assert [p["score"] for p in tasks[0]["predictions"]] == [0.75, 0.25]
    assert tasks[8]["predictions"][0]["result"][0]["value"] == {"choices": ["d"]}
    assert '<Choice value="c"/>' in config.read_text()
    made.write_text("row,cluster\n7,c\n")
    status, _, err = call("export", *where, "--suggestions", made)
    assert status == 1 and "probability" in err


def test_review_shows_disputes_and_decides(call, db):
    status, out, err = call("review", "--db", db, "--name", "mine")
    assert (status, len(out.splitlines())) == (0, 2) and err.startswith("2 rows")
    assert "row 1:" in out and "counts as 'c'" in out and "row 2: eva 'c', bob 'd'; waits for a review" in out
    status, out, err = call(
        "review", "--db", db, "--name", "mine", "--row", 2, "--cluster", "d", "--annotator", "boss"
    )
    assert (status, out) == (0, "") and "Row 2 counts as 'd' now (event 14)" in err
    records = call("review", "--db", db, "--name", "mine", "--json")[1].splitlines()
    assert [json.loads(record)["row"] for record in records] == [1]
    assert call("review", "--db", db, "--name", "mine", "--row", 2)[0] == 2


def test_agreement_is_reported(call, db):
    pytest.importorskip("krippendorff")
    pytest.importorskip("statsmodels")
    status, out, _ = call("agreement", "--db", db, "--name", "mine", "--json")
    found = json.loads(out)
    assert status == 0 and (found["n_rows"], found["n_disputed"]) == (4, 2)
    assert found["cohen"][0]["annotators"] == ["\x1b[31m", "bob"]
    status, out, _ = call("agreement", "--db", db, "--name", "mine")
    assert status == 0 and "Krippendorff's alpha" in out and "\x1b" not in out


def test_db_check_and_upgrade_say_how_things_stand(call, db):
    status, out, err = call("db", "check", db)
    assert (status, err) == (0, "") and out.endswith("schema 0004 (current), 1 runs, 13 events\n")
    assert json.loads(call("db", "check", db, "--json")[1])["ok"] is True
    status, out, err = call("db", "upgrade", db)
    assert (status, out) == (0, "") and "schema 0004 already" in err


def test_database_of_another_schema_is_status_3(call, db):
    connection = sqlite3.connect(db)
    connection.execute("UPDATE activeclust_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    for command in (["log", "--db", db, "--name", "mine"], ["db", "upgrade", db], ["db", "check", db]):
        status, _, err = call(*command)
        assert status == 3 and "pip install --upgrade activeclust" in err


def test_damaged_database_is_status_1(call, db):
    connection = sqlite3.connect(db)
    connection.execute("DELETE FROM activeclust_outcome")
    connection.commit()
    connection.close()
    status, out, _ = call("db", "check", db)
    assert status == 1 and "not those of its log" in out


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        (["log", "--db", "{}/nowhere.db", "--name", "mine"], 1, "There is no database at"),
        (["log", "--db", "{db}", "--name", "yours"], 1, "There is no run 'yours'"),
        (["log", "--db", "{db}"], 2, "--name"),
        (["export", "--db", "{db}", "--name", "mine", "--format", "cvs"], 2, "cvs"),
        (["export", "--db", "{db}", "--name", "mine", "-o", "{}/x.txt"], 1, "Cannot tell the format"),
        (["export", "--db", "{db}", "--name", "mine", "-o", "{}/no/x.csv"], 1, "Cannot write"),
        (["export", "--db", "{db}", "--name", "mine", "--label-config", "x"], 2, "label-studio"),
        (["import", "{}/no.csv", "--db", "{db}", "--name", "x"], 1, "Cannot read"),
        (["import", "-", "--db", "{db}"], 2, "--format"),
        (["db", "check", "{}/nowhere.db"], 1, "There is no database at"),
        (["db", "upgrade", "{}/nowhere.db"], 1, "There is no database at"),
        (["db", "check", "{}"], 1, "is a folder"),
    ],
)
def test_what_cannot_be_done_is_said_on_stderr(call, db, tmp_path, command, status, words):
    given = [word.replace("{db}", db).replace("{}", str(tmp_path)) for word in command]
    found, out, err = call(*given)
    assert (found, out) == (status, "") and words in err
    assert "Traceback" not in err
