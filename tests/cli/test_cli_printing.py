"""Names come from files and databases: they are shown, and nothing obeys them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from activeclust.store import open_store
from activeclust.store.records import Event, Kind, Round, RunSpec

HOSTILE = "data[/old]$x_$\x1b[31m\u202ecat"


@pytest.fixture
def db(tmp_path):
    store = open_store(tmp_path / "activeclust.db")
    run = store.create_run(RunSpec(HOSTILE, "random", 0, 9, "", "", source=f"{HOSTILE}.csv"))
    run.extend(
        [Event(Kind.LABEL, row=i, cluster=name, annotator=HOSTILE) for i, name in enumerate([HOSTILE, "猫"])]
    )
    run.add_round(Round(0, 2, {"accuracy": 0.5}))
    store.close()
    return tmp_path / "activeclust.db"


def quiet(text):
    return "\x1b" not in text and "\u202e" not in text


def test_commands_show_names_and_obey_none(run, db):
    for words in (
        ["runs"],
        ["report", "--out", "out"],
        ["log"],
        ["review"],
        ["agreement"],
    ):
        given = [] if words[0] == "runs" else ["--name", HOSTILE]
        status, out, err = run(*words, "--db", db, *given)
        assert status in (0, 1) and quiet(out) and quiet(err), words
    assert "data[/old]$x_$␛[31m" in run("runs", "--db", db)[1]
    status, _, err = run("report", "--db", db, "--name", f"{HOSTILE}!")
    assert status == 1 and quiet(err) and "no run" in err
    assert " UTC  " in run("log", "--db", db, "--name", HOSTILE)[1]


def test_names_of_columns_are_no_commands(run, tmp_path):
    (tmp_path / "t.csv").write_text("a\x1b[2J,b\n" + "".join(f"x{i % 2},{i}\n" for i in range(12)))
    status, _, err = run("cluster", "t.csv", "--device", "cpu")
    assert status == 0 and quiet(err) and "One-hot encoded: a␛[2J" in err
    status, _, err = run("cluster", "t.csv", "--features", "c", "--device", "cpu")
    assert status == 1 and quiet(err)


@pytest.mark.parametrize("words", [["log", "--name", HOSTILE], ["runs"]])
def test_an_output_that_cannot_hold_a_name_gets_a_sentence(db, words, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "activeclust", *words, "--db", str(db)],
        capture_output=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert b"Traceback" not in done.stderr
    assert done.returncode == 0 or b"PYTHONIOENCODING=utf-8" in done.stderr
