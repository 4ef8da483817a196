"""The benchmarks measure what they say: broken rivals stop them, equal rows do not, intervals are Student's."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from arms import CHOSEN, MEAN, RuleEvidence, chosen, network_free
from draws import anchor_draws
from methods import BrokenRival, Rival, answer, harmonic, rivals
from problem import Problem, merged_anchors
from records import Records, read
from rows import Collection, Rows, sample_of
from scores import half_width, of_posterior, signed_rank
from summary import OURS, best_of_each, by_set, differences, table
from tables import table as read_table

from activeclust import PFNClusterer


@pytest.fixture(scope="module")
def doubled():
    """Three groups in four columns, every row there three times."""
    rng = np.random.default_rng(5)
    y = np.repeat(np.arange(3), 20)
    X = rng.normal(size=(60, 4)) + 5 * np.eye(3, 4)[y]
    return Problem.of(Rows("doubled", np.tile(X, (3, 1)).astype(np.float32), np.tile(y, 3)))


def _anchors(problem: Problem, label: str, draw: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rows = problem.rows
    anchors = list(anchor_draws(rows.y, rows.scored, label, draw + 1))[draw]
    return anchors, np.unique(rows.y[anchors], return_inverse=True)[1]


# -- rivals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("distinct", [True, False])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_rival_that_gives_nan_stops_the_benchmark(doubled, distinct, value):
    def broken(p, a, c, C):
        scores = np.zeros((len(p.first) if distinct else len(p.inverse), C))
        scores[4, 1] = value
        return scores

    with pytest.raises(BrokenRival, match=r"Half-baked on doubled with 6 anchors gave NaN .* 1 of"):
        answer("Half-baked", Rival(broken, distinct), doubled, *_anchors(doubled, "2 each"))


def test_a_rival_that_raises_stops_the_benchmark(doubled):
    def failing(p, a, c, C):
        raise ZeroDivisionError("no mass")

    with pytest.raises(BrokenRival, match="ZeroDivisionError: no mass"):
        answer("Failing", Rival(failing), doubled, *_anchors(doubled, "1 each"))


def test_a_rival_of_the_wrong_shape_stops_the_benchmark(doubled):
    with pytest.raises(BrokenRival, match="shape"):
        answer("Flat", Rival(lambda p, a, c, C: np.zeros((3, C))), doubled, *_anchors(doubled, "1 each"))


FAST = [  # UMAP compiles for half a minute; boosted trees need more rows
    "Poisson", "Laplace", "Laplace, mean shift", "Laplace, all columns", "Laplace, then soft k-means",
    "Laplace times soft k-means", "LabelSpreading", "LabelPropagation", "logistic, all columns",
    "logistic, angles", "centroids, all columns", "random forest, all columns", "logistic, PCA", "1-NN, PCA",
    "Gaussian process, PCA", "logistic, diffusion", "1-NN, diffusion", "seeded k-means",
    "PoissonMBO, uniform sizes", "PoissonMBO, told the sizes",
]  # fmt: skip


@pytest.mark.parametrize("name", FAST)
def test_rivals_tell_the_groups_where_every_row_has_copies(doubled, name):
    pytest.importorskip("graphlearning")
    anchors, codes = _anchors(doubled, "2 each")
    scores = answer(name, rivals()[name], doubled, anchors, codes)
    assert scores.shape == (180, 3)
    assert (scores.argmax(axis=1) == doubled.rows.y).mean() > 0.9
    # copies of a row are one row
    np.testing.assert_allclose(scores[:60], scores[60:120], atol=1e-6)
    if rivals()[name].probabilities:
        np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-6)


def test_a_graph_is_of_the_distinct_rows(doubled):
    pytest.importorskip("graphlearning")
    assert doubled.graph.weights.shape == (60, 60)
    assert np.isfinite(doubled.graph.weights.data).all()
    assert doubled.graph.weights.nnz > 60


@pytest.mark.parametrize("seed", range(4))
def test_laplace_on_a_graph_of_parts_is_exact(seed):
    """graphlearning's own gives NaN on some such graphs: one class is solved before the others."""
    pytest.importorskip("graphlearning")
    rng = np.random.default_rng(seed)
    small = np.ones((12, 12)) - np.eye(12)
    large = np.triu(rng.random((80, 80)) * (rng.random((80, 80)) < 0.1), 1) + np.diag(np.ones(79), 1)
    W = sp.csr_matrix(sp.block_diag([small, large + large.T, small]))
    anchors, codes = np.array([0, 20, 70]), np.array([0, 1, 2])
    u = harmonic(W, anchors, codes, 3)
    L = np.diag(np.asarray(W.sum(axis=1)).ravel()) - W.toarray()
    rest = np.setdiff1d(np.arange(92), anchors)
    exact = np.linalg.solve(L[np.ix_(rest, rest)], -L[np.ix_(rest, anchors)] @ np.eye(3))
    np.testing.assert_allclose(u[rest], exact, atol=1e-4)
    assert (u[92:] == 0).all()  # no anchor, no solution


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=30))
def test_anchors_that_are_equal_rows_are_merged_by_majority(pairs):
    inverse = np.arange(6)[::-1].copy()
    anchors, codes = (np.array(part) for part in zip(*pairs, strict=True))
    rows, merged = merged_anchors(anchors, codes, inverse)
    assert sorted(set(inverse[anchors])) == rows.tolist()
    for row, code in zip(rows, merged, strict=True):
        votes = np.bincount(codes[inverse[anchors] == row], minlength=4)
        assert votes[code] == votes.max()


