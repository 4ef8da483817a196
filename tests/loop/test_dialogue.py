"""Asking and telling without an annotator: undo, relabels, names, repeated answers."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from nearest_anchor import NearestAnchor

from activeclust import SKIP, STOP, UNDO, UNSURE
from activeclust.errors import (
    InvalidInput,
)


def test_ask_and_tell_without_an_annotator(make, blobs):
    loop = make(None, batch_size=4)
    for _ in range(3):
        queries = loop.ask()
        assert [q.row for q in queries] == [q.row for q in loop.ask()], "asking twice changes nothing"
        for query in queries:
            loop.tell(query, blobs[1][query.row])
    assert len(loop.anchors) == 12
    assert [record.budget for record in loop.history] == [0, 4, 8]
    with pytest.raises(InvalidInput, match="no annotator"):
        loop.run(5)


def test_undo_asks_the_same_row_again_first(make, blobs):
    loop = make(None)
    first = loop.ask()[0]
    loop.tell(first, "mistake")
    second = loop.ask()[0]
    loop.tell(second, UNDO)
    assert loop.anchors == {}
    assert loop.ask()[0].row == first.row
    loop.tell(first, "right")
    assert loop.ask()[0].row == second.row
    assert loop.clusters == ("right",)
    assert loop.tell(second, UNDO) is not None
    assert loop.tell(second, UNDO) is None, "nothing left to undo"


def test_undo_takes_back_a_skip(make):
    loop = make(None)
    query = loop.ask()[0]
    loop.tell(query, SKIP)
    assert loop.ask()[0].row != query.row
    loop.undo()
    assert loop.ask()[0].row == query.row


def test_undo_within_run(make, blobs):
    answers = iter(["oops", UNDO, "good", "more", STOP])
    asked = []

    def annotator(query):
        asked.append(query.row)
        return next(answers)

    history = make(annotator).run(budget=10)
    assert asked[0] == asked[2]
    assert history.ended == "stop"


def test_a_row_may_be_answered_anew_and_out_of_turn(make):
    loop = make(None)
    loop.tell(5, "a")
    loop.tell(np.int64(6), "b")
    loop.tell(5, "b")
    assert loop.anchors == {5: "b", 6: "b"}
    assert loop.clusters == ("b",)
    assert 5 not in [q.row for q in loop.ask()]


def test_rename_and_merge(make, blobs):
    loop = make(None)
    for row in range(12):
        loop.tell(row, blobs[1][row])
    loop.rename("cat", "feline")
    loop.merge("dog", "feline")
    assert set(loop.clusters) == {"feline", 7, "7"}
    assert all(isinstance(name, (str, int)) for name in loop.labels)
    assert loop.ask()[0].suggestions[0][0] in loop.clusters
    with pytest.raises(InvalidInput, match="in use"):
        loop.rename("feline", 7)


def test_the_same_answer_under_one_client_id_counts_once(make):
    loop = make(None)
    loop.tell(3, "a", client_id="x1")
    loop.tell(3, "a", client_id="x1")
    assert len(loop.stored.events()) == 1


@pytest.mark.parametrize("answer", ["", "  ", None, 1.5, True, b"a", ["a"]])
def test_an_answer_that_is_none_names_the_row_and_loses_nothing(make, answer):
    calls = itertools.count()
    loop = make(lambda query: "fine" if next(calls) < 3 else answer)
    with pytest.raises(InvalidInput, match=r"answer for row \d+"):
        loop.run(budget=10)
    assert len(loop.anchors) == 3


def test_one_answer_for_many_rows_is_written_for_all_of_them_or_for_none(make):
    loop = make(None, who="eva")
    written = loop.tell_many([5, 2, 5, np.int64(7)], "cat")
    assert [(event.row, event.cluster, event.annotator) for event in written] == [
        (5, "cat", "eva"), (2, "cat", "eva"), (7, "cat", "eva")
    ]  # fmt: skip
    assert loop.anchors == {5: "cat", 2: "cat", 7: "cat"}
    loop.tell_many([2, 8], UNSURE)
    assert loop.anchors == {5: "cat", 7: "cat"} and set(loop.stored.withdrawn()) == {2, 8}
    before = loop.stored.last_seq
    for rows, answer in (([1, 60], "dog"), ([1], STOP), ([1], UNDO), ([1, 3], " "), ([1, 3], None)):
        with pytest.raises(InvalidInput):
            loop.tell_many(rows, answer)
    assert loop.tell_many([], "dog") == [] and loop.stored.last_seq == before


def test_who_reads_while_the_answers_are_read_again_sees_them_whole(make, monkeypatch):
    loop = make(None)
    loop.tell_many(range(10), "first")
    seen, real = [], loop.stored.snapshot

    def slowly(at=None):
        snapshot = real(at)
        return replace(snapshot, anchors=(seen.append(loop.anchors) or anchor for anchor in snapshot.anchors))

    monkeypatch.setattr(loop.stored, "snapshot", slowly)
    loop.tell_many(range(10, 30), "second")
    assert len(seen) == 30 and all(anchors == dict.fromkeys(range(10), "first") for anchors in seen)
    assert len(loop.anchors) == 30


def test_clusters_found_without_answers_are_computed_once_and_only_for_a_batch(make):
    calls = []

    class Finds(NearestAnchor):
        def zero_shot(self, prepared):
            calls.append(prepared)
            found = np.tile(np.eye(4), (15, 1))
            return np.arange(4), found, np.zeros(60)

    one_by_one = make(None, clusterer=Finds(), strategy="auto")
    one_by_one.ask(), one_by_one.propose(12)
    assert not calls, "rows that are chosen again after each answer need no partition"
    batch = make(None, clusterer=Finds(), strategy="auto", batch_size=6)
    rows = [query.row for query in batch.ask()]
    assert {row % 4 for row in rows} == {0, 1, 2, 3} and len(calls) == 1
    assert batch.state.zero_shot() is not None and len(calls) == 1
    assert not batch.state.zero_shot().flags.writeable
    assert make(None, strategy="auto", batch_size=6).state.zero_shot is None
