"""Contract tests for events and anchors. See activeclust.testing.store."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from activeclust.errors import InvalidInput
from activeclust.store.base import Store
from activeclust.store.records import Event, Kind
from activeclust.testing.store_cases import LABELS, N_ROWS, REFUSED, clusters, label, spec, undo


class LogContract:
    """Events are stored unchanged, and anchors follow from them."""

    def test_event_comes_back_numbered_and_dated(self, store: Store) -> None:
        run = store.create_run(spec())
        before = datetime.now(timezone.utc)
        first, second = run.append(label(3, "cat")), run.append(label(4, "dog", annotator="eva"))
        assert (first.seq, second.seq, run.last_seq) == (1, 2, 2)
        assert first.at is not None and first.at.tzinfo is timezone.utc
        assert before - timedelta(seconds=1) <= first.at <= datetime.now(timezone.utc) + timedelta(seconds=1)
        assert (
            run.events() == [first, second] and run.events(after=1) == [second] and run.events(after=2) == []
        )

    def test_every_kind_of_event_is_kept_whole(self, store: Store) -> None:
        run = store.create_run(spec())
        at = datetime(2025, 3, 30, 2, 30, 15, 123456, tzinfo=timezone(timedelta(hours=-7)))
        details = {"seconds": 1.25, "suggestions": [["cat", 0.1], [1, 0.2]], "note": "ü\0\ud800"}
        written = run.extend(
            [
                label(3, "cat", annotator="Zoë", client_id="a-1", details=details, at=at),
                label(4, "cat"),
                Event(Kind.SKIP, row=5),
                Event(Kind.UNSURE, row=6),
                Event(Kind.UNDO, target=3),
                Event(Kind.RENAME, cluster="cat", new_cluster=1),
                label(9, "dog"),
                Event(Kind.MERGE, cluster="dog", new_cluster=1),
                Event(Kind.SPLIT, cluster=1, new_cluster="1", rows=(9, 4)),
                Event(Kind.REVIEW, row=4, cluster="dog", annotator="boss"),
            ]
        )
        assert store.open_run("mine").events() == written
        assert written[0].at == at and written[0].details == details

    def test_labels_are_data(self, store: Store) -> None:
        run = store.create_run(spec())
        run.extend([label(row, cluster, annotator=f"{cluster}"[:200]) for row, cluster in enumerate(LABELS)])
        found = [anchor.cluster for anchor in store.open_run("mine").anchors()]
        assert found == list(LABELS)
        assert [type(cluster) for cluster in found] == [type(cluster) for cluster in LABELS]
        assert store.runs()[0].n_clusters == len(LABELS)

    @pytest.mark.parametrize("cluster", REFUSED, ids=ascii)
    def test_refused_label_leaves_nothing_behind(self, store: Store, cluster: Any) -> None:
        run = store.create_run(spec())
        with pytest.raises(InvalidInput):
            run.append(label(1, cluster))
        assert run.events() == [] and run.anchors() == []

    @pytest.mark.parametrize(
        "event",
        [
            label(-1, "cat"), label(N_ROWS, "cat"), label(None, "cat"), label(1.0, "cat"), label(True, "cat"),
            label(1, None), label(1, "cat", new_cluster="dog"), label(1, "cat", rows=(2,)),
            label(1, "cat", target=1), label(1, "cat", annotator="a\0"), label(1, "cat", annotator="x" * 201),
            label(1, "cat", client_id=""), label(1, "cat", details={"x": {1}}),
            label(1, "cat", details={"x": math.nan}), label(1, "cat", at=datetime(2025, 1, 1)),
            Event(Kind.SKIP), Event(Kind.SKIP, row=1, cluster="cat"), Event(Kind.UNDO),
            Event(Kind.UNDO, target=1), Event("nonsense"),  # type: ignore[arg-type]
            Event(Kind.RENAME, cluster="nobody", new_cluster="cat"),
            Event(Kind.MERGE, cluster="a", new_cluster="a"), Event(Kind.SPLIT, cluster="a", new_cluster="b"),
            Event(Kind.SPLIT, cluster="a", new_cluster="b", rows=(1, 1)),
        ],
    )  # fmt: skip
    def test_event_that_makes_no_sense_is_refused(self, store: Store, event: Event) -> None:
        run = store.create_run(spec())
        with pytest.raises(InvalidInput):
            run.append(event)
        assert run.events() == [] and run.last_seq == 0

    def test_numpy_numbers_are_numbers(self, store: Store) -> None:
        run = store.create_run(spec())
        written = run.append(label(np.int64(3), np.int32(1)))
        assert (type(written.row), type(written.cluster)) == (int, int)
        assert run.events() == [written]

    def test_several_events_are_written_all_or_none(self, store: Store) -> None:
        run = store.create_run(spec())
        run.append(label(1, "cat", client_id="x"))
        with pytest.raises(InvalidInput, match="none of that number"):
            run.extend(
                [
                    label(1, "dog"),
                    label(2, "dog", client_id="y"),
                    undo(run.events()[0]),
                    Event(Kind.UNDO, target=9),
                ]
            )
        assert clusters(run) == {1: "cat"} and run.last_seq == 1
        assert run.append(label(2, "cow", client_id="y")).seq == 2
        assert run.append(Event(Kind.UNDO, target=1)).seq == 3
        assert run.extend([]) == []

    def test_repeated_client_id_is_the_same_answer(self, store: Store) -> None:
        run = store.create_run(spec())
        first = run.append(label(1, "cat", client_id="x"))
        assert run.append(label(1, "cat", client_id="x")) == first
        both = run.extend(
            [label(2, "dog", client_id="y"), label(2, "dog", client_id="y"), label(1, "cat", client_id="x")]
        )
        assert [event.seq for event in both] == [2, 2, 1] and run.last_seq == 2
        with pytest.raises(InvalidInput, match="an id of its own"):
            run.append(label(1, "dog", client_id="x"))
        other = store.create_run(spec("other"))
        assert other.append(label(1, "dog", client_id="x")).seq == 1

    def test_relabelled_row_keeps_its_place(self, store: Store) -> None:
        run = store.create_run(spec())
        run.extend([label(5, "cat"), label(3, "dog")])
        relabelled = run.append(label(5, "dog"))
        assert list(clusters(run).items()) == [(5, "dog"), (3, "dog")]
        assert run.anchors()[0].seq == relabelled.seq
        run.append(undo(relabelled))
        assert list(clusters(run).items()) == [(5, "cat"), (3, "dog")]

    def test_withdrawn_rows_are_no_anchors(self, store: Store) -> None:
        run = store.create_run(spec())
        run.extend(
            [label(1, "cat"), Event(Kind.SKIP, row=2), Event(Kind.UNSURE, row=3), Event(Kind.SKIP, row=1)]
        )
        assert clusters(run) == {} and run.withdrawn() == {1: Kind.SKIP, 2: Kind.SKIP, 3: Kind.UNSURE}
        run.append(Event(Kind.UNDO, target=4))
        run.append(Event(Kind.UNDO, target=2))
        assert clusters(run) == {1: "cat"} and run.withdrawn() == {3: Kind.UNSURE}

    def test_undo_takes_back_once(self, store: Store) -> None:
        run = store.create_run(spec())
        answer = run.append(label(1, "cat"))
        taken_back = run.append(undo(answer))
        assert run.anchors() == [] and run.withdrawn() == {}
        with pytest.raises(InvalidInput, match="taken back already, by event 2"):
            run.append(undo(answer))
        with pytest.raises(InvalidInput, match="an undo itself"):
            run.append(undo(taken_back))
        run.append(label(1, "dog"))
        assert clusters(run) == {1: "dog"}

    def test_last_undoable_goes_backwards(self, store: Store) -> None:
        run = store.create_run(spec())
        assert run.last_undoable() is None
        run.extend([label(1, "cat", annotator="eva"), Event(Kind.SKIP, row=2), label(3, "cat")])
        run.append(Event(Kind.RENAME, cluster="cat", new_cluster="dog"))
        seen = []
        while (event := run.last_undoable()) is not None:
            seen.append(event.seq)
            run.append(undo(event))
        assert seen == [3, 2, 1]
        run.extend([label(1, "cat", annotator="eva"), label(2, "cat", annotator="bob")])
        last = run.last_undoable("eva")
        assert last is not None and last.row == 1 and run.last_undoable("nobody") is None

    def test_clusters_are_renamed_merged_and_split(self, store: Store) -> None:
        run = store.create_run(spec())
        run.extend([label(1, "cat"), label(2, 1), label(3, "1"), label(4, "cat"), label(5, "cat")])
        renamed = run.append(Event(Kind.RENAME, cluster=1, new_cluster="one"))
        assert clusters(run) == {1: "cat", 2: "one", 3: "1", 4: "cat", 5: "cat"}
        merged = run.append(Event(Kind.MERGE, cluster="one", new_cluster="cat"))
        split = run.append(Event(Kind.SPLIT, cluster="cat", new_cluster="kitten", rows=(2, 5)))
        assert clusters(run) == {1: "cat", 2: "kitten", 3: "1", 4: "cat", 5: "kitten"}
        run.append(undo(split))
        run.append(undo(merged))
        assert clusters(run) == {1: "cat", 2: "one", 3: "1", 4: "cat", 5: "cat"}
        run.append(undo(renamed))
        assert clusters(run) == {1: "cat", 2: 1, 3: "1", 4: "cat", 5: "cat"}
        assert run.snapshot().clusters == ("cat", 1, "1")

    @pytest.mark.parametrize(
        ("event", "words"),
        [
            (Event(Kind.RENAME, cluster="cat", new_cluster="dog"), "in use"),
            (Event(Kind.MERGE, cluster="cat", new_cluster="cow"), "no row is there"),
            (Event(Kind.MERGE, cluster="cow", new_cluster="cat"), "no row is in a cluster"),
            (Event(Kind.SPLIT, cluster="cat", new_cluster="cow", rows=(1, 2)), "row 2"),
        ],
    )
    def test_cluster_operation_that_cannot_be_is_refused(
        self, store: Store, event: Event, words: str
    ) -> None:
        run = store.create_run(spec())
        run.extend([label(1, "cat"), label(2, "dog")])
        with pytest.raises(InvalidInput, match=words):
            run.append(event)
        assert clusters(run) == {1: "cat", 2: "dog"} and run.last_seq == 2

    def test_snapshot_is_of_one_moment(self, store: Store) -> None:
        run = store.create_run(spec())
        run.extend([label(1, "cat"), Event(Kind.SKIP, row=2)])
        snapshot = run.snapshot()
        run.append(label(3, "dog"))
        assert [anchor.row for anchor in snapshot.anchors] == [1]
        assert (snapshot.withdrawn, snapshot.last_seq, snapshot.clusters) == ({2: Kind.SKIP}, 2, ("cat",))

    def test_two_handles_see_one_run(self, store: Store) -> None:
        mine, yours = store.create_run(spec()), store.open_run("mine")
        mine.append(label(1, "cat"))
        assert yours.append(label(2, "dog")).seq == 2
        assert clusters(mine) == clusters(yours) == {1: "cat", 2: "dog"}