def test_a_cluster_whose_anchors_are_outvoted_keeps_its_column(doubled):
    # rows 0, 60 and 120 are equal; two of them are told to be of cluster 0, one of cluster 2
    anchors, codes = np.array([0, 60, 120, 25]), np.array([0, 0, 2, 1])
    scores = answer(
        "One-hot", Rival(lambda p, a, c, C: np.eye(C)[np.zeros(len(p.first), int)], distinct=True),
        doubled, anchors, codes,
    )  # fmt: skip
    assert scores.shape == (180, 3)
    assert (scores[:, 2] == 0).all()


# -- arms ------------------------------------------------------------------------------------------


def test_arms_without_a_network(doubled):
    model = PFNClusterer(device="cpu")
    arms = network_free(model, doubled.prepared, *_anchors(doubled, "2 each"))
    assert {MEAN, CHOSEN} < set(arms)
    for name, known in arms.items():
        assert known.shape == (180, 3), name
        np.testing.assert_allclose(known.sum(axis=1), 1.0, atol=1e-5)
    assert (arms[MEAN].argmax(axis=1) == doubled.rows.y).mean() > 0.95


def test_leave_one_out_picks_the_rule_that_knows_the_anchors():
    codes = np.array([0, 0, 1, 1, 2])
    knows = np.log(np.full((5, 3), 0.1) + 0.7 * np.eye(3)[codes])
    guesses = np.log(np.full((5, 3), 1 / 3))
    # the third is right only on the anchor that is alone in its cluster, which nobody can judge
    lucky = guesses.copy()
    lucky[4] = np.log([1e-6, 1e-6, 1.0])
    evidence = RuleEvidence(
        ("guesses", "lucky", "knows"), np.zeros((3, 9, 3)), np.stack([guesses, lucky, knows]), codes
    )
    assert chosen(evidence) == "knows"
    alone = RuleEvidence(("a", "b"), np.zeros((2, 9, 2)), np.zeros((2, 2, 2)), np.array([0, 1]))
    assert chosen(alone) is None


# -- scores ----------------------------------------------------------------------------------------


def test_intervals_have_students_factor():
    # three draws: 4.303, not 1.96
    assert half_width([0.0, 1.0, 2.0]) == pytest.approx(4.302653 / np.sqrt(3), abs=1e-5)
    assert half_width(np.arange(10.0)) == pytest.approx(
        2.262157 * np.std(np.arange(10), ddof=1) / np.sqrt(10), abs=1e-5
    )
    assert np.isnan(half_width([1.0]))


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 8), st.integers(0, 1000))
def test_intervals_hold_what_they_promise(n, seed):
    draws = np.random.default_rng(seed).normal(size=(400, n))
    covered = np.mean([abs(row.mean()) <= half_width(row) for row in draws])
    assert 0.9 < covered < 0.99


