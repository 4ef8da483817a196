"""Benchmarks as commands, on small sets: what they write, resume and refuse."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from methods import BrokenRival
from records import read
from rows import Collection, Rows
from summary import OURS

from activeclust import PFNClusterer


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, doubled):
    """``run(script, *words)`` runs a benchmark on two small sets, its figures in ``tmp_path``; gives what it prints."""
    import posterior
    import trust

    def small(data=None) -> Collection:
        rows = doubled.rows
        rng = np.random.default_rng(1)
        noisy = Rows("noisy", rows.X + 3 * rng.normal(size=rows.X.shape).astype(np.float32), rows.y)
        return Collection(("doubled", "noisy"), {"doubled": rows, "noisy": noisy}.get)

    def run(script: str, *words: str) -> str:
        module = {"posterior": posterior, "trust": trust}[script]
        monkeypatch.setattr(module, "FIGURES", tmp_path)
        monkeypatch.setitem(module.COLLECTIONS, "modern", small)
        monkeypatch.setattr(sys, "argv", [f"{script}.py", "modern", *words])
        module.main()
        return capsys.readouterr().out

    return run


def test_posterior_is_measured_again_without_the_rivals(run, tmp_path, monkeypatch):
    pytest.importorskip("graphlearning")
    told = run("posterior", "--draws", "1", "--only", "centroids, all columns;Laplace")
    for part in (
        "log-loss, rows of known clusters",
        "each rule alone",
        "ours less the best rival of each set",
    ):
        assert part in told
    path = tmp_path / "posterior-modern.csv"
    first = read(path)
    assert (tmp_path / "posterior-modern.png").stat().st_size > 10_000
    assert set(first.loc[first["method"] == OURS, "weights"]) == {PFNClusterer(device="cpu").model_hash}
    assert '--only "centroids' not in path.read_text()  # quoted once, as typed into a shell
    assert "# seeds: " in path.read_text()
    told = run("posterior", "--draws", "1", "--only", "logistic, PCA")
    assert "kept from a run before: Laplace; centroids, all columns" in path.read_text()
    monkeypatch.setattr("posterior.answer", None)  # no rival may run
    run("posterior", "--ours-again")
    again = read(path)
    assert len(again) == len(first) + 6
    same = ["data", "anchors", "draw", "method", "accuracy", "v_measure"]
    both = first[same].merge(again[same], on=same[:4], suffixes=("", "_again"))
    assert len(both) == len(first)
    np.testing.assert_allclose(both["accuracy"], both["accuracy_again"])
    assert "ours less each" in run("posterior", "--from-csv")


def test_a_broken_rival_ends_the_command_with_a_sentence(run, monkeypatch):
    def broken(*_):
        raise BrokenRival("Laplace on doubled gave NaN")

    pytest.importorskip("graphlearning")
    monkeypatch.setattr("posterior.answer", broken)
    with pytest.raises(SystemExit, match="Laplace on doubled gave NaN"):
        run("posterior", "--draws", "1", "--only", "Laplace")
    with pytest.raises(SystemExit, match="There is no rival 'Lapplace'; there are: Poisson; Laplace"):
        run("posterior", "--draws", "1", "--only", "Lapplace")


def test_trust_writes_its_origin(run, tmp_path):
    told = run("trust", "--draws", "1")
    assert "expected calibration error, known clusters" in told
    assert "half-widths (Student) over data sets" in told
    frame = read(tmp_path / "trust-modern.csv", ["what", "data", "anchors", "draw", "ece"])
    assert set(frame["what"]) == {
        "calibration",
        "known clusters",
        "unseen",
        "wrong 0%",
        "wrong 10%",
        "wrong 20%",
    }
    assert "# weights: " in (tmp_path / "trust-modern.csv").read_text()


def test_the_benchmark_of_strategies_runs_resumes_and_tells(tmp_path, monkeypatch, capsys):
    import questions

    asked = ["questions.py", "--only", "iris", "--arms", "auto;modAL margin, LR;PWLL-tau", "--rows", "90"]
    monkeypatch.setattr(questions, "SETS", {"tables": ("iris",)})
    monkeypatch.setattr(questions, "sample", lambda *_: iris_rows())
    monkeypatch.setattr(
        sys, "argv", [*asked, "--collections", "tables", "--out", str(tmp_path), "--keep-part"]
    )
    questions.main()
    part = next(tmp_path.glob("*.part.jsonl"))
    lines = part.read_text().splitlines()
    questions.main()
    assert part.read_text().splitlines() == lines, "what was measured is measured again"
    sys.argv.remove("--keep-part")
    questions.main()
    told = capsys.readouterr().out
    csv = next(tmp_path.glob("*.csv"))
    assert csv.stem == f"questions-{PFNClusterer().model_hash}"
    frame = read(csv, questions.KEY)
    assert set(frame["arm"]) == {"auto", "modAL margin, LR", "PWLL-tau"}
    assert frame["answers"].unique().tolist() == list(range(3, 31, 3))  # 10 for each: half of the rows is 45
    at = questions.at_budgets(frame)
    assert at["each"].unique().tolist() == [1, 2, 5, 10]
    shown = frame[(frame["arm"] == "auto") & (frame["each"] == 5)]["accuracy"].iloc[0]
    assert f"{shown:.3f}" in told
    assert "auto less" in told
    assert "| `converged` |" in told


def test_the_first_batch_is_measured_for_every_arm(tmp_path, monkeypatch, capsys):
    pytest.importorskip("skactiveml", reason="TypiClust needs activeclust[skactiveml]")
    import cold_start

    monkeypatch.setattr(cold_start, "SETS", {"tables": ("iris",)})
    monkeypatch.setattr(cold_start, "sample", lambda *_: iris_rows())
    monkeypatch.setattr(cold_start, "FIGURES", tmp_path)
    monkeypatch.setattr(sys, "argv", ["cold_start.py", "--collections", "tables", "--repeats", "1"])
    cold_start.main()
    told = capsys.readouterr().out
    frame = read(tmp_path / "cold-start.csv", cold_start.KEY).set_index("arm")
    assert {"auto", "auto without zero-shot", "TypiClust", "zero-shot centres", "random"} <= set(frame.index)
    assert (frame["found"] * 3).round(3).isin([1, 2, 3]).all(), "three clusters, one question for each"
    assert frame.loc["auto", "accuracy"] > 0.8
    assert f"{frame.loc['auto', 'accuracy']:.3f}" in told and "auto less" in told


def iris_rows() -> Rows:
    from sklearn.datasets import load_iris

    data = load_iris()
    at = np.random.default_rng(0).permutation(150)[:90]
    return Rows("iris", data.data[at].astype(np.float32), data.target[at], group="tables")


def test_auto_is_behind_only_where_the_interval_says_so():
    from questions import behind

    lines = [
        {"data": f"set {i}", "repeat": 0, "each": 1.0, "arm": arm, "accuracy": accuracy + 0.01 * i}
        for i in range(4)
        for arm, accuracy in (("auto", 0.5), ("best", 0.6), ("poor", 0.4))
    ]
    (line,) = behind(pd.DataFrame(lines))
    assert line == "at 1 each: auto less best -0.100 [-0.100, -0.100] BEHIND"
    even = [
        x | {"accuracy": x["accuracy"] + 0.4 * (x["arm"] == "auto") * (x["data"] == "set 1")} for x in lines
    ]
    assert behind(pd.DataFrame(even))[0].endswith("level")


def test_seconds_per_answer_are_measured_at_each_number_of_answers():
    from answers import measure

    found = measure(80, [1, 20], "random")
    assert [row["answers"] for row in found] == [1, 20]
    assert all(row["seconds_per_answer"] >= row["posterior_seconds_per_answer"] > 0 for row in found)


def test_a_release_has_one_result(tmp_path):
    from release import done

    page = tmp_path / "release-benchmarks.md"
    assert not done(page, "1.0")
    page.write_text("# The release suite\n\nVersion 1.0, weights `0123456789abcdef`: 17 data sets\n")
    assert done(page, "1.0")
    assert not done(page, "1.1")
