"""The command line as a user meets it: real data, the real network, real processes, kills and resumes."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from pathlib import Path

import pytest
import warm

COMMAND = ["-W", "error", "-m", "activeclust"]


def assert_same_rounds(rounds: list[dict], others: list[dict]) -> None:
    """The same questions to the row, and the same metrics to what rounding leaves of them."""
    assert [(r["budget"], r["asked"]) for r in rounds] == [(r["budget"], r["asked"]) for r in others]
    for one, other in zip(rounds, others, strict=True):
        numbers = [{k: v for k, v in r.items() if k != "asked" and v is not None} for r in (one, other)]
        assert numbers[0] == pytest.approx(numbers[1], abs=1e-5)


def test_loop_prints_a_table_and_writes_its_files(run, rows_file, tmp_path):
    status, out, err = run("loop", "--oracle", rows_file, "--strategy", "entropy", "--budget", 6)
    assert status == 0, err
    for heading in ("answers", "accuracy", "V-measure", "ARI", "clusters"):
        assert heading in out
    folder = tmp_path / "activeclust-out" / "rows-entropy-seed0"
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    lines = (folder / "rounds.csv").read_text().splitlines()
    assert len(lines) == 8
    assert str(folder.relative_to(tmp_path)) in err
    stored = sqlite3.connect(tmp_path / "activeclust.db")
    assert stored.execute("select count(*) from activeclust_event").fetchone() == (6,)
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
    words = ("loop", "--oracle", rows_file, "--budget", 20, "--noise", 0.5, "--strategy", "random", "--json",
             "--batch-size", 5)  # fmt: skip
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
    words = ["loop", "--oracle", str(rows_file), "--budget", "30", "--strategy", "random", "--name", "k"]
    process = warm.start([*COMMAND, *words], cwd=tmp_path)
    await_answers(tmp_path / "activeclust.db", 5, process)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    kept = json.loads(run("runs", "--json")[1])[0]["answers"]
    assert 5 <= kept < 30
    resumed = json.loads(run("loop", "--resume", "--name", "k", "--json")[1])
    through = json.loads(run(*words[:-1], "through", "--json")[1])
    assert_same_rounds(resumed["rounds"], through["rounds"])
    assert resumed["answers"] == 30


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(rows_file, tmp_path):
    words = ["loop", "--oracle", str(rows_file), "--budget", "75", "--strategy", "random"]
    said = tmp_path / "stderr.txt"
    with said.open("wb") as file:
        process = warm.start([*COMMAND, *words], cwd=tmp_path, stderr=file)
        await_answers(tmp_path / "activeclust.db", 3, process)
        process.send_signal(signal.SIGINT)
        status = process.wait()
    err = said.read_text()
    assert status == 130, err
    assert "--resume --name rows-random-seed0" in err
    assert "Traceback" not in err
    assert (tmp_path / "activeclust-out" / "rows-random-seed0" / "rounds.csv").is_file()


def await_answers(database: Path, wanted: int, process: warm.Process) -> None:
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
