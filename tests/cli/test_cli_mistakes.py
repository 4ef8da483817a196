"""Mistakes on the command line: each gets one clear sentence; and every command has help."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from activeclust.cli import HOMES


def spoil(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


DIGITS = ["--oracle", "digits"]
MISTAKES = {
    "unknown oracle": (lambda p: ["--oracle", "mnits"], 1, "no data set 'mnits'. Did you"),
    "unknown strategy": (lambda p: [*DIGITS, "--strategy", "entrpy"], 1, "Did you mean 'entropy'"),
    "no oracle": (lambda p: [], 2, "Missing option '--oracle'"),
    "missing file": (lambda p: ["--oracle", "none.csv"], 1, "There is no file none.csv"),
    "empty file": (lambda p: ["--oracle", spoil(p / "e.csv", "")], 1, "is empty"),
    "not numeric": (lambda p: ["--oracle", spoil(p / "n.csv", "a,label\n1,x\n2,y\n3,x\nO,y\n")], 1, "row 3 "),
    "ragged": (lambda p: ["--oracle", spoil(p / "r.csv", "a,label\n1,x\n2,y,z\n")], 1, "line 3 has 3"),
    "gaps": (lambda p: ["--oracle", spoil(p / "g.csv", "a,label\n1,x\n,y\n3,x\n")], 1, "row 1 "),
    "infinite": (lambda p: ["--oracle", spoil(p / "i.csv", "a,label\n1,x\n2,y\n-inf,x\n")], 1, "row 2 "),
    "one row": (lambda p: ["--oracle", spoil(p / "o.csv", "a,label\n1,x\n")], 1, "has 1 row"),
    "identical rows": (lambda p: ["--oracle", spoil(p / "s.csv", "a,label\n1,x\n1,y\n")], 1, "identical"),
    "no labels": (lambda p: ["--oracle", spoil(p / "l.csv", "a,b\n1,2\n3,4\n")], 1, "--label-column"),
    "budget": (lambda p: [*DIGITS, "--budget", 9999], 1, "9,999 answers is larger"),
    "budget zero": (lambda p: [*DIGITS, "--budget", 0], 2, "--budget"),
    "stop rule": (lambda p: [*DIGITS, "--stop", "tired"], 1, "no stop rule"),
    "foreign database": (lambda p: [*DIGITS, "--db", spoil(p / "f.db", "hello " * 99)], 1, "f.db"),
    "database folder": (lambda p: [*DIGITS, "--db", p / "no" / "such.db"], 1, "such.db"),
    "resume nothing": (lambda p: [*DIGITS, "--resume"], 1, "no run 'digits-auto-seed0'"),
    "resume unknown": (lambda p: ["--resume", "--name", "x"], 1, "no run 'x'"),
    "out is a file": (lambda p: [*DIGITS, "--out", spoil(p / "out", "")], 1, "is not writable"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_gets_one_clear_sentence(run, tmp_path, case):
    words, status, says = MISTAKES[case]
    got, out, err = run("loop", *words(tmp_path))
    assert got == status, err
    assert out == ""
    assert says in err
    if status == 1:
        notes, _, sentence = err.rstrip("\n").rpartition("\n")  # what was done to the columns may come before
        assert sentence.startswith("Error: ")
        assert "Error" not in notes


def test_labels_of_another_length(run, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(12.0).reshape(6, 2))
    np.save(tmp_path / "x_labels.npy", np.arange(5))
    status, _, err = run("loop", "--oracle", tmp_path / "x.npy")
    assert status == 1
    assert "5 labels for 6 rows" in err


def test_a_name_that_exists_needs_resume(run, rows_file):
    words = ("loop", "--oracle", rows_file, "--budget", 3, "--name", "same", "--strategy", "random")
    assert run(*words)[0] == 0
    status, _, err = run(*words)
    assert status == 1
    assert "'same'" in err
    assert "--resume" in err
    assert json.loads(run("runs", "--json")[1])[0]["answers"] == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_found_before_the_first_question(run, rows_file, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    status, _, err = run("loop", "--oracle", rows_file, "--out", locked / "out")
    assert status == 1
    assert "is not writable" in err


def test_an_unknown_command_suggests_the_nearest(run):
    status, _, err = run("lop")
    assert status == 2
    assert "Did you mean 'loop'" in err


def test_runs_of_a_database_that_is_not_there(run, tmp_path):
    status, out, err = run("runs")
    assert (status, out) == (1, "")
    assert "activeclust.db" in err
    assert not (tmp_path / "activeclust.db").exists(), "looking makes no file"


@pytest.mark.parametrize("name", HOMES)
def test_every_command_has_help(run, name):
    status, out, _ = run(name, "--help")
    assert status == 0
    assert out.startswith(f"Usage: activeclust {name}")


def test_help_lists_every_command(run):
    _, out, _ = run("--help")
    assert all(f"  {name} " in out for name in HOMES)
