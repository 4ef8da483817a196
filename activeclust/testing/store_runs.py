"""Contract tests for runs. See activeclust.testing.store."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from activeclust.errors import InvalidInput, RoundTaken, RunExists, RunMismatch, RunNotFound
from activeclust.identities import RowIds
from activeclust.store.base import Store
from activeclust.store.records import Event, Kind, Round, RunSpec
from activeclust.testing.store_cases import N_ROWS, clusters, label, spec


class RunContract:
    """Runs are created, opened, listed and removed."""

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