def test_signed_rank():
    assert signed_rank(np.zeros(5)) == 1.0
    assert signed_rank(np.arange(1, 9) / 10) < 0.01
    assert signed_rank(np.array([0.1, -0.1, 0.2, -0.2, 0.3, -0.3])) > 0.5


def test_scores_of_a_posterior_with_a_row_of_an_unseen_cluster():
    known, new = np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([0.2, 0.6])
    got = of_posterior(known, np.array(["a", "b"]), np.array(["a", "c"]), new)
    assert got["accuracy"] == 0.5
    assert got["accuracy_known"] == 1.0
    assert got["expected"] == pytest.approx((0.9 * 0.8 + 0.5 * 0.4) / 2)
    assert got["log_loss"] == pytest.approx(-(np.log(0.72) + np.log(0.6)) / 2)
    assert got["log_loss_known"] == pytest.approx(-np.log(0.9))
    # three outcomes: a, b, none of these
    first = (0.72 - 1) ** 2 + 0.08**2 + 0.2**2
    second = 0.2**2 + 0.2**2 + (0.6 - 1) ** 2
    assert got["brier"] == pytest.approx((first + second) / 2)
    assert got["brier_known"] == pytest.approx(0.1**2 + 0.1**2)


def test_a_posterior_with_nan_is_not_scored():
    known = np.array([[0.9, 0.1], [np.nan, 0.5]])
    with pytest.raises(ValueError, match="NaN"):
        of_posterior(known, np.array([0, 1]), np.array([0, 1]))


# -- records and tables ----------------------------------------------------------------------------


def _record(method: str, draw: int, data: str = "d", anchors: str = "1 each", **values) -> dict:
    return {"data": data, "anchors": anchors, "draw": draw, "method": method} | values


def test_a_killed_run_resumes(tmp_path):
    path = tmp_path / "posterior.csv"
    killed = Records(path, "w1")
    killed.add(
        [_record("Laplace", 0, accuracy=0.5), _record(OURS, 0, accuracy=np.float64(0.6), weights="w1")]
    )
    with killed.part.open("a") as file:
        file.write(json.dumps(_record("Poisson", 0, accuracy=0.4))[:-9])  # torn
    again = Records(path, "w1")
    assert again.resumed == 2
    assert ("d", "1 each", 0, OURS) in again
    assert ("d", "1 each", 0, "Poisson") not in again
    other = Records(path, "w2")  # other weights: ours is measured again, the rival is not
    assert ("d", "1 each", 0, OURS) not in other
    assert ("d", "1 each", 0, "Laplace") in other
    other.add([_record(OURS, 0, accuracy=0.7, weights="w2")])
    other.finish(other.frame(), ["seeds: none"])
    assert not other.part.exists()
    lines = path.read_text().splitlines()
    assert lines[0].startswith("# command: python benchmarks/")
    assert "# weights: w2" in lines
    assert "# seeds: none" in lines
    frame = read(path)
    assert frame.set_index("method")["accuracy"].to_dict() == {"Laplace": 0.5, OURS: 0.7}


def test_an_older_csv_is_refused(tmp_path):
    path = tmp_path / "posterior-sets.csv"
    with pytest.raises(SystemExit, match=r"no posterior-sets\.csv yet"):
        read(path)
    pd.DataFrame([_record("Laplace", 0)]).to_csv(path, index=False)
    with pytest.raises(SystemExit, match="has no log_loss_known"):
        read(path, ["data", "log_loss_known"])


@pytest.fixture
def frame():
    """Two sets, three draws; ours is 0.1 above Laplace on one and 0.02 below on the other."""
    records = []
    for data, ours in (("easy", 0.9), ("hard", 0.38)):
        for draw in range(3):
            records += [
                _record(OURS, draw, data, accuracy=ours + 0.01 * draw),
                _record("Laplace", draw, data, accuracy=(0.8 if data == "easy" else 0.4) + 0.01 * draw),
                _record("rule: near", draw, data, accuracy=0.95 if data == "easy" else 0.1),
                _record("rule: far", draw, data, accuracy=0.2 if data == "easy" else 0.5),
            ]
            if data == "easy":
                records.append(_record("Slow", draw, data, accuracy=0.99))
    return pd.DataFrame(records)


