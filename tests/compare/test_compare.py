"""Comparing strategies: pairing, resuming, kills, and what is compared."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import numpy as np
import pytest
import warm
from compared import blobs, labelled, scores
from scipy import stats
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from activeclust.compare import Arm, compare, compare_sets, execute, make_plan
from activeclust.compare.report import to_html
from activeclust.datasets import Dataset
from activeclust.errors import InvalidInput, UnknownName
from activeclust.integrations.classifier import Classifier
from activeclust.store import open_store
from activeclust.store.records import Kind


def test_processes_give_what_one_process_gives(result):
    again = compare(blobs(), strategies=["random", "herding", "margin"], budget=15, repeats=3, jobs=2)
    assert scores(again) == scores(result)


def test_the_beginning_of_the_runs_is_the_comparison_of_a_smaller_budget(result):
    small = compare(blobs(), strategies=["random", "herding", "margin"], budget=10, repeats=3)
    cut = result.until(10)
    assert cut.budgets.tolist() == small.budgets.tolist() == [0, 5, 10]
    assert scores(cut) == scores(small) and cut.settings["budget"] == 10
    with pytest.raises(InvalidInput, match="budget out of"):
        result.until(7)


def test_a_strategys_runs_do_not_depend_on_its_company(result):
    alone = compare(blobs(), strategies=["margin"], budget=15, repeats=3)
    assert scores(alone)[0] == scores(result)[2]


def test_a_sweep_goes_on_where_it_stood(result, tmp_path):
    store = tmp_path / "runs.db"
    plan = make_plan(blobs(), ["random", "herding", "margin"], 15, repeats=3)
    for i in (1, 2):
        done = list(execute(plan, blobs(), store=store, shard=(i, 2)))
        assert [job[:2] for job in done] == plan.jobs((i, 2))
    before = {info.spec.name: info.n_anchors for info in open_store(store).runs()}
    assert before == {plan.run_name(s, r): 15 for s in plan.strategies for r in range(3)}
    log = {name: open_store(store).open_run(name).last_seq for name in before}
    finished = compare(blobs(), strategies=["random", "herding", "margin"], budget=15, repeats=3, store=store)
    assert scores(finished) == scores(result)
    opened = open_store(store)
    assert {name: opened.open_run(name).last_seq for name in before} == log, "a complete run was run again"
    longer = compare(blobs(), strategies=["random", "herding", "margin"], budget=20, repeats=3, store=store)
    assert np.array_equal(longer.values["accuracy"][:, :, 1:4], finished.values["accuracy"][:, :, 1:4])


def test_a_killed_sweep_ends_as_if_nothing_had_happened(tmp_path):
    script = tmp_path / "sweep.py"
    script.write_text(
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from compared import blobs, scores\n"
        "from activeclust.compare import compare\n"
        "sizes = {'budget': 30, 'repeats': 2, 'batch_size': 2}\n"
        "result = compare(blobs(), strategies=['random', 'herding'], store=sys.argv[1], **sizes)\n"
        "print(scores(result))\n"
    )
    store = tmp_path / "runs.db"
    command = [str(script), str(store), str(Path(warm.__file__).parent)]
    process = warm.start(command, cwd=tmp_path)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:  # until some answers are in
        if store.exists() and sum(info.n_anchors for info in _runs(store)) >= 5:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = sum(info.n_anchors for info in _runs(store))
    assert 5 <= kept < 120, "the kill came too late to show anything"
    done = warm.run(command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    straight = compare(blobs(), strategies=["random", "herding"], budget=30, repeats=2, batch_size=2)
    assert done.stdout.splitlines()[-1] == str(scores(straight))


def _runs(store: Path) -> list:
    try:
        opened = open_store(store, create=False)
    except Exception:  # not made yet, or not wholly
        return []
    try:
        return opened.runs()
    finally:
        opened.close()


def test_the_start_and_the_mistakes_are_the_same_for_all(tmp_path):
    store = tmp_path / "runs.db"
    compare(
        blobs(),
        strategies=["random", "herding"],
        budget=30,
        repeats=2,
        start=4,
        noise=0.3,
        store=store,
        name="n",
    )
    answers = {
        (s, r): {
            e.row: e.cluster
            for e in open_store(store).open_run(f"n/{s}/{r}").events()
            if e.kind is Kind.LABEL
        }
        for s in ("random", "herding")
        for r in (0, 1)
    }
    truth = blobs().y
    for r in (0, 1):
        one, two = answers["random", r], answers["herding", r]
        assert list(one)[:4] == list(two)[:4]
        shared = one.keys() & two.keys()
        assert len(shared) > 4
        assert all(one[row] == two[row] for row in shared)
        assert any(one[row] != truth[row] for row in one)
    assert list(answers["random", 0])[:4] != list(answers["random", 1])[:4]


def test_rows_without_a_label_are_never_asked_nor_scored(tmp_path):
    data = blobs()
    y = data.y.astype(object)
    y[:20] = None
    part = Dataset(data.X, y, data.X, name="part", source="part")
    result = compare(
        part, strategies=["random", "margin"], budget=30, repeats=2, store=tmp_path / "runs.db", name="n"
    )
    rows = list(labelled(tmp_path / "runs.db", "n/margin/0"))
    assert min(rows) >= 20
    assert len(rows) == 30
    assert np.isfinite(result.values["accuracy"][:, :, -1]).all()
    with pytest.raises(InvalidInput, match="budget <= 40"):
        compare(part, strategies=["random"], budget=41)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"strategies": []}, "different strategies"),
        ({"strategies": ["random", "random"]}, "different strategies"),
        ({"budget": 0}, "budget is an integer"),
        ({"budget": 61}, "budget <= 60"),
        ({"repeats": 0}, "repeats is an integer"),
        ({"noise": 2.0}, "noise is the share"),
        ({"start": 11}, "start <= budget"),
    ],
)
def test_plans_that_cannot_be_run_are_refused(changed, message):
    given = {"strategies": ["random"], "budget": 10} | changed
    with pytest.raises(InvalidInput, match=message):
        make_plan(blobs(), **given)
    with pytest.raises(UnknownName, match="Did you mean 'random'"):
        make_plan(blobs(), ["randm"], 10)


def lowest_first(state, n, rng):
    """Draws nothing at random."""
    return state.candidates[:n]


def test_arrays_with_functions_give_what_a_data_set_gives():
    data = blobs()
    result = compare(
        data.X.tolist(),
        list(data.y),
        strategies={"mine": lowest_first, "random": "random"},
        budget=10,
        repeats=2,
    )
    same = compare(data, strategies=["random", lowest_first], budget=10, repeats=2)
    assert result.strategies == ("mine", "random")
    assert np.array_equal(result.scores("mine")[:, 1:], same.scores("lowest_first")[:, 1:]), (
        "names and containers change nothing"
    )


def test_strategies_that_draw_nothing_begin_with_one_random_row(tmp_path):
    store = tmp_path / "runs.db"
    given = {"lowest": lowest_first, "random": "random"}
    result = compare(blobs(), strategies=given, budget=12, repeats=3, store=store, name="n")
    begins = [list(labelled(store, f"n/lowest/{r}")) for r in range(3)]
    assert len({rows[0] for rows in begins}) > 1, "the runs differ in nothing"
    for first, *rows in begins:
        assert rows == [row for row in range(12) if row != first][:11]
    assert result.settings["varied"] == ("lowest",)
    assert result.budgets.tolist() == [0, 5, 10, 12]
    rounds = open_store(store).open_run("n/lowest/0").rounds()
    assert [record.budget for record in rounds] == [1, 5, 10, 12], (
        "the first batch is shorter: nothing is interpolated"
    )
    assert "lowest: each run begins with one random row" in to_html(result)
    once = compare(blobs(), strategies=given, budget=12, repeats=1, store=store, name="once")
    assert once.settings["varied"] == ()


def test_an_arm_is_scored_by_its_own_model(tmp_path):
    store, data = tmp_path / "runs.db", blobs()
    nearest = KNeighborsClassifier(n_neighbors=1)
    given = {"theirs": Arm("random", Classifier(nearest)), "ours": "random"}
    result = compare(data, strategies=given, budget=10, repeats=2, store=store, name="n")
    for r in range(2):
        theirs, ours = (labelled(store, f"n/{s}/{r}") for s in ("theirs", "ours"))
        assert theirs == ours, "the same strategy and seeds: only the model differs"
        rows = list(theirs)
        right = nearest.fit(data.X[rows], data.y[rows]).predict(data.X) == data.y
        assert result.scores("theirs")[r, -1] == pytest.approx(right.mean())
    assert not np.array_equal(result.scores("theirs"), result.scores("ours"))


class GivesNan(Classifier):
    model_hash = "half-baked"

    def posterior(self, prepared, rows, codes):
        posterior, new = super().posterior(prepared, rows, codes)
        posterior[3:4] = np.nan
        return posterior, new


def test_a_nan_stops_a_comparison():
    broken = Arm("random", GivesNan(KNeighborsClassifier(n_neighbors=1)))
    with pytest.raises(InvalidInput, match=r"posterior from 5 answers holds NaN .*half-baked"):
        compare(blobs(), strategies={"broken": broken}, budget=10, repeats=1)


def test_over_several_sets_the_sets_are_the_unit():
    sets = {f"set {seed}": blobs(seed=seed) for seed in range(3)}
    result = compare_sets(
        sets, strategies=["random", "herding"], budget="2 each", batch_size="1 each", repeats=2
    )
    assert dict(result.at) == {"1 each": (4, 4, 4), "2 each": (8, 8, 8)}
    means = [part.scores("herding")[:, 2].mean() for part in result.sets]
    low, high = stats.t.interval(0.95, 2, np.mean(means), stats.sem(means))
    told = result.mean("herding", "2 each")
    assert (told.mean, told.low, told.high) == pytest.approx((np.mean(means), low, high))
    assert result.difference("herding", "random", "2 each").n == 3
    lines = result.to_csv().splitlines()
    assert len(lines) == 1 + 3 * 2 * 2 * 3
    assert {line.split(",")[0] for line in lines[1:]} == set(sets)
    assert f"{np.mean(means):.3f} ±" in result.to_markdown()
    with pytest.raises(InvalidInput, match="budget out of"):
        result.mean("random", "3 each")


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [([[0.0], [1.0]], None, "got no y"), (blobs(), [1, 2], "without y"), ([[0.0], [1.0]], [1], "y")],
)
def test_rows_without_labels_are_refused(X, y, message):
    with pytest.raises(InvalidInput, match=message):
        compare(X, y, strategies=["random"], budget=1)


def test_what_is_no_strategy_is_refused():
    with pytest.raises(InvalidInput, match="the text 'random'"):
        make_plan(blobs(), "random", 10)
    with pytest.raises(InvalidInput, match="function"):
        make_plan(blobs(), {"mine": 3}, 10)
    with pytest.raises(InvalidInput, match="such as '5 each'"):
        make_plan(blobs(), ["random"], "5 per cluster")
    with pytest.raises(InvalidInput, match="predict_proba"):
        Classifier(LinearSVC())
