"""The loop: what it asks, what it refuses, and what it says of itself."""

from __future__ import annotations

import numpy as np
import pytest
from nearest_anchor import NearestAnchor
from story import story

from activeclust import SKIP, UNSURE, LabelOracle
from activeclust.errors import (
    InvalidInput,
    UnknownName,
)
from activeclust.store.records import Kind


def test_a_run_starts_from_nothing_and_finds_the_clusters(make, blobs):
    loop = make(labels_true=blobs[1])
    assert loop.labels.tolist() == [None] * 60
    history = loop.run(budget=20)
    assert history.ended == "budget"
    assert history.budget == list(range(21))
    assert history[0].metrics["accuracy"] is None
    assert history.last["accuracy"] > 0.95
    assert history.last["clusters"] == 4
    assert set(loop.clusters) == {"cat", "dog", 7, "7"}
    assert len(loop.anchors) == len(set(loop.anchors)) == 20


def test_an_answered_row_keeps_its_answer(make, blobs):
    y = blobs[1]
    wrong = {3: "wrong", 30: "wrong too"}
    loop = make(None)
    for row in range(40):
        loop.tell(row, wrong.get(row, y[row]))
    assert loop.labels[3] == "wrong"
    assert loop.labels[30] == "wrong too"


@pytest.mark.parametrize("strategy", ["random", "entropy", "centroid"])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_the_seed_fixes_every_choice(make, strategy, batch_size):
    runs = [make(strategy=strategy, batch_size=batch_size, random_state=s) for s in (3, 3, 4)]
    for loop in runs:
        loop.run(budget=20)
    assert story(runs[0]) == story(runs[1])
    assert list(runs[0].anchors) != list(runs[2].anchors)


def test_one_posterior_a_round(make):
    clusterer = NearestAnchor()
    make(clusterer=clusterer, batch_size=5, strategy="entropy").run(budget=20)
    assert clusterer.calls == 5  # at 0, 5, 10, 15 and 20 answers


def test_a_drawn_seed_is_recorded_and_repeats_the_run(make):
    first = make(random_state=None)
    first.run(budget=10)
    again = make(random_state=first.seed)
    again.run(budget=10)
    assert story(first) == story(again)


def test_the_pool_may_be_asked_out(make):
    loop = make(batch_size=7)
    history = loop.run(budget=60)
    assert history.ended == "budget"
    assert len(loop.anchors) == 60
    assert loop.ask() == []


def test_skipped_and_unsure_rows_cost_no_budget_and_do_not_come_back(make, blobs):
    seen = []

    def annotator(query):
        seen.append(query.row)
        return {0: SKIP, 1: UNSURE}.get(query.row % 4, str(blobs[1][query.row]))

    loop = make(annotator)
    history = loop.run(budget=60)
    assert history.ended == "pool"
    assert sorted(seen) == list(range(60))
    assert len(loop.anchors) == 30
    kinds = loop.stored.withdrawn()
    assert set(kinds.values()) == {Kind.SKIP, Kind.UNSURE}


def test_queries_tell_what_the_model_thinks(make, blobs):
    queries = []

    def annotator(query):
        queries.append(query)
        return blobs[1][query.row]

    make(annotator, items=[f"picture {i}" for i in range(60)]).run(budget=12)
    assert queries[0].suggestions == ()
    assert queries[0].new_cluster_probability == 1.0
    assert queries[0].budget_left == 12
    last = queries[-1]
    assert last.item == f"picture {last.row}"
    assert last.budget_left == 1
    masses = [p for _, p in last.suggestions]
    assert masses == sorted(masses, reverse=True)
    assert sum(masses) + last.new_cluster_probability <= 1 + 1e-6
    assert {name for name, _ in last.suggestions} == set(last.clusters)


def test_a_strategy_may_be_a_function(make):
    loop = make(strategy=lambda state, n, rng: state.candidates[:n])
    loop.run(budget=5)
    assert list(loop.anchors) == [0, 1, 2, 3, 4]