def test_the_unit_of_a_claim_about_sets_is_the_set(frame):
    told = differences(frame, "accuracy").loc["Laplace", "1 each"]
    half = half_width([0.1, -0.02])
    assert told == f"+0.040 ± {half:.3f}  p {signed_rank([0.1, -0.02]):.3f}  worse on 1/2"
    one = differences(frame[frame["data"] == "easy"], "accuracy").loc["Laplace", "1 each"]
    assert one == "+0.100 ± 0.000"  # over draws, which are paired


def test_tables_leave_out_what_was_not_measured_on_every_set(frame):
    shown = table(frame, "accuracy")["1 each"]
    assert shown.index[0] == OURS
    assert "Slow" not in shown.dropna()
    assert shown["Laplace"] == pytest.approx(0.61)
    assert shown["(best rule of each set)"] == pytest.approx((0.95 + 0.5) / 2)
    best = best_of_each(by_set(frame, "accuracy"), pd.Index(["Laplace", "Slow"]), "accuracy")["1 each"]
    assert best.to_dict() == {"easy": pytest.approx(0.99), "hard": pytest.approx(0.41)}


# -- data ------------------------------------------------------------------------------------------


def test_anchor_draws_are_the_same_every_time_and_leave_noise_out():
    y = np.array([0, 0, 0, 1, 1, 2])
    scored = np.flatnonzero(y != 0)
    first, again = (list(anchor_draws(y, scored, "2 each", 3)) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
        assert sorted(y[a]) == [1, 1, 2]
    assert not np.array_equal(*list(anchor_draws(np.zeros(99), np.arange(99), "10", 2)))


def test_collections_read_a_set_when_its_turn_comes():
    read_so_far = []

    def load(name: str) -> Rows:
        read_so_far.append(name)
        return Rows(name, np.zeros((4, 2)), np.arange(4))

    both = Collection(("a", "b"), load)
    assert next(iter(both)).name == "a"
    assert read_so_far == ["a"]
    with pytest.raises(SystemExit, match="No such data set: c; there are a, b"):
        both.only("c")
    assert len(sample_of(load("a"), 3, seed=0).y) == 3
    assert len(sample_of(load("a"), 9, seed=0).y) == 4


def test_a_table_of_words_numbers_and_gaps():
    frame = pd.DataFrame(
        {
            "n": ["1", "2", "?", "5"],
            "w": ["x", "y", "x", "<null>"],
            "none": [None] * 4,
            "c": ["a", "b", "a", "b"],
        }
    )
    rows = read_table("small", frame)
    assert rows.y.tolist() == [0, 1, 0, 1]
    assert rows.X.shape == (4, 3)  # n, w is x, w is y
    assert np.isfinite(rows.X).all()
    np.testing.assert_allclose(rows.X.mean(axis=0), 0, atol=1e-9)


# -- the whole ---------------------------------------------------------------------------------------


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


# -- strategies ------------------------------------------------------------------------------------


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


def test_the_release_suite_shares_nothing_and_is_drawn_anew():
    from data import release
    from tables import KEEL, KEEL_RELEASE, PUBLIC

    assert not set(KEEL_RELEASE) & {*KEEL, *PUBLIC}
    of_39 = {
        "iris",
        "wine",
        "wdbc",
        "ecoli",
        "ionosphere",
        "statlog",
    }  # KEEL's names for tables of the 39 sets
    assert not set(KEEL_RELEASE) & of_39
    one, same, next_ = release(version="1.0"), release(version="1.0"), release(version="1.1")
    made = one.names[len(KEEL_RELEASE) :]
    assert len(made) >= 6
    for name, other in zip(made, next_.names[len(KEEL_RELEASE) :], strict=True):
        assert np.array_equal(one.load(name).X, same.load(name).X)
        assert not np.array_equal(one.load(name).X, next_.load(other).X)


def test_a_release_has_one_result(tmp_path):
    from release import done

    page = tmp_path / "release-benchmarks.md"
    assert not done(page, "1.0")
    page.write_text("# The release suite\n\nVersion 1.0, weights `0123456789abcdef`: 17 data sets\n")
    assert done(page, "1.0")
    assert not done(page, "1.1")
