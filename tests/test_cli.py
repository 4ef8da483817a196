"""The command line as a user meets it: real data, the real network, real processes, real mistakes."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from activeclust.cli import HOMES, main

COMMAND = [sys.executable, "-W", "error", "-m", "activeclust.cli"]


@pytest.fixture(scope="session")
def rows_file(tmp_path_factory):
    """80 labelled rows in three well-kept groups."""
    rng = np.random.default_rng(0)
    codes = np.arange(80) % 3
    X = rng.normal(size=(80, 4)) + 7 * np.eye(3, 4)[codes]
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "a", "b", "c", "d", "label"])
        for i, (row, code) in enumerate(zip(X, codes, strict=True)):
            writer.writerow([f"r{i}", *row.round(4), ["red", "green", "blue"][code]])
    return path


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Run a command in a fresh folder: (exit status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return int(caught.value.code or 0), out, err

    return call


def assert_same_rounds(rounds: list[dict], others: list[dict]) -> None:
    """The same questions to the row, and the same metrics to what rounding leaves of them."""
    assert [(r["budget"], r["asked"]) for r in rounds] == [(r["budget"], r["asked"]) for r in others]
    for one, other in zip(rounds, others, strict=True):
        numbers = [{k: v for k, v in r.items() if k != "asked" and v is not None} for r in (one, other)]
        assert numbers[0] == pytest.approx(numbers[1], abs=1e-5)


# ---------------------------------------------------------------- loop


def test_loop_prints_a_table_and_writes_its_files(run, rows_file, tmp_path):
    status, out, err = run("loop", "--oracle", rows_file, "--strategy", "entropy", "--budget", 12)
    assert status == 0, err
    for heading in ("answers", "accuracy", "V-measure", "ARI", "clusters"):
        assert heading in out
    folder = tmp_path / "activeclust-out" / "rows-entropy-seed0"
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    lines = (folder / "rounds.csv").read_text().splitlines()
    assert len(lines) == 14
    assert str(folder.relative_to(tmp_path)) in err
    stored = sqlite3.connect(tmp_path / "activeclust.db")
    assert stored.execute("select count(*) from activeclust_event").fetchone() == (12,)
    stored.close()


def test_loop_as_json_prints_one_document_and_nothing_else(run, rows_file):
    status, out, _ = run(
        "loop", "--oracle", rows_file, "--budget", 6, "--batch-size", 2, "--json", "--name", "j"
    )
    assert status == 0
    document = json.loads(out)
    assert document["run"] == "j"
    assert document["answers"] == 6
    assert document["ended"] == "budget"
    assert [record["budget"] for record in document["rounds"]] == [0, 2, 4, 6]
    assert 0 <= document["metrics"]["accuracy"] <= 1
    assert all(Path(file).is_file() for file in document["files"])
    status, again, _ = run("report", "--name", "j", "--json")
    again = json.loads(again)
    assert again["rounds"] == document["rounds"]
    assert again["files"] == []


def test_the_same_command_twice_makes_two_runs_of_the_same_answers(run, rows_file):
    words = ("loop", "--oracle", rows_file, "--budget", 5, "--strategy", "random", "--json")
    first, second = json.loads(run(*words)[1]), run(*words)
    document = json.loads(second[1])
    assert (first["run"], document["run"]) == ("rows-random-seed0", "rows-random-seed0-2")
    assert first["rounds"] == document["rounds"]
    assert "--resume continues it" in second[2]
    listed = json.loads(run("runs", "--json")[1])
    assert [line["run"] for line in listed] == ["rows-random-seed0", "rows-random-seed0-2"]
    assert {line["answers"] for line in listed} == {5}
    assert "rows-random-seed0-2" in run("runs")[1]


def test_resume_remembers_what_was_not_said_again(run, rows_file, tmp_path, monkeypatch):
    run("loop", "--oracle", rows_file, "--budget", 6, "--seed", 4, "--batch-size", 3, "--name", "a", "--json")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    database = tmp_path / "activeclust.db"
    status, out, err = run("loop", "--resume", "--name", "a", "--db", database, "--budget", 9, "--json")
    assert status == 0, err
    resumed = json.loads(out)
    assert (resumed["seed"], resumed["batch_size"], resumed["answers"]) == (4, 3, 9)
    through = json.loads(
        run("loop", "--oracle", rows_file, "--budget", 9, "--seed", 4, "--batch-size", 3, "--json")[1]
    )
    assert_same_rounds(resumed["rounds"], through["rounds"])
    assert run("loop", "--resume", "--name", "a", "--db", database, "--json")[0] == 0
    status, _, err = run("loop", "--resume", "--name", "a", "--db", database, "--strategy", "random")
    assert status == 1
    assert "was made with strategy auto (now random)" in err
    assert "--changed" in err


def test_resume_without_a_name_takes_the_newest(run, rows_file):
    for _ in range(2):
        run("loop", "--oracle", rows_file, "--budget", 3, "--strategy", "random")
    status, out, _ = run(
        "loop", "--oracle", rows_file, "--strategy", "random", "--resume", "--budget", 4, "--json"
    )
    assert status == 0
    assert json.loads(out)["run"] == "rows-random-seed0-2"


def test_noise_is_the_same_under_the_same_seed(run, rows_file):
    words = ("loop", "--oracle", rows_file, "--budget", 20, "--noise", 0.5, "--strategy", "random", "--json")
    first, second = (json.loads(run(*words)[1]) for _ in range(2))
    assert first["rounds"] == second["rounds"]
    honest = json.loads(run(*words[:5], *words[7:], "--name", "honest")[1])
    assert honest["metrics"]["accuracy"] > first["metrics"]["accuracy"]


def test_a_stop_rule_ends_the_loop(run, rows_file):
    words = (
        "loop",
        "--oracle",
        rows_file,
        "--budget",
        80,
        "--batch-size",
        2,
        "--stop",
        "converged",
        "--json",
    )
    document = json.loads(run(*words)[1])
    assert document["ended"] == "converged"
    assert document["answers"] < 80


def test_kill_9_loses_no_answer_and_resume_is_exact(run, rows_file, tmp_path):
    words = ["loop", "--oracle", str(rows_file), "--budget", "60", "--strategy", "random", "--name", "k"]
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    await_answers(tmp_path / "activeclust.db", 5, process)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    kept = json.loads(run("runs", "--json")[1])[0]["answers"]
    assert 5 <= kept < 60
    resumed = json.loads(run("loop", "--resume", "--name", "k", "--json")[1])
    through = json.loads(run(*words[:-1], "through", "--json")[1])
    assert_same_rounds(resumed["rounds"], through["rounds"])
    assert resumed["answers"] == 60


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(rows_file, tmp_path):
    words = ["loop", "--oracle", str(rows_file), "--budget", "75", "--strategy", "random"]
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    await_answers(tmp_path / "activeclust.db", 3, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert "--resume --name rows-random-seed0" in err
    assert "Traceback" not in err
    assert (tmp_path / "activeclust-out" / "rows-random-seed0" / "rounds.csv").is_file()


def await_answers(database: Path, wanted: int, process: subprocess.Popen) -> None:
    """Wait until a process has stored that many answers."""
    while process.poll() is None:
        if database.is_file():
            try:
                connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
                try:
                    if connection.execute("select count(*) from activeclust_event").fetchone()[0] >= wanted:
                        return
                finally:
                    connection.close()
            except sqlite3.OperationalError:  # the tables are being made
                pass
        time.sleep(0.005)
    pytest.fail(f"the process ended by itself: {process.communicate()}")


# ---------------------------------------------------------------- mistakes


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
    "out is a file": (lambda p: [*DIGITS, "--out", spoil(p / "out", "")], 1, "Nothing can be written"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_gets_one_clear_sentence(run, tmp_path, case):
    words, status, says = MISTAKES[case]
    got, out, err = run("loop", *words(tmp_path))
    assert got == status, err
    assert out == ""
    assert says in err
    if status == 1:
        assert err.startswith("Error: ")
        assert err.count("\n") == 1


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
    assert "Nothing can be written" in err


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


# ---------------------------------------------------------------- cluster


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
        ("", "cannot be read"),
        ("a,b\n1,2\n", "must have the columns row and cluster"),
        ("row,cluster\n", "holds no answers"),
        ("row,cluster\n80,x\n", "line 2: row '80' is not a number from 0 to 79"),
        ("row,cluster\n1,x\n2,\n", "line 3: row 2 has no cluster"),
        ("row,cluster\n1,x\n1,y\n", "line 3: row 1 is in two clusters"),
    ],
)
def test_bad_anchors_are_refused(run, rows_file, tmp_path, text, says):
    status, out, err = run("cluster", rows_file, "--anchors", spoil(tmp_path / "anchors.csv", text))
    assert (status, out) == (1, "")
    assert says in err


# ---------------------------------------------------------------- annotate in the terminal


def annotate(rows_file: Path, folder: Path, typed: str, *words: str) -> tuple[str, str]:
    """A person at the other end of a pipe, on a screen of 80 columns without colours."""
    done = subprocess.run(
        [*COMMAND, "annotate", str(rows_file), "--seed", "0", *words],
        cwd=folder, input=typed, capture_output=True, text=True, check=False,
        env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_a_person_answers_through_a_pipe_today_and_tomorrow(run, rows_file, tmp_path):
    out, err = annotate(rows_file, tmp_path, "n red\nn green\ns\n?\na\n2\nx!\nn\nblue\nq\n")
    assert "3 clusters, kept as run 'rows'" in err
    assert "\x1b" not in out
    assert max(len(line) for line in out.splitlines()) <= 80
    for part in ("[1]", "[a] red", "[n]", "new cluster", "[u] undo", "'x' is no key here", "5 answers"):
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