def test_a_strategy_may_be_modals(make):
    from modAL.uncertainty import margin_sampling

    loop = make(strategy=margin_sampling, batch_size=2)
    loop.run(budget=10)
    assert len(loop.anchors) == 10


def test_a_strategy_cannot_write_to_what_it_sees(make):
    def careless(state, n, rng):
        for array in (state.posterior, state.candidates, state.density, state.views["pca"], state.anchors):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
        return state.candidates[:n]

    make(strategy=careless).run(budget=3)


@pytest.mark.parametrize(
    "choice", [[0], [0, 0], [0, 999], [0.5, 1.5], [[0, 1]], None, "ab", []], ids=lambda c: f"{c!r}"
)
def test_a_strategy_that_returns_nonsense_is_named(make, choice):
    loop = make(strategy=lambda state, n, rng: choice, batch_size=2)
    with pytest.raises(InvalidInput, match="must return 2 distinct row numbers"):
        loop.ask()
    assert loop.stored.rounds() == []


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"strategy": "entrpy"}, UnknownName, "Did you mean 'entropy'"),
        ({"batch_size": 0}, InvalidInput, "batch_size is an integer from 1"),
        ({"random_state": -1}, InvalidInput, "random_state is a seed"),
        ({"items": [1, 2]}, InvalidInput, "items has 2 entries for 60 rows"),
        ({"labels_true": [1]}, InvalidInput, "labels_true has 1 entries for 60 rows"),
        ({"annotator": LabelOracle([1, 2])}, InvalidInput, "the oracle has 2 entries for 60 rows"),
        ({"annotator": "me"}, InvalidInput, "An annotator is a function"),
        ({"resume": "maybe"}, InvalidInput, "resume is True, False or 'auto'"),
    ],
)
def test_bad_settings_are_refused_in_a_sentence(make, changes, error, says):
    with pytest.raises(error, match=says):
        make(**changes)


def test_bad_budgets_and_rows_are_refused(make):
    loop = make()
    with pytest.raises(InvalidInput, match="61 answers is larger than the pool of 60 rows"):
        loop.run(budget=61)
    with pytest.raises(InvalidInput, match="budget is an integer"):
        loop.run(budget=0)
    with pytest.raises(InvalidInput, match="A row is a number from 0 to 59"):
        loop.tell(60, "a")


# ---------------------------------------------------------------- history and cards


def test_history_as_frame_csv_and_area(make, blobs, tmp_path):
    history = make(labels_true=blobs[1]).run(budget=6)
    frame = history.to_frame()
    assert frame["budget"].tolist() == history.budget
    assert frame["asked"].iloc[-1] == []
    history.to_csv(tmp_path / "rounds.csv")
    lines = (tmp_path / "rounds.csv").read_text().splitlines()
    assert len(lines) == len(history) + 1
    assert lines[0].startswith("round,budget,accuracy,v_measure,ari,nmi,clusters,ece")
    assert 0 < history.area_under_curve() < 1


def test_metrics_without_truth_are_label_free(make):
    history = make().run(budget=5)
    expected = {"expected_accuracy", "expected_low", "expected_high", "answers_to_goal"}
    assert set(history.last) == {"clusters", "agreement", *expected}
    assert set(history[0].metrics) == {*history.last, "expected_gain"}
    assert 0 < history.last["expected_accuracy"] <= 1


def test_a_query_shows_itself_in_a_notebook_without_running_its_labels(make):
    loop = make(None, items=["<script>alert(1)</script>"] * 60)
    loop.tell(0, "<img src=x onerror=alert(2)>")
    card = loop.ask()[0]._repr_html_()
    assert "<script" not in card
    assert "<img src=x" not in card
    assert "&lt;script&gt;" in card
    pictures = make(None, items=np.zeros((60, 4, 4)))
    assert "data:image/png;base64," in pictures.ask()[0]._repr_html_()
