"""Several annotators per row: each is asked about the same rows, whichever way, and the budget counts rows."""

from __future__ import annotations

import io

import numpy as np
import pytest

from activeclust import SKIP, LabelOracle
from activeclust.annotators import batch
from activeclust.annotators.terminal import Terminal
from activeclust.errors import InvalidInput, RunMismatch
from activeclust.store.agreement import agreement


def of(make, tmp_path, who, annotator="oracle", **changes):
    settings = {"store": tmp_path / "a.db", "name": "r", "resume": "auto", "annotators": 2, "who": who}
    return make(annotator, **(settings | changes))


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_second_annotator_is_asked_about_the_rows_of_the_first(make, blobs, tmp_path, batch_size):
    first = of(make, tmp_path, "model", batch_size=batch_size)
    first.run(budget=12)
    asked = []

    def person(query):
        asked.append(query.row)
        return blobs[1][query.row]

    second = of(make, tmp_path, "eva", person, batch_size=batch_size)
    history = second.run(budget=12)
    assert asked == list(first.anchors)
    assert history.ended == "budget" and len(second.anchors) == 12
    both = agreement(second.stored.votes())
    assert (both.n_rows, both.n_disputed, both.observed) == (12, 0, 1.0)


def test_a_longer_budget_goes_on_to_new_rows_which_the_first_is_asked_about_then(make, tmp_path):
    of(make, tmp_path, "model").run(budget=4)
    second = of(make, tmp_path, "eva")
    second.run(budget=6)
    assert len(second.anchors) == 6
    first = of(make, tmp_path, "model")
    assert first.stored.unfinished("model") == list(second.anchors)[4:]
    first.run(budget=6)
    assert first.stored.unfinished("model") == first.stored.unfinished("eva") == []
    assert len(first.stored.votes()) == 12


def test_a_dispute_is_no_anchor_and_leaves_its_place_in_the_budget(make, blobs, tmp_path):
    of(make, tmp_path, "model").run(budget=5)
    wrong = blobs[1].copy()
    second = of(make, tmp_path, "eva", None)
    row = next(iter(second.anchors))
    wrong[row] = "else"
    second = of(make, tmp_path, "eva", LabelOracle(wrong))
    second.run(budget=5)
    assert row not in second.anchors and len(second.anchors) == 5
    assert agreement(second.stored.votes()).n_disputed == 1


def test_a_row_that_one_skipped_is_still_asked_of_the_other(make, tmp_path):
    first = of(make, tmp_path, "model", lambda query: SKIP)
    row = first.ask()[0].row
    first.tell(row, SKIP)
    assert of(make, tmp_path, "eva", None).ask()[0].row == row


def test_the_terminal_asks_about_them_too(make, blobs, tmp_path):
    from rich.console import Console

    first = of(make, tmp_path, "model", LabelOracle([f"{type(name).__name__} {name}" for name in blobs[1]]))
    first.run(budget=3)
    typed = "".join(f"n {name}\n" for name in first.anchors.values())
    terminal = Terminal(Console(file=io.StringIO()), io.StringIO(typed))
    second = of(make, tmp_path, "eva", terminal)
    assert second.run(budget=3).ended == "budget"
    assert agreement(second.stored.votes()).n_rows == 3


def test_a_batch_annotator_gets_a_batch_of_them(make, blobs, tmp_path):
    of(make, tmp_path, "model").run(budget=5)
    sizes = []

    @batch
    def person(queries):
        sizes.append(len(queries))
        return [blobs[1][query.row] for query in queries]

    of(make, tmp_path, "eva", person, batch_size=1).run(budget=5)
    assert sizes == [1] * 5


def test_a_stop_rule_ends_the_run_behind_the_rows_that_others_began(make, tmp_path):
    of(make, tmp_path, "model").run(budget=5)
    second = of(make, tmp_path, "eva")
    history = second.run(budget=20, stop=lambda rounds: True)
    assert history.ended == "converged" and second.stored.unfinished("eva") == []
    assert [list(record.asked) for record in history] == [
        list(record.asked) for record in of(make, tmp_path, "x", None).history
    ]


def test_without_a_name_the_question_is_whose_answers_these_are(make, tmp_path):
    with pytest.raises(InvalidInput, match="answered by 2 annotators: give each a name"):
        of(make, tmp_path, "").run(budget=3)


def test_how_many_answer_a_row_is_fixed_with_the_run(make, tmp_path):
    of(make, tmp_path, "model").run(budget=3)
    assert of(make, tmp_path, "eva", annotators=None).stored.spec.options["annotators"] == 2
    with pytest.raises(RunMismatch, match="wants 2 answers for each row, now 3"):
        of(make, tmp_path, "eva", annotators=3)
    with pytest.raises(InvalidInput, match="annotators"):
        make(annotators=0)


def test_a_question_brings_the_nearest_answered_rows(make, blobs):
    X, y = blobs
    loop = make(None, items=np.arange(len(X)), strategy="random")
    for row in range(30):
        loop.tell(row, y[row])
    query = loop.ask()[0]
    assert len(query.examples) == 12  # three of each of the four clusters
    assert all(cluster == y[row] for row, cluster in query.examples)
    far = [
        np.linalg.norm(loop.prepared.views["pca"][row] - loop.prepared.views["pca"][query.row])
        for row, _ in query.examples
    ]
    assert far == sorted(far)
    assert query.examples[0][1] == y[query.row]
