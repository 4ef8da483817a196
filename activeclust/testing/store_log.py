"""What every store must do with runs, events, anchors and rounds. See activeclust.testing.store."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from activeclust.errors import InvalidInput, RoundTaken, RunExists, RunMismatch, RunNotFound
from activeclust.identities import RowIds
from activeclust.store.base import Event, Kind, Round, Run, RunSpec, Store

N_ROWS = 50

#: Labels that have broken databases, file formats and pages.
LABELS = (
    "cat", "1", 1, 0, -1, 2**63 - 1, -(2**63), "na\u00efve", "\u732b", "\U0001f408\u200d\u2b1b", "\u05e9",
    "a\nb\r\n\tc", " padded ", "''", '"', "%", "\\", "'; DROP TABLE activeclust_event; --", "{}",
    "null", "None", "true", "1.0", "x" * 10_000, "\u00e9", "e\u0301", "\ufeff", "<script>alert(1)</script>",
    "-1", "=1+1", "\x7f\x1b[31m", "NA", "nan",
)  # fmt: skip
REFUSED: tuple[Any, ...] = (
    "",
    "  ",
    "\n",
    "a\0b",
    "\ud800",
    True,
    1.5,
    b"cat",
    2**63,
    ["cat"],
    np.bool_(True),
)


def spec(name: str = "mine", **changes: Any) -> RunSpec:
    """A run of 50 rows."""
    given: dict[str, Any] = {
        "strategy": "entropy",
        "seed": 7,
        "n_rows": N_ROWS,
        "data_hash": "abc",
        "model_hash": "m",
    }
    return RunSpec(name, **{**given, **changes})


def label(row: Any, cluster: Any, **rest: Any) -> Event:
    """A LABEL event."""
    return Event(Kind.LABEL, row=row, cluster=cluster, **rest)


def undo(event: Event) -> Event:
    """An UNDO of ``event``."""
    return Event(Kind.UNDO, target=event.seq)


def clusters(run: Run) -> dict[int, Any]:
    """Anchored rows with their clusters, in the order of the anchors."""
    return {anchor.row: anchor.cluster for anchor in run.anchors()}


class RunContract:
    """Runs: made, opened, listed, removed."""

    def test_run_is_kept_with_all_it_was_made_from(self, store: Store) -> None:
        given = spec(batch_size=5, source="a/ü.csv", package_version="0.1", options={"x": [1, None, "ü\0"]})
        store.create_run(given)
        assert store.open_run("mine").spec == given

    def test_ids_of_the_rows_are_kept(self, store: Store) -> None:
        ids = RowIds("file", tuple(f"p{i}\\ü\udc80\0.png" for i in range(N_ROWS)))
        store.create_run(spec(row_ids=ids))
        assert store.open_run("mine").spec.row_ids == ids
        assert [info.spec.row_ids for info in store.runs()] == [None]
        with pytest.raises(InvalidInput, match="50 rows, got 2"):
            store.create_run(spec("other", row_ids=RowIds("id", ("a", "b"))))
        store.delete_run("mine")
        assert store.create_run(spec()).spec.row_ids is None
        assert store.open_run("mine").spec.row_ids is None

    def test_a_run_takes_the_place_of_another(self, store: Store) -> None:
        first = store.create_run(spec())
        first.append(label(1, "cat"))
        store.create_run(spec("later"))
        second = store.supersede(spec(seed=8), [label(3, "dog")], before="mine before", last_seq=1)
        assert [info.spec.name for info in store.runs()] == ["mine before", "later", "mine"]
        assert clusters(second) == clusters(store.open_run("mine")) == {3: "dog"}
        assert store.open_run("mine").spec.seed == 8
        assert store.open_run("mine before").spec == spec("mine before")
        assert first.append(label(2, "dog")).seq == 2
        assert clusters(store.open_run("mine before")) == {1: "cat", 2: "dog"}

    @pytest.mark.parametrize(
        ("name", "before", "last_seq", "row", "error"),
        [
            ("a", "b", 1, 0, RunExists),
            ("a", "a", 1, 0, RunExists),
            ("nobody", "x", 1, 0, RunNotFound),
            ("a", " ", 1, 0, InvalidInput),
            ("a", "x", 0, 0, RunMismatch),
            ("a", "x", 1, N_ROWS, InvalidInput),
        ],
    )
    def test_a_run_that_cannot_take_the_place_leaves_all_as_it_was(
        self, store: Store, name: str, before: str, last_seq: int, row: int, error: type[Exception]
    ) -> None:
        for known in ("a", "b"):
            store.create_run(spec(known), [label(1, "cat")])
        with pytest.raises(error):
            store.supersede(spec(name), [label(row, "dog")], before=before, last_seq=last_seq)
        assert [info.spec.name for info in store.runs()] == ["a", "b"]
        assert clusters(store.open_run("a")) == {1: "cat"}

    def test_nobody_is_superseded_who_holds_rows(self, store: Store) -> None:
        run = store.create_run(spec())
        run.lease([1], 1, "eva", 60)
        with pytest.raises(RunMismatch, match="answered now, by eva"):
            store.supersede(spec(seed=8), [], before="mine before", last_seq=0)
        assert store.open_run("mine").spec.seed == 7

    def test_name_is_taken_once(self, store: Store) -> None:
        store.create_run(spec())
        with pytest.raises(RunExists, match="'mine'"):
            store.create_run(spec(seed=8))
        assert store.open_run("mine").spec.seed == 7

    def test_missing_run_is_named(self, store: Store) -> None:
        with pytest.raises(RunNotFound, match="'nobody'"):
            store.open_run("nobody")
        with pytest.raises(RunNotFound, match="'nobody'"):
            store.delete_run("nobody")

    @pytest.mark.parametrize(
        "changes",
        [
            {"n_rows": 0},
            {"seed": 1.5},
            {"batch_size": 0},
            {"options": {"annotators": 0}},
            {"options": {"x": {1}}},
            {"options": {"resolve": "dice"}},
            {"strategy": ""},
            {"data_hash": "\0"},
        ],
    )
    def test_run_that_cannot_be_is_refused(self, store: Store, changes: dict[str, Any]) -> None:
        with pytest.raises(InvalidInput):
            store.create_run(spec(**changes))
        assert store.runs() == []

    @pytest.mark.parametrize("name", ["", "  ", "a\0b", "x" * 201, None])
    def test_name_that_cannot_be_is_refused(self, store: Store, name: Any) -> None:
        with pytest.raises(InvalidInput):
            store.create_run(spec(name))

    def test_runs_are_listed_with_where_they_stand(self, store: Store) -> None:
        started = datetime.now(timezone.utc)
        store.create_run(spec("b"))
        run = store.create_run(spec("a", data_hash="other"))
        run.extend([label(1, "cat"), label(2, 1), label(3, "1"), Event(Kind.SKIP, row=4)])
        run.add_round(Round(0, 2, {"accuracy": 0.5}))
        run.add_round(Round(1, 3, {"accuracy": 0.7, "kappa": None}))
        first, second = store.runs()
        assert (first.spec.name, first.n_anchors, first.n_clusters, first.n_rounds) == ("b", 0, 0, 0)
        assert first.last_metrics == {}
        assert second.spec == run.spec
        assert (second.n_anchors, second.n_clusters, second.n_rounds) == (3, 3, 2)
        assert second.last_metrics == {"accuracy": 0.7, "kappa": None}
        assert started - timedelta(seconds=1) <= second.created_at <= second.updated_at

    def test_run_begins_with_its_events_and_rounds_or_not_at_all(self, store: Store) -> None:
        first = [label(1, "cat", client_id="x"), label(2, 1), Event(Kind.UNDO, target=1)]
        records = [Round(0, 0, {"a": 0.5}, (1, 2)), Round(1, 1, {}, (), 3)]
        run = store.create_run(spec(), first, records)
        assert clusters(run) == clusters(store.open_run("mine")) == {2: 1}
        assert (run.last_seq, run.rounds()) == (3, records)
        assert run.append(label(1, "cat", client_id="x")).seq == 1
        with pytest.raises(RunExists):
            store.create_run(spec(), [label(3, "dog")])
        assert run.last_seq == 3
        for wrong in ([label(1, "cat"), Event(Kind.UNDO, target=9)], [label(N_ROWS, "cat")]):
            with pytest.raises(InvalidInput):
                store.create_run(spec("other"), wrong)
        with pytest.raises(RoundTaken):
            store.create_run(spec("other"), first, [records[0], Round(0, 9, {})])
        assert [info.spec.name for info in store.runs()] == ["mine"]

    def test_imported_run_is_told_once_what_it_is_about(self, store: Store) -> None:
        imported = RunSpec("mine", "imported", 0, N_ROWS, "", "", options={"annotators": 2})
        run = store.create_run(imported, [label(1, "cat", annotator="eva")])
        other = store.open_run("mine")
        with pytest.raises(RunMismatch):
            run.describe(spec(n_rows=N_ROWS + 1))
        run.describe(spec(options={"note": "x", "annotators": 1}, source="a.csv"))
        told = spec(options={"note": "x", "annotators": 2}, source="a.csv")
        assert run.spec == store.open_run("mine").spec == store.runs()[0].spec == told
        assert other.append(label(1, "cat", annotator="bob")).seq == 2, "who had it open goes on"
        assert clusters(run) == {1: "cat"} and len(run.events()) == 2
        with pytest.raises(RunMismatch):
            run.describe(spec())

    def test_deleted_run_is_gone_for_those_who_still_hold_it(self, store: Store) -> None:
        run = store.create_run(spec())
        run.extend([label(1, "cat"), label(1, "dog"), Event(Kind.UNDO, target=2)])
        run.lease([5], 1, "eva", 60)
        store.delete_run("mine")
        with pytest.raises(RunNotFound):
            run.append(label(2, "dog"))
        fresh = store.create_run(spec())
        with pytest.raises(RunNotFound):
            run.append(label(2, "dog"))
        assert fresh.events() == [] and fresh.anchors() == [] and fresh.leased() == {}


class LogContract:
    """Events: kept as they were given, and what follows from them."""

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
