"""Contract tests for several annotators of one run. See activeclust.testing.store."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from activeclust.errors import InvalidInput
from activeclust.store.base import Store
from activeclust.store.records import Event, Kind
from activeclust.testing.store_cases import N_ROWS, clusters, label, spec, undo


class LeaseContract:
    """Leases reserve rows for one annotator."""

    def test_two_annotators_never_get_one_row(self, store: Store) -> None:
        run = store.create_run(spec())
        assert run.lease([5, 3, 4, 9], 2, "eva", 60) == [5, 3]
        assert run.lease([5, 3, 4, 9], 3, "bob", 60) == [4, 9]
        assert run.lease([5, 3, 4, 9], 1, "joe", 60) == []
        assert run.leased() == {3: "eva", 4: "bob", 5: "eva", 9: "bob"} and run.leased("eva") == {
            3: "eva",
            5: "eva",
        }
        assert run.lease([], 1, "eva", 60) == [] and run.lease([7], 0, "eva", 60) == []

    def test_lease_of_ones_own_is_renewed(self, store: Store) -> None:
        run = store.create_run(spec())
        run.lease([1, 2], 2, "eva", 0.4)
        assert run.lease([2, 3], 1, "eva", 60) == [2]
        time.sleep(0.5)
        assert run.leased() == {2: "eva"}

    def test_lease_expires(self, store: Store) -> None:
        run = store.create_run(spec())
        run.lease([1, 2], 2, "eva", 0.2)
        assert run.lease([1, 2], 2, "bob", 60) == []
        time.sleep(0.3)
        assert run.leased() == {}
        assert run.lease([1, 2], 2, "bob", 60) == [1, 2]

    def test_answered_and_withdrawn_rows_are_passed_over(self, store: Store) -> None:
        run = store.create_run(spec())
        run.extend([label(1, "cat"), Event(Kind.SKIP, row=2), Event(Kind.UNSURE, row=3), label(4, "cat")])
        run.append(Event(Kind.UNDO, target=4))
        assert run.lease([1, 2, 3, 4, 5], 5, "", 60) == [4, 5]

    def test_lease_ends_with_the_answer(self, store: Store) -> None:
        run = store.create_run(spec())
        run.lease([1, 2], 2, "eva", 60)
        answer = run.append(label(1, "cat", annotator="eva"))
        assert run.leased() == {2: "eva"}
        run.append(undo(answer))
        assert run.lease([1, 2], 2, "bob", 60) == [1]

    def test_release_gives_back(self, store: Store) -> None:
        run = store.create_run(spec())
        run.lease([1, 2, 3], 3, "eva", 60)
        run.lease([4], 1, "bob", 60)
        run.release("eva", [2, 4])
        assert run.leased() == {1: "eva", 3: "eva", 4: "bob"}
        run.release("eva")
        run.release("nobody")
        assert run.leased() == {4: "bob"}

    def test_runs_have_their_own_leases(self, store: Store) -> None:
        first, second = store.create_run(spec("a")), store.create_run(spec("b"))
        assert first.lease([1], 1, "eva", 60) == second.lease([1], 1, "bob", 60) == [1]

    @pytest.mark.parametrize(
        ("rows", "annotator"), [([N_ROWS], "eva"), ([-1], "eva"), (["1"], "eva"), ([1], "a\0b")]
    )
    def test_lease_that_cannot_be_is_refused(self, store: Store, rows: Any, annotator: str) -> None:
        run = store.create_run(spec())
        with pytest.raises(InvalidInput):
            run.lease(rows, 1, annotator, 60)

    def test_first_free_rows_of_a_large_pool(self, store: Store) -> None:
        run = store.create_run(spec(n_rows=10_000))
        run.extend([label(row, "cat") for row in range(4_095)])
        assert run.lease(range(10_000), 2, "eva", 60) == [4_095, 4_096]
        assert run.lease(range(10_000), 1, "bob", 60) == [4_097]


class OverlapContract:
    """Several people answer every row."""

    def test_row_is_given_to_as_many_as_asked_for(self, store: Store) -> None:
        run = store.create_run(spec(options={"annotators": 2}))
        assert run.lease([1, 2], 1, "eva", 60) == run.lease([1, 2], 1, "bob", 60) == [1]
        assert run.lease([1, 2], 1, "joe", 60) == [2]
        run.append(label(1, "cat", annotator="eva"))
        assert run.lease([1, 2], 2, "eva", 60) == [2]
        assert run.unfinished("eva") == [] and run.unfinished("bob") == run.unfinished("joe") == [1]
        assert run.lease([1], 1, "joe", 60) == []
        run.append(label(1, "cat", annotator="bob"))
        assert run.unfinished("joe") == []

    def test_one_annotator_a_row_leaves_nothing_unfinished(self, store: Store) -> None:
        run = store.create_run(spec())
        run.append(label(1, "cat", annotator="eva"))
        assert run.unfinished("bob") == []

    def test_latest_answer_counts_where_one_person_is_asked(self, store: Store) -> None:
        run = store.create_run(spec())
        run.extend([label(1, "cat", annotator="eva"), label(1, "cat", annotator="joe")])
        corrected = run.append(label(1, "dog", annotator="bob"))
        assert run.anchors()[0].annotator == "bob" and clusters(run) == {1: "dog"}
        run.append(undo(corrected))
        assert run.anchors()[0].annotator == "joe" and clusters(run) == {1: "cat"}

    def test_majority_decides(self, store: Store) -> None:
        run = store.create_run(spec(options={"annotators": 3}))
        run.append(label(1, "cat", annotator="eva"))
        assert clusters(run) == {1: "cat"}
        run.append(label(1, "dog", annotator="bob"))
        assert clusters(run) == {} and run.withdrawn() == {1: Kind.REVIEW}
        run.append(label(1, "dog", annotator="joe"))
        assert clusters(run) == {1: "dog"} and run.withdrawn() == {}
        assert [(vote.annotator, vote.cluster) for vote in run.votes()] == [
            ("eva", "cat"),
            ("bob", "dog"),
            ("joe", "dog"),
        ]
        run.append(Event(Kind.SKIP, row=1, annotator="joe"))
        assert run.withdrawn() == {1: Kind.REVIEW}

    def test_answers_outweigh_skips(self, store: Store) -> None:
        run = store.create_run(spec(options={"annotators": 3}))
        run.extend([Event(Kind.SKIP, row=1, annotator="eva"), Event(Kind.UNSURE, row=1, annotator="bob")])
        assert run.withdrawn() == {1: Kind.UNSURE}
        run.append(label(1, "cat", annotator="joe"))
        assert clusters(run) == {1: "cat"}

    def test_review_settles_a_dispute(self, store: Store) -> None:
        run = store.create_run(spec(options={"annotators": 2, "resolve": "review"}))
        run.extend(
            [label(1, 1, annotator="eva"), label(1, "1", annotator="bob"), label(2, 1, annotator="eva")]
        )
        assert clusters(run) == {2: 1} and run.withdrawn() == {1: Kind.REVIEW}
        review = run.append(Event(Kind.REVIEW, row=1, cluster="1", annotator="eva"))
        assert clusters(run) == {1: "1", 2: 1} and run.withdrawn() == {}
        assert [vote.kind for vote in run.votes([1])] == [Kind.LABEL, Kind.LABEL, Kind.REVIEW]
        run.append(undo(review))
        assert run.withdrawn() == {1: Kind.REVIEW} and len(run.votes([1])) == 2 and run.votes([3]) == []

    def test_review_under_majority_needs_more_than_a_plurality_of_one(self, store: Store) -> None:
        run = store.create_run(spec(options={"annotators": 3, "resolve": "review"}))
        run.extend(
            [
                label(1, "cat", annotator="eva"),
                label(1, "cat", annotator="bob"),
                label(1, "dog", annotator="joe"),
            ]
        )
        assert run.withdrawn() == {1: Kind.REVIEW}

    def test_rename_reaches_everybodys_answers(self, store: Store) -> None:
        run = store.create_run(spec(options={"annotators": 2}))
        run.extend([label(1, "cat", annotator="eva"), label(1, "dog", annotator="bob")])
        run.append(Event(Kind.MERGE, cluster="dog", new_cluster="cat", annotator="boss"))
        assert clusters(run) == {1: "cat"} and {vote.cluster for vote in run.votes()} == {"cat"}


class CrowdContract:
    """Threads on one store."""

    def test_no_answer_of_many_threads_is_lost_or_doubled(self, store: Store) -> None:
        store.create_run(spec())
        barrier = threading.Barrier(4)

        def work(who: str) -> list[int | None]:
            run = store.open_run("mine")
            barrier.wait()
            return [run.append(label(i, who, annotator=who)).seq for i in range(12)]

        with ThreadPoolExecutor(4) as pool:
            numbers = [seq for seqs in pool.map(work, ["eva", "bob", "joe", "zoe"]) for seq in seqs]
        events = store.open_run("mine").events()
        assert (
            sorted(numbers, key=lambda seq: seq or 0) == [event.seq for event in events] == list(range(1, 49))
        )
        assert all(event.cluster == event.annotator for event in events)

    def test_threads_share_a_pool_without_meeting(self, store: Store) -> None:
        store.create_run(spec())
        barrier = threading.Barrier(4)

        def work(who: str) -> list[int]:
            run, mine = store.open_run("mine"), []
            barrier.wait()
            while rows := run.lease(range(N_ROWS), 3, who, 60):
                mine += rows
                run.extend([label(row, who, annotator=who) for row in rows])
            return mine

        with ThreadPoolExecutor(4) as pool:
            taken = [row for rows in pool.map(work, ["eva", "bob", "joe", "zoe"]) for row in rows]
        assert sorted(taken) == list(range(N_ROWS))

    def test_one_client_id_from_many_threads_is_one_answer(self, store: Store) -> None:
        run = store.create_run(spec())
        with ThreadPoolExecutor(4) as pool:
            numbers = list(pool.map(lambda _: run.append(label(1, "cat", client_id="x")).seq, range(16)))
        assert numbers == [1] * 16 and len(run.events()) == 1
