"""What people do on the command line: cluster with the answers they have, and answer in the terminal."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import warm

COMMAND = ["-W", "error", "-m", "activeclust"]


def spoil(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_cluster_with_the_answers_of_a_run(run, rows_file, tmp_path):
    run("loop", "--oracle", rows_file, "--budget", 9, "--batch-size", 3, "--name", "a")
    status, _, err = run("cluster", rows_file, "--name", "a", "-o", tmp_path / "out.csv")
    assert status == 0, err
    lines = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert [line["row"] for line in lines] == [str(i) for i in range(80)]
    assert lines[3]["id"] == "r3"
    assert sum(line["answered"] == "1" for line in lines) == 9
    right = [line["cluster"] == ["red", "green", "blue"][i % 3] for i, line in enumerate(lines)]
    assert np.mean(right) > 0.9


def test_cluster_with_a_file_of_anchors_and_with_none(run, rows_file, tmp_path):
    anchors = spoil(tmp_path / "anchors.csv", "row,cluster\n0,rot\n1,gruen\n2,blau\n3,rot\n")
    status, out, err = run("cluster", rows_file, "--anchors", anchors)
    assert status == 0, err
    lines = list(csv.DictReader(out.splitlines()))
    assert {line["cluster"] for line in lines} == {"rot", "gruen", "blau"}
    status, out, _ = run("cluster", rows_file)
    assert status == 0
    assert len(list(csv.DictReader(out.splitlines()))) == 80


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "anchors.csv is empty"),
        ("a,b\n1,2\n", "must have the columns row and cluster"),
        ("row,cluster\n", "holds no answers"),
        ("row,cluster\n80,x\n", "line 2: row '80' is not a number from 0 to 79"),
        ("row,cluster\n1,\n2,\n", "holds no answers"),
        ("id,cluster\nr1,x\nr99,y\n", "line 3: there is no row 'r99' in the data"),
        ("row,cluster\n1,x\n1,y\n", "line 3: row 1 is in two clusters, 'x' and 'y'"),
    ],
)
def test_bad_anchors_are_refused(run, rows_file, tmp_path, text, says):
    status, out, err = run("cluster", rows_file, "--anchors", spoil(tmp_path / "anchors.csv", text))
    assert (status, out) == (1, "")
    assert says in err


def annotate(rows_file: Path, folder: Path, typed: str, *words: str) -> tuple[str, str]:
    """A person at the other end of a pipe, on a screen of 80 columns without colours."""
    done = warm.run(
        [*COMMAND, "annotate", str(rows_file), "--seed", "0", *words],
        cwd=folder,
        text=typed,
        env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_a_person_answers_through_a_pipe_today_and_tomorrow(run, rows_file, tmp_path):
    out, err = annotate(rows_file, tmp_path, "n red\nn green\ns\n?\nr\nG\nx!\nn\nblue\nq\n")
    assert "3 clusters, kept as run 'rows'" in err
    assert "\x1b" not in out
    assert max(len(line) for line in out.splitlines()) <= 80
    for part in ("[r]", "[g]", "[n]", "new cluster", "[u] undo", "'x' is not a key here", "5 answers"):
        assert part in out + err
    events = json.loads(run("report", "--name", "rows", "--json")[1])
    assert events["answers"] == 5
    out, err = annotate(rows_file, tmp_path, "u\nu\n", "--budget", "30")
    assert "The last answer is taken back." in out
    assert "3 answers, 2 clusters" in err


@pytest.fixture
def type_in(run, monkeypatch):
    """The same within this process."""

    def call(typed: str, *words: object) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        return run("annotate", *words, "--strategy", "random", "--seed", 0)

    return call


def test_the_end_of_a_budget_is_the_end(type_in, rows_file):
    status, out, err = type_in("n red\n" * 9, rows_file, "--budget", 2)
    assert status == 0
    assert "The budget is used up. 2 answers, 1 clusters" in err
    assert out.count("[Enter]") == 2


def test_pictures_are_shown(type_in, tmp_path):
    np.savez(tmp_path / "p.npz", X=np.random.default_rng(0).random((12, 9, 9)))
    _, out, _ = type_in("n a\nq\n", tmp_path / "p.npz")
    assert any(len(set(line) & set(".:-=+*#%@")) > 5 for line in out.splitlines())


def test_a_person_may_not_give_a_larger_budget_than_there_are_rows(type_in, rows_file):
    status, out, err = type_in("q\n", rows_file, "--budget", 81)
    assert (status, out) == (1, "")
    assert "81 answers is larger than the pool of 80 rows" in err
